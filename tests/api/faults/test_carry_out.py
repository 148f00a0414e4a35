"""Faults around a request in process: effects, precedence, delays, selectors, and their journal lines."""

import asyncio
import json
from typing import Any

import pytest
from gpu_sim.api.transport import InjectedDisconnect
from gpu_sim.core.commands import HideRental
from gpu_sim.core.kernel.quantities import Duration, Share
from gpu_sim.core.scenario.distributions import fixed
from gpu_sim.core.scenario.fault_effects import Drip, FaultEffect
from gpu_sim.core.scenario.fault_rules import FaultRule, FaultTarget, FaultWhen
from gpu_sim.worlds.faults import add_fault, decide_fault, remove_fault
from gpu_sim.worlds.world import World
from starlette.types import Message

from ...support.asgi import ALICE, BOB, RENT, Api, scenario
from ...support.builders import market, offer

OFFERS = "/v1/gpu/offers"
RENTING = "/v1/gpu/rent"


def rule(name: str, effect: FaultEffect, *, when: FaultWhen | None = None, **on: Any) -> FaultRule:
    return FaultRule(name=name, on=FaultTarget(**on), effect=effect, when=when or FaultWhen())


def x_sim(words: str) -> list[tuple[str, str]]:
    return [("x-sim", words)]


def cut(api: Api, method: str, target: str, content: Any = None, **options: Any) -> list[Message]:
    """Make a request whose connection the fault cuts, and return the messages sent before."""
    with pytest.raises(InjectedDisconnect):
        api.call(method, target, content, **options)
    return api.heard


def rentals(api: Api) -> int:
    """The number of rentals."""
    return len(api.get("/_sim/rentals")["data"])


def decisions(api: Api) -> list[dict[str, Any]]:
    """The fault decisions in the journal."""
    lines = map(json.loads, api.call("GET", "/_sim/journal").body.splitlines())
    return [line for line in lines if "fault" in line]


def test_a_lost_response_takes_effect_and_is_never_heard_of(api: Api) -> None:
    assert cut(api, "POST", RENTING, RENT, headers=x_sim("lose_response")) == []
    assert rentals(api) == 1
    assert api.money()["held"] == "0.071750"


def test_a_retry_with_the_same_key_finds_the_rental_and_one_without_a_key_makes_a_second(api: Api) -> None:
    key = [("idempotency-key", "k")]
    cut(api, "POST", RENTING, RENT, headers=[*x_sim("lose_response"), *key])
    answer = api.call("POST", RENTING, RENT, headers=key)
    assert (answer.status, answer.header("idempotent-replayed"), rentals(api)) == (201, "true", 1)
    cut(api, "POST", RENTING, RENT, headers=x_sim("lose_response"))
    api.rent()
    assert rentals(api) == 3
    assert api.money()["held"] == "0.215250"


def test_a_lost_deletion_has_ended_the_rental(api: Api) -> None:
    rental_id = api.rent()
    cut(api, "DELETE", f"/v1/gpu/rentals/{rental_id}", headers=x_sim("lose_response"))
    assert api.rental(rental_id)["status"] == "terminated"
    assert api.delete(rental_id).status == 200


@pytest.mark.parametrize("words", ["reset", "hang=1ms", "respond=503", "respond=429; delay=1ms"])
def test_what_comes_before_the_command_prevents_it(api: Api, words: str) -> None:
    with api.unchanged():
        if words.startswith("respond"):
            assert api.call("POST", RENTING, RENT, headers=x_sim(words)).status >= 400
        else:
            assert cut(api, "POST", RENTING, RENT, headers=x_sim(words)) == []


def test_a_duplicate_rents_twice_and_the_client_hears_the_first_answer(api: Api) -> None:
    answer = api.call("POST", RENTING, RENT, headers=x_sim("duplicate"))
    assert (answer.status, answer.header("x-sim-fault"), rentals(api)) == (201, "header", 2)
    first, second = api.get("/_sim/rentals")["data"]
    assert answer.json()["rental_id"] == first["rental_id"] != second["rental_id"]


