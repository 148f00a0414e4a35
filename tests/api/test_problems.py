"""The table from refusals to HTTP: complete, and a client meets each of its rows (A12, A13)."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from gpu_sim.api.problems import KINDS, api_problem, control_problem
from gpu_sim.core.commands import AddCredit
from gpu_sim.core.kernel.errors import JournalInvalid, OfferUnavailable, Refusal
from gpu_sim.core.kernel.quantities import Duration, Money
from gpu_sim.core.replay import replay
from gpu_sim.core.scenario.acts import Act, OutageAct
from gpu_sim.core.scenario.scenario import AccountSpec, Scenario
from gpu_sim.worlds.request_log import RequestLog
from gpu_sim.worlds.state_files.refusals import StateUnavailable
from gpu_sim.worlds.state_files.state_file import FileOptions, StateFile

from ..support.asgi import ALICE, BOB, RENT, Answer, Api, scenario
from ..support.builders import market, offer

RENT_PATH = "/v1/gpu/rent"


def conditions() -> Scenario:
    """The conditions in which Alice has nothing, Bob plenty, and two providers have different offers."""
    accounts = (AccountSpec("alice", ALICE, Money(0)), AccountSpec("bob", BOB, Money(10**9)))
    return scenario(accounts=accounts, market=market(offer(), offer("Texas, US", provider_id="runpod")))


def reuse_a_key(api: Api) -> Answer:
    key = [("idempotency-key", "k")]
    api.call("POST", RENT_PATH, RENT, token=BOB, headers=key)
    return api.call("POST", RENT_PATH, RENT | {"gpu_count": 2}, token=BOB, headers=key)


def touch_what_is_over(api: Api) -> Answer:
    rental_id = api.rent(token=BOB)
    api.delete(rental_id, token=BOB)
    return api.call("POST", f"/_sim/rentals/{rental_id}/touch")


def ask_for_one_of_two_worlds(api: Api) -> Answer:
    api.add_world("other", Scenario(name="other", accounts=(), market=conditions().market))
    return api.call("GET", "/_sim/clock", token=None)


def take_the_name_of_an_act_to_come(api: Api) -> Answer:
    act = Act(at=Duration(3_600_000), outage=OutageAct(name="dark"))
    api.add_world("planned", Scenario(name="planned", accounts=(), market=conditions().market, timeline=(act,)))
    return api.call("POST", "/_sim/market/outage?world=planned", {"name": "dark"})


def wait_for_what_cannot_be(api: Api) -> Answer:
    rental_id = api.rent(token=BOB)
    api.delete(rental_id, token=BOB)
    return api.call("POST", "/_sim/clock/advance", {"until": {"rental": rental_id, "status": "running"}})


def ask_for_what_is_not_kept(api: Api) -> Answer:
    api.world.requests = RequestLog(0)
    return api.call("GET", "/_sim/requests")


def ask_for_a_journal_that_is_gone(api: Api) -> Answer:
    api.world.simulation.drop(rentals=0, events=0, lines=0)
    return api.call("GET", "/_sim/journal")


def rent_on_a_full_disk(api: Api) -> Answer:
    with TemporaryDirectory() as folder:
        path, world = Path(folder) / "state.db", api.world
        state_file = StateFile.create(path, world.run, world.pacer.settings, {}, FileOptions(pages_max=1))
        world.keep_in(state_file)
        with suppress(StateUnavailable):
            for _ in range(1_000):
                world.execute(AddCredit("bob", 1))
        answer = api.call("POST", RENT_PATH, RENT | {"model_id": "m" * 256, "docker_image": "d" * 256}, token=BOB)
        state_file.release()
    assert answer.header("retry-after") == "1"
    return answer


def verify_what_is_on_its_way(api: Api) -> Answer:
    async def receive() -> Any:
        return await asyncio.Future()

    async def send(message: Any) -> None:
        raise AssertionError(message)

    headers = [(b"authorization", f"Bearer {BOB}".encode()), (b"content-length", b"1")]
    scope = {"type": "http", "method": "POST", "path": RENT_PATH, "query_string": b"", "headers": headers}

    async def verify() -> Answer:
        async def rent() -> None:
            await api.app(scope, receive, send)

        renting = asyncio.create_task(rent())
        await asyncio.sleep(0)
        wanted = {"match": {"operation": "rent_gpu"}, "exactly": 0, "wait": "0s"}
        answer = await api.send("POST", "/_sim/requests/verify", wanted)
        renting.cancel()
        return answer

    return api.runner.run(verify())


PRODUCED: dict[str, tuple[int, Callable[[Api], Answer]]] = {
    "invalid_value": (400, lambda api: api.call("GET", "/v1/gpu/offers?min_vram=x")),
    "insufficient_credit": (402, lambda api: api.call("POST", RENT_PATH, RENT)),
    "offer_not_found": (404, lambda api: api.call("POST", RENT_PATH, RENT | {"region": "Texas, US"})),
    "offer_unavailable": (409, lambda api: api.call("POST", RENT_PATH, RENT | {"gpu_count": 9})),
    "rental_not_found": (404, lambda api: api.call("GET", "/v1/gpu/rentals/x")),
    "rental_not_in_state": (409, touch_what_is_over),
    "account_not_found": (404, lambda api: api.call("POST", "/_sim/accounts/carol/credit", {"amount": "1"})),
    "account_exists": (409, lambda api: api.call("POST", "/_sim/accounts", {"name": "bob"})),
    "idempotency_key_reused": (422, reuse_a_key),
    "invalid_json": (400, lambda api: api.call("POST", RENT_PATH, body=b"{")),
    "invalid_body": (400, lambda api: api.call("POST", RENT_PATH, [1])),
    "missing_field": (400, lambda api: api.call("POST", RENT_PATH, {})),
    "unknown_field": (400, lambda api: api.call("POST", RENT_PATH, {"x": 1})),
    "unknown_parameter": (400, lambda api: api.call("GET", "/v1/gpu/offers?x=1")),
    "invalid_token": (401, lambda api: api.call("GET", "/v1/gpu/offers", token=None)),
    "not_found": (404, lambda api: api.call("GET", "/x")),
    "method_not_allowed": (405, lambda api: api.call("PUT", RENT_PATH)),
    "payload_too_large": (413, lambda api: api.call("POST", RENT_PATH, body=b" " * 65_537)),
    "unsupported_media_type": (415, lambda api: api.call("POST", RENT_PATH, RENT, media="text/plain")),
    "control_refused": (403, lambda api: api.call("GET", "/_sim/clock", host="evil.example")),
    "world_required": (400, ask_for_one_of_two_worlds),
    "scenario_invalid": (400, lambda api: api.call("POST", "/_sim/worlds", {"scenario": {}})),
    "world_exists": (409, lambda api: api.call("POST", "/_sim/worlds", {"name": "default"})),
    "default_world_kept": (409, lambda api: api.call("DELETE", "/_sim/worlds/default")),
    "world_not_found": (404, lambda api: api.call("GET", "/_sim/clock?world=nowhere")),
    "fault_not_found": (404, lambda api: api.call("DELETE", "/_sim/faults/x")),
    "act_not_found": (404, lambda api: api.call("DELETE", "/_sim/market/acts/x")),
    "act_exists": (409, take_the_name_of_an_act_to_come),
    "not_reached": (409, wait_for_what_cannot_be),
    "request_log_off": (409, ask_for_what_is_not_kept),
    "no_server": (409, lambda api: api.call("GET", "/_sim/server/refuse")),
    "not_held": (409, lambda api: api.call("POST", "/_sim/requests/verify", {"match": {}})),
    "still_in_flight": (409, verify_what_is_on_its_way),
    "journal_dropped": (410, ask_for_a_journal_that_is_gone),
    "snapshot_invalid": (400, lambda api: api.call("PUT", "/_sim/snapshot", {})),
    "state_unavailable": (503, rent_on_a_full_disk),
}
"""A request that meets each refusal, by code. Only `replay` meets an invalid journal."""


def leaves(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    """The leaves of the class tree below a refusal."""
    children = kind.__subclasses__()
    if not children:
        yield kind
    for child in children:
        yield from leaves(child)


def test_every_leaf_of_the_tree_of_refusals_is_in_the_table_and_nothing_else() -> None:
    found = [kind for kind in leaves(Refusal) if kind.__module__.startswith("gpu_sim.")]
    assert set(KINDS) == set(found)
    assert len({kind.code for kind in found}) == len(found)


def test_every_refusal_says_when_it_is_raised() -> None:
    for kind in KINDS:
        assert kind.__doc__, kind


def test_every_leaf_of_the_tree_of_refusals_is_produced() -> None:
    assert {*PRODUCED, "journal_invalid"} == {kind.code for kind in KINDS}
    with pytest.raises(JournalInvalid):
        replay(b"")


@pytest.mark.parametrize("code", PRODUCED)
def test_every_refusal_is_met_with_its_status_and_code(runner: asyncio.Runner, code: str) -> None:
    status, produce = PRODUCED[code]
    answer = produce(Api(runner, conditions()))
    shown = answer.json().get("error", answer.json())
    assert (answer.status, shown["code"]) == (status, code)
    kind = next(kind for kind in KINDS if kind.code == code)
    assert KINDS[kind].status == status


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_a12_every_type_goes_with_its_status(kind: type[Refusal]) -> None:
    types = {401: "authentication_error", 402: "insufficient_credit_error", 403: "permission_error"}
    types |= {404: "not_found_error", 409: "conflict_error", 410: "gone_error", 503: "service_unavailable_error"}
    assert KINDS[kind].type == types.get(KINDS[kind].status, "invalid_request_error")


def test_a13_only_a_conflict_that_a_retry_cannot_cure_says_so() -> None:
    for helps, expected in ((True, []), (False, [(b"x-should-retry", b"false")])):
        for shown in (api_problem, control_problem):
            headers = shown(OfferUnavailable("sold out", retry_helps=helps)).headers
            assert [header for header in headers if header[0] == b"x-should-retry"] == expected
