"""Scenarios with faults: each `expect`, compared with the answers that a client gets in process."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from gpu_sim.api.transport import InjectedDisconnect
from gpu_sim.core.kernel.quantities import Money
from gpu_sim.core.replay import replay
from gpu_sim.core.scenario.scenario import AccountSpec
from gpu_sim.scenario_files.load import load_scenario
from msgspec.structs import replace

from ..support.asgi import ALICE, BOB, RENT, START, Api

OFFERS = ("GET", "/v1/gpu/offers")
RENTING = ("POST", "/v1/gpu/rent")


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as running:
        yield running


def serve(runner: asyncio.Runner, name: str, **options: Any) -> Api:
    """A shipped scenario, with a second customer as rich as alice."""
    conditions = load_scenario(name)
    bob = AccountSpec("bob", BOB, Money(100_000_000))
    return Api(runner, replace(conditions, accounts=(*conditions.accounts, bob)), **options)


def met(api: Api, method: str, path: str, content: Any = None, **options: Any) -> str:
    """The outcome of a request: the status of its answer, `broken` JSON, or the `reset` of its connection."""
    try:
        answer = api.call(method, path, content, **options)
    except InjectedDisconnect:
        return "reset"
    try:
        answer.json()
    except ValueError:
        return "broken"
    return str(answer.status)


def lives(api: Api, token: str, rents: int = 60) -> list[str]:
    """A client that lists, rents, looks and deletes, and tries again where it must."""
    seen = []
    for _ in range(rents):
        seen.append(met(api, *OFFERS, token=token))
        answer = api.call(*RENTING, RENT | {"region": "Quebec, CA"}, token=token)
        seen.append(str(answer.status))
        if answer.status == 201:
            path = f"/v1/gpu/rentals/{answer.json()['rental_id']}"
            seen += [met(api, "GET", path, token=token) for _ in range(5)]
            seen += until("200", api, "DELETE", path, token=token)
    return seen


def until(wanted: str, api: Api, method: str, path: str, content: Any = None, **options: Any) -> list[str]:
    """The outcomes of a request that a client repeats until it gets the wanted one."""
    seen: list[str] = []
    while wanted not in seen:
        seen.append(met(api, method, path, content, **options))
        assert len(seen) < 20, seen
    return seen


def test_a_flaky_api_stumbles_now_and_then_and_a_client_that_tries_again_gets_through(runner: asyncio.Runner) -> None:
    api = serve(runner, "flaky-api")
    seen = Counter(lives(api, ALICE))
    assert set(seen) == {"200", "201", "503", "broken", "reset"}
    assert seen["200"] + seen["201"] > 0.9 * seen.total()
    rentals = api.get("/_sim/rentals?limit=1000")["data"]
    assert len(rentals) == seen["201"]
    assert all(rental["status"] == "terminated" for rental in rentals)
    api.world.simulation.ledger.audit()


def test_a_flaky_api_hits_each_account_by_its_own_luck_and_repeats_under_a_seed(runner: asyncio.Runner) -> None:
    alone = lives(serve(runner, "flaky-api"), ALICE)
    crowded = serve(runner, "flaky-api")
    of_bob = lives(crowded, BOB)
    assert lives(crowded, ALICE) == alone != of_bob
    assert lives(serve(runner, "flaky-api", seed=2), ALICE) != alone


def test_a_flaky_run_has_a_journal_that_can_be_replayed(runner: asyncio.Runner) -> None:
    journals = []
    for _ in range(2):
        api = serve(runner, "flaky-api")
        lives(api, ALICE, 20)
        journals.append(api.call("GET", "/_sim/journal").body)
    assert journals[0] == journals[1]
    assert replay(journals[0])[1] is None


def test_a_rate_limit_says_truly_how_long_to_wait(runner: asyncio.Runner) -> None:
    api = serve(runner, "rate-limited")
    for _ in range(5):
        assert api.call(*RENTING, {}).status == 400
    limited = api.call(*RENTING, {})
    assert (limited.status, limited.header("retry-after"), limited.header("x-sim-fault")) == (429, "12", "rents")
    for _ in range(15):  # the sixth rent took no token
        assert api.call(*OFFERS).status == 200
    limited = api.call(*OFFERS)
    assert (limited.status, limited.header("retry-after"), limited.header("x-sim-fault")) == (429, "3", "requests")
    assert api.call(*OFFERS, token=BOB).status == 200
    api.advance("12s")
    assert api.call(*RENTING, RENT).status == 201


def test_a_client_that_waits_as_it_is_told_gets_through_and_now_and_then_is_told_something_absurd(
    runner: asyncio.Runner,
) -> None:
    api = serve(runner, "rate-limited")
    waits = []
    for _ in range(60):
        answer = api.call(*RENTING, {})
        waits.append(int(answer.header("retry-after") or 0))
        api.advance("1s" if waits[-1] == 600 else f"{waits[-1]}s" if waits[-1] else "0s")
    assert waits[39] == waits[49] == waits[59] == 600
    others = [wait for place, wait in enumerate(waits) if place not in (39, 49, 59)]
    assert max(others) <= 12
    assert 0 in others


@pytest.mark.parametrize(("reads", "refusing"), [(0, "rents"), (3, "requests"), (9, "requests"), (20, "requests")])
@pytest.mark.parametrize("hasty", [0, 5])
def test_whichever_limit_refuses_a_client_that_waits_as_it_is_told_rents_at_its_next_attempt(
    runner: asyncio.Runner, reads: int, refusing: str, hasty: int
) -> None:
    """Also where it tries a few times too early before: what is refused takes no token."""
    api = serve(runner, "rate-limited")
    refused_by = set()
    for _ in range(6):
        for _ in range(reads):
            api.call(*OFFERS)
        answer = api.call(*RENTING, RENT)
        if answer.status == 429:
            for _ in range(hasty):
                answer = api.call(*RENTING, RENT)
            refused_by.add(answer.header("x-sim-fault"))
            api.advance(f"{answer.header('retry-after')}s")
            answer = api.call(*RENTING, RENT)
        assert answer.status == 201
        api.delete(answer.json()["rental_id"])
    assert refusing in refused_by


def test_a_lost_response_is_found_by_its_key_and_paid_for_twice_without_one(runner: asyncio.Runner) -> None:
    api = serve(runner, "lost-responses")
    lost = 0
    for number in range(40):
        key = [("idempotency-key", f"rent-{number}")]
        lost += len(until("201", api, *RENTING, RENT, headers=key)) > 1
        rentals = api.get("/_sim/rentals?limit=1000")["data"]
        assert len(rentals) == number + 1
        path = f"/v1/gpu/rentals/{rentals[-1]['rental_id']}"
        until("200", api, "DELETE", path)
    assert 2 <= lost <= 20
    assert api.money() == {"balance": "100.000000", "available": "100.000000", "held": "0.000000"}


def test_without_a_key_a_client_that_repeats_a_lost_rent_holds_two(runner: asyncio.Runner) -> None:
    api = serve(runner, "lost-responses")
    assert [until("201", api, *RENTING, RENT) for _ in range(2)] == [["201"], ["reset", "201"]]
    rentals = api.get("/_sim/rentals?limit=1000")["data"]
    spent = {rule["name"]: rule["spent"] for rule in api.get("/_sim/faults")["data"]}
    assert spent == {"lost-rent": 1, "lost-deletion": 0, "twice": 0}
    assert len(rentals) == 3
    assert len([rental for rental in rentals if rental["hold_status"] == "active"]) == len(rentals)


def test_a_slow_network_takes_the_worlds_time_and_answers_in_the_end(runner: asyncio.Runner) -> None:
    api = serve(runner, "slow-network")
    whole = api.call(*OFFERS)
    assert whole.header("x-sim-fault") == "drops, slow"
    assert len(api.heard) > 4
    assert whole.json()["count"] == 79
    delays, before = [], api.world.simulation.now_ms
    for _ in range(200):
        answer = api.call("GET", "/v1/gpu/rentals/x")
        assert (answer.status, answer.header("x-sim-fault") in ("slow", "stalled, slow")) == (404, True)
        delays.append(api.world.simulation.now_ms - before)
        before = api.world.simulation.now_ms
    stalled = [delay for delay in delays if delay >= 30_000]
    assert 2 <= len(stalled) <= 25
    assert 300 <= sorted(delays)[100] <= 550
    assert max(stalled) <= 40_000
    assert max(delay for delay in delays if delay < 30_000) <= 10_000
    assert api.get("/_sim/clock")["now"] > START


def test_on_a_slow_network_an_interruption_comes_before_a_deletion_that_is_in_flight(runner: asyncio.Runner) -> None:
    api = serve(runner, "slow-network")
    api.advance("20m")
    path = f"/v1/gpu/rentals/{api.rent()}"
    api.call("POST", "/_sim/clock/advance", {"to": "2026-01-01T00:29:00Z"})
    began = api.world.simulation.now_ms
    answer = api.call("DELETE", path)
    assert answer.header("x-sim-fault") == "deletion-in-flight, slow"
    assert "2026-01-01T00:31:00.000Z" < (answer.header("x-sim-now") or "") <= "2026-01-01T00:31:10.000Z"
    assert began == 29 * 60_000
    rental = answer.json()
    assert (rental["status"], rental["termination_reason"]) == ("terminated", "interrupted")
    assert rental["terminated_at"] == "2026-01-01T00:30:00.000Z"
    assert rental["billed_amount"] < rental["hold_amount"]