def test_a_duplicate_with_a_key_rents_once(api: Api) -> None:
    answer = api.call("POST", RENTING, RENT, headers=[*x_sim("duplicate"), ("idempotency-key", "k")])
    assert (answer.status, answer.header("idempotent-replayed"), rentals(api)) == (201, None, 1)


def test_a_duplicate_deletion_bills_once(api: Api) -> None:
    rental_id = api.rent()
    api.advance("30m")
    answer = api.delete(rental_id, headers=x_sim("duplicate"))
    assert (answer.status, api.money()["balance"]) == (200, "0.928250")


def test_a_duplicate_of_what_is_refused_is_refused_as_ever(api: Api) -> None:
    api.call("POST", RENTING, {}, headers=x_sim("duplicate")).refused(400, "missing_field", "gpu_model")


@pytest.mark.parametrize("share", [0, 1, 50, 99])
def test_a_truncated_answer_declares_its_whole_length_and_sends_a_part(api: Api, share: int) -> None:
    whole = api.call("GET", OFFERS).body
    start, part = cut(api, "GET", OFFERS, headers=x_sim(f"truncate={share}%"))
    headers = dict(start["headers"])
    assert headers[b"content-length"] == b"%d" % len(whole)
    assert headers[b"x-sim-fault"] == b"header"
    assert part["body"] == whole[: len(whole) * share // 100]
    assert part["more_body"]


def test_a_truncated_rent_has_happened(api: Api) -> None:
    cut(api, "POST", RENTING, RENT, headers=x_sim("truncate=50%"))
    assert rentals(api) == 1


def test_a_malformed_answer_has_the_right_length_and_is_no_json(api: Api) -> None:
    whole = api.call("GET", OFFERS)
    broken = api.call("GET", OFFERS, headers=x_sim("malformed"))
    assert (broken.status, broken.header("content-length")) == (200, whole.header("content-length"))
    assert len(broken.body) == len(whole.body)
    with pytest.raises(json.JSONDecodeError):
        broken.json()
    assert broken.header("x-sim-fault") == "header"


def test_a_dripping_answer_comes_in_pieces_and_is_whole(api: Api) -> None:
    whole = api.call("GET", OFFERS).body
    answer = api.call("GET", OFFERS, headers=x_sim("drip=50/1ms"))
    assert answer.body == whole
    assert [len(message["body"]) for message in api.heard[1:]] == [50] * (len(whole) // 50) + [len(whole) % 50]


def test_a_refusal_is_spoiled_like_any_answer(api: Api) -> None:
    answer = api.call("POST", RENTING, {}, headers=x_sim("malformed"))
    assert (answer.status, answer.body[-1:]) == (400, b",")


@pytest.mark.parametrize("words", ["truncate=50%", "malformed", "drip=10/1ms", "delay=1ms"])
def test_head_has_no_body_to_spoil(api: Api, words: str) -> None:
    whole = api.call("HEAD", OFFERS)
    answer = api.call("HEAD", OFFERS, headers=x_sim(words))
    assert (answer.status, answer.body) == (200, whole.body)
    assert answer.header("x-sim-fault") == "header"


def test_a_header_beats_every_rule_and_consults_none(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(faults=(rule("always", FaultEffect(respond=500)),)))
    answer = api.call("GET", OFFERS, headers=x_sim("respond=503"))
    assert (answer.status, answer.header("x-sim-fault")) == (503, "header")
    assert decisions(api) == []
    assert api.get("/_sim/faults")["data"][0]["hits"] == 0


def test_the_first_rule_in_order_is_injected_and_named(runner: asyncio.Runner) -> None:
    rules = (
        rule("reads", FaultEffect(respond=500), operation="get_rental"),
        rule("second-hit", FaultEffect(respond=502), when=FaultWhen(every=2)),
        rule("rest", FaultEffect(respond=503)),
    )
    api = Api(runner, scenario(faults=rules))
    seen = [api.call("GET", OFFERS) for _ in range(3)]
    assert [(answer.status, answer.header("x-sim-fault")) for answer in seen] == [
        (503, "rest"),
        (502, "second-hit"),
        (503, "rest"),
    ]
    assert decisions(api)[:2] == [
        {
            "at": 0,
            "fault": "decided",
            "account": "alice",
            "operation": "list_offers",
            "matched": ["second-hit", "rest"],
            "injected": name,
        }
        for name in ("rest", "second-hit")
    ]


def test_a_rule_that_matched_and_did_nothing_is_written_down_and_the_answer_unmarked(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(faults=(rule("never", FaultEffect(reset=True), when=FaultWhen(probability=Share(0))),)))
    answer = api.call("GET", OFFERS)
    assert (answer.status, answer.header("x-sim-fault")) == (200, None)
    assert [line["injected"] for line in decisions(api)] == [None]


def test_rules_are_about_the_four_operations_and_nothing_else(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(faults=(rule("all", FaultEffect(respond=503)),)))
    api.call("GET", OFFERS, token=None).refused(401, "invalid_token")
    api.call("GET", "/v1/gpu/rend").refused(404, "not_found")
    api.call("PATCH", RENTING).refused(405, "method_not_allowed")
    for path in ("/_sim/clock", "/openapi.json"):
        assert api.call("GET", path).status == 200
    assert decisions(api) == []
    for method, path in (("GET", OFFERS), ("POST", RENTING), ("GET", "/v1/gpu/rentals/x")):
        assert api.call(method, path).status == 503
    assert api.call("DELETE", "/v1/gpu/rentals/x").header("x-sim-fault") == "all"


SELECTED = rule("selected", FaultEffect(respond=503), provider="vast-ai", region="quebec, ca")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (json.dumps(RENT).encode(), 503),
        (json.dumps(RENT | {"provider_id": "VAST-AI", "nonsense": 1}).encode(), 503),
        (json.dumps(RENT | {"region": "Texas, US"}).encode(), 201),
        (json.dumps(RENT | {"region": 7}).encode(), 400),
        (b"{", 400),
        (b"[]", 400),
        (b"[" * 60_000, 400),
        (b"\xff", 400),
        (b"", 400),
    ],
)
def test_a_rent_concerns_the_offer_that_its_body_names(runner: asyncio.Runner, body: bytes, status: int) -> None:
    api = Api(runner, scenario(faults=(SELECTED,), market=market(offer(), offer("Texas, US"))))
    assert api.call("POST", RENTING, body=body).status == status


def test_a_look_and_a_deletion_concern_the_offer_of_the_rental(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(market=market(offer(), offer("Texas, US"))))
    there = api.rent()
    elsewhere = api.call("POST", RENTING, RENT | {"region": "Texas, US"}).json()["rental_id"]
    add_fault(api.world, SELECTED)
    assert [api.call("GET", f"/v1/gpu/rentals/{id_}").status for id_ in (there, elsewhere, "x")] == [503, 200, 404]
    assert [api.delete(id_).status for id_ in (there, elsewhere, "x")] == [503, 200, 404]
    assert api.call("GET", f"/v1/gpu/rentals/{there}", token=BOB).status == 404
    assert api.call("GET", OFFERS).status == 200
    assert all(line["matched"] == ["selected"] for line in decisions(api)[1:])


@pytest.mark.parametrize("way", ["hide", "vanish"])
def test_a_rental_that_the_api_does_not_know_is_still_of_its_offer(runner: asyncio.Runner, way: str) -> None:
    api = Api(runner, scenario())
    rental_id = api.rent()
    add_fault(api.world, SELECTED)
    if way == "hide":
        api.world.execute(HideRental(rental_id, hidden=True))
    else:
        api.call("POST", "/_sim/market/vanish", {})
    path = f"/v1/gpu/rentals/{rental_id}"
    assert [api.call(method, path).status for method in ("GET", "DELETE")] == [503, 503]
    assert [api.call(method, path, token=BOB).status for method in ("GET", "DELETE")] == [404, 404]
    remove_fault(api.world, "selected")
    assert [api.call(method, path).status for method in ("GET", "DELETE")] == [404, 404]


def test_the_same_requests_meet_the_same_faults_whatever_another_account_does(runner: asyncio.Runner) -> None:
    flaky = rule("flaky", FaultEffect(respond=503), when=FaultWhen(probability=Share(300_000)))

    def seen(others: int) -> list[int]:
        api = Api(runner, scenario(faults=(flaky,)))
        statuses = []
        for number in range(100):
            for _ in range(others and number % 3):
                api.call("GET", OFFERS, token=BOB)
            statuses.append(api.call("GET", OFFERS).status)
        return statuses

    assert seen(0) == seen(1)
    assert set(seen(0)) == {200, 503}


def test_a_run_with_faults_is_replayed_byte_for_byte(runner: asyncio.Runner) -> None:
    flaky = rule("flaky", FaultEffect(respond=503), when=FaultWhen(probability=Share(300_000)))

    def journal() -> bytes:
        api = Api(runner, scenario(faults=(flaky,)))
        for _ in range(30):
            api.call("GET", OFFERS)
            api.call("POST", RENTING, RENT)
            api.advance("10s")
        return api.call("GET", "/_sim/journal").body

    first = journal()
    assert first == journal()
    assert first.count(b'"injected":"flaky"') > 5


EFFECTS = (
    FaultEffect(respond=503),
    FaultEffect(delay=fixed(1)),
    FaultEffect(malformed=True),
    FaultEffect(drip=Drip(200, Duration(1))),
    FaultEffect(duplicate=True),
)


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: effect.kind)
def test_every_injected_answer_says_which_fault_beside_request_id_and_virtual_time(
    runner: asyncio.Runner, effect: FaultEffect
) -> None:
    api = Api(runner, scenario(faults=(rule("the-rule", effect),)))
    answer = api.call("POST", RENTING, RENT, headers=[("x-request-id", "mine")])
    assert answer.header("x-sim-fault") == "the-rule"
    assert answer.header("x-request-id") == "mine"
    assert answer.header("x-sim-now") is not None


@pytest.mark.parametrize("requests", [10_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_without_a_rule_nothing_is_written_and_no_answer_is_marked(api: Api, requests: int) -> None:
    rental_id = api.rent()
    api.advance("61s")
    written = b"".join(api.world.simulation.journal())
    headers = [(b"authorization", f"Bearer {ALICE}".encode())]
    marked = 0

    async def receive() -> Message:
        raise AssertionError("there is no body")

    async def send(message: Message) -> None:
        nonlocal marked
        if message["type"] == "http.response.start":
            assert message["status"] == 200
            marked += any(name == b"x-sim-fault" for name, _ in message["headers"])

    async def many() -> None:
        for number in range(requests):
            path = f"/v1/gpu/rentals/{rental_id}" if number % 10 == 0 else OFFERS
            scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": headers}
            await api.app(scope, receive, send)

    api.runner.run(many())
    assert marked == 0
    assert b"".join(api.world.simulation.journal()) == written


def test_a_world_decides_adds_and_removes() -> None:
    world = World("default", scenario())
    assert not world.faults.operations
    add_fault(world, rule("x", FaultEffect(reset=True), account="alice"))
    assert decide_fault(world, "rent_gpu", "bob", None) is None
    injection = decide_fault(world, "rent_gpu", "alice", None)
    assert injection is not None
    assert injection.rules == ("x",)
    remove_fault(world, "x")
    assert not world.faults.operations
    assert b"".join(world.simulation.journal()).count(b'"fault":') == 3
