"""Properties 21 to 31: expiries and the clock, over the API and the control plane.

Property 22, that a world is the same whether or not the pacemaker kept it going, is in
`tests/server/test_pacemaker.py` as well, over a day in which everything happens.
"""

import asyncio
from typing import Any

import pytest
from gpu_sim.core.events import ActStarted
from gpu_sim.core.kernel.quantities import Duration, Factor, Instant, Money, Share
from gpu_sim.core.scenario.acts import Act, CreditAct, InterruptAct
from gpu_sim.core.scenario.scenario import BillingSettings, ClockSettings, Scenario
from gpu_sim.server.pacemaker import Pacemaker
from gpu_sim.wall_clock import NS_PER_MS
from gpu_sim.worlds import world as world_module

from ...support.asgi import ALICE, BOB, RENT, Answer, Api, scenario
from ...support.builders import market
from ...support.busy_world import ACTORS, NAMES, busy_scenario
from ...support.manual_clock import ManualClock, ShortSlice, follow

HOUR_MS = 3_600_000
HOLD_MS = 2 * HOUR_MS
ADVANCE = "/_sim/clock/advance"
AWAKE = BillingSettings(idle_timeout=None)
"""A market without events: only the hold expires."""

MODES = {
    "manual": ClockSettings(mode="manual"),
    "real": ClockSettings(mode="real", start=Instant(1_767_225_600_000)),
    "scaled": ClockSettings(mode="scaled", speed=Factor(250_000_000), start=Instant(1_767_225_600_000)),
}
SPEEDS = {"real": 1, "scaled": 250}


@pytest.fixture
def awake(runner: asyncio.Runner) -> Api:
    """A world in which a rental runs without end and its hold expires after two hours."""
    return Api(runner, scenario(billing=AWAKE))


@pytest.fixture
def wall() -> ManualClock:
    return ManualClock()


def advance_ms(api: Api, span_ms: int) -> Any:
    """Advance the clock by this many milliseconds."""
    return api.advance(f"{span_ms}ms")


def hold_status(api: Api, rental_id: str) -> str:
    """The status of a rental's hold."""
    shown = next(rental for rental in api.get("/_sim/rentals")["data"] if rental["rental_id"] == rental_id)
    status: str = shown["hold_status"]
    return status


def journal(api: Api) -> bytes:
    """The journal up to now."""
    return api.call("GET", "/_sim/journal").body


@pytest.mark.parametrize(
    ("after_ms", "status", "held"),
    [(0, "active", "0.071750"), (HOLD_MS - 1, "active", "0.071750"), (HOLD_MS, "expired", "0.000000")],
)
def test_property_21_a_hold_is_active_from_its_placing_up_to_its_expiry(
    awake: Api, after_ms: int, status: str, held: str
) -> None:
    awake.advance("1234ms")
    rental_id = awake.rent()
    advance_ms(awake, after_ms)
    assert (hold_status(awake, rental_id), awake.money()["held"]) == (status, held)


def test_property_21_a_hold_that_was_captured_is_active_no_more(awake: Api) -> None:
    rental_id = awake.rent()
    advance_ms(awake, HOLD_MS - 1)
    awake.delete(rental_id)
    assert hold_status(awake, rental_id) == "settled"
    awake.advance("1ms")
    assert hold_status(awake, rental_id) == "settled"


def test_property_22_what_is_seen_does_not_depend_on_who_looked_before(runner: asyncio.Runner) -> None:
    def look(api: Api) -> None:
        for path in (
            "/v1/gpu/offers",
            "/_sim/accounts",
            "/_sim/rentals",
            "/_sim/events",
            "/_sim/clock",
            "/_sim/worlds",
        ):
            api.get(path)

    seen = []
    for looks in (1, 40):
        wall = ManualClock()
        api = Api(runner, scenario(), clock=MODES["scaled"])
        follow(wall, api.world)
        pacemaker = Pacemaker(api.worlds)
        api.rent()
        for _ in range(looks):
            wall.ns += 2 * HOUR_MS * NS_PER_MS // 250 // looks
            if looks > 1:
                pacemaker.beat()
                look(api)
        api.rent(token=BOB)
        seen.append(api.state())
    assert seen[0] == seen[1]


@pytest.mark.parametrize(
    ("after_ms", "held", "available", "before"),
    [(HOLD_MS - 1, "-0.071750", "-0.497467", "hold_placed"), (HOLD_MS, "0.000000", "-0.569217", "hold_expired")],
)
def test_property_23_a_hold_can_be_captured_up_to_its_expiry_and_moves_no_money_after_it(
    awake: Api, after_ms: int, held: str, available: str, before: str
) -> None:
    rental_id = awake.rent()
    advance_ms(awake, after_ms)
    awake.delete(rental_id)
    *_, last, settled = awake.get("/_sim/ledger")["data"]
    assert (last["kind"], settled["kind"]) == (before, "rental_settled")
    moved = {posting["account"]: posting["amount"] for posting in settled["postings"]}
    assert moved == {"alice/held": held, "alice/available": available, "revenue": "0.569217"}
    assert awake.money() == {"balance": "0.430783", "available": "0.430783", "held": "0.000000"}


def test_property_24_an_expiry_is_dated_when_it_was_due_however_late_it_came_to_light(awake: Api) -> None:
    first = awake.rent()
    awake.advance("1s")
    second = awake.rent(token=BOB)
    awake.advance("3650d")
    expired = [entry for entry in awake.get("/_sim/ledger")["data"] if entry["kind"] == "hold_expired"]
    assert [(entry["at"], entry["rental_id"]) for entry in expired] == [
        ("2026-01-01T02:00:00.000Z", first),
        ("2026-01-01T02:00:01.000Z", second),
    ]
    events = awake.get("/_sim/events?limit=1000")["data"]
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)


@pytest.mark.parametrize("parts", [[1, 9_999_999], [3_600_000, 6_400_000], [5_000_000, 0, 5_000_000], [100_000] * 100])
def test_property_25_advancing_in_parts_is_advancing_in_one(runner: asyncio.Runner, parts: list[int]) -> None:
    journals = []
    for spans in (parts, [10_000_000]):
        api = Api(runner, busy_scenario(), clock=MODES["manual"])
        for name in NAMES:
            for step in ACTORS[name][:3]:
                body = RENT | {"gpu_model": "H100", "provider_id": f"for-{name}", "region": f"region-{step.region}"}
                assert api.call("POST", "/v1/gpu/rent", body, token=f"si_{name}").status == 201
        for span in spans:
            answer = api.call("POST", ADVANCE, {"by": f"{span}ms"}, token="si_alice")
            assert answer.status == 200
        journals.append(api.call("GET", "/_sim/journal", token="si_alice").body)
    assert journals[0] == journals[1]
    assert len(journals[0].splitlines()) > 50


def test_property_26_time_never_goes_back_and_all_is_in_order(awake: Api) -> None:
    seen = [awake.get("/_sim/clock")["now"]]
    for turn in range(12):
        rental_id = awake.rent(token=BOB)
        awake.advance(f"{turn}m")
        if turn % 4:
            awake.delete(rental_id, token=BOB)
        if turn % 4 == 0:
            awake.call("PUT", "/_sim/clock", {"step": "7s" if turn % 8 else None})
        seen.append(awake.get("/_sim/clock")["now"])
    assert seen == sorted(seen)
    events = awake.get("/_sim/events?limit=1000")["data"]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    for rental in awake.get("/_sim/rentals")["data"]:
        instants = [rental["created_at"], rental["started_at"], rental["terminated_at"], seen[-1]]
        known = [instant for instant in instants if instant is not None]
        assert known == sorted(known)
        assert [move["at"] for move in rental["transitions"]] == sorted(move["at"] for move in rental["transitions"])


@pytest.mark.parametrize(
    "how",
    [
        {"to": "2025-12-31T23:59:59.999Z"},
        {"by": "-1ms"},
        {"by": "3650d1ms"},
        {"to": "2036-01-01T00:00:00Z"},
        {"until": "next_event", "limit": "3650d1ms"},
        {"by": "Infinity"},
    ],
)
def test_property_27_time_moves_neither_back_nor_beyond_ten_years(api: Api, how: dict[str, str]) -> None:
    api.rent()
    with api.unchanged():
        api.call("POST", ADVANCE, how).problem(400, "invalid_value", next(reversed(how)))
        for body in (b'{"by": Infinity}', b'{"by": 1e999}', b'{"by": NaN}'):
            api.call("POST", ADVANCE, body=body).problem(400, "invalid_json")


@pytest.mark.parametrize("how", [{"by": "0s"}, {"by": "0ms"}, {"to": "2026-01-01T00:00:00.000Z"}])
def test_property_27_an_advance_by_nothing_is_nothing(api: Api, how: dict[str, str]) -> None:
    api.rent()
    with api.unchanged():
        answer = api.call("POST", ADVANCE, how)
        assert (answer.status, answer.json()["events_total"]) == (200, 0)


def test_property_28_a_scaled_clock_is_exact_and_a_change_no_jump(runner: asyncio.Runner, wall: ManualClock) -> None:
    api = Api(runner, scenario(clock=ClockSettings(mode="real", start=Instant(0))))
    follow(wall, api.world)
    expected_ms = 0
    changes: list[tuple[dict[str, Any], int]] = [
        ({"mode": "scaled", "speed": 60}, 60_000),
        ({"speed": 0.5}, 500),
        ({"mode": "manual"}, 0),
        ({"mode": "scaled", "speed": 1000}, 1_000_000),
        ({"mode": "manual", "step": "1s"}, 0),
        ({"mode": "real"}, 1_000),
        ({"mode": "scaled", "speed": 3}, 3_000),
    ]
    for change, per_second_ms in changes:
        answer = api.call("PUT", "/_sim/clock", change)
        assert answer.json()["now"] == api.world.instant(expected_ms)
        wall.goes(90)
        expected_ms += 90 * per_second_ms
        assert api.get("/_sim/clock")["now"] == api.world.instant(expected_ms)


def test_property_28_an_advance_moves_a_running_clock_by_just_that(runner: asyncio.Runner, wall: ManualClock) -> None:
    api = Api(runner, scenario(), clock=MODES["scaled"])
    follow(wall, api.world)
    wall.goes(2)
    assert api.advance("1h")["now"] == api.world.instant(500_000 + HOUR_MS)
    wall.goes(2)
    assert api.get("/_sim/clock")["now"] == api.world.instant(1_000_000 + HOUR_MS)


def test_property_29_what_an_earlier_event_of_the_instant_took_back_does_not_happen(runner: asyncio.Runner) -> None:
    idle_at_ms = 60_000 + 900_000
    interrupt = Act(at=Duration(idle_at_ms), interrupt=InterruptAct(share=Share(1_000_000)))
    api = Api(runner, scenario(timeline=(interrupt,)))
    rental_id = api.rent()
    api.advance("1d")
    ends = [event for event in api.get("/_sim/events")["data"] if event["type"] == "rental_terminated"]
    assert [(event["at"], event["reason"]) for event in ends] == [(api.world.instant(idle_at_ms), "interrupted")]
    assert api.rental(rental_id)["termination_reason"] == "interrupted"


def many_acts(instants: int, at_once: int) -> Scenario:
    """A timeline with this many simultaneous acts at each of these instants; the last one is a credit."""
    nobody = InterruptAct(share=Share(1_000_000))
    acts = (Act(at=Duration(instant), interrupt=nobody) for instant in range(1, instants + 1))
    last = Act(at=Duration(instants), credit=CreditAct("alice", Money(1)))
    return scenario(timeline=(*(act for act in acts for _ in range(at_once)), last))


@pytest.mark.parametrize(("instants", "at_once"), [(400, 5), pytest.param(1_000, 500, marks=pytest.mark.slow)])
def test_property_29_all_events_of_one_advance_are_there_and_others_are_served(
    runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch, instants: int, at_once: int
) -> None:
    """More of them than an answer lists, and at so many instants that it takes more slices than the others ask for."""
    count = instants * at_once
    api = Api(runner, many_acts(instants, at_once))
    other = api.call("POST", "/_sim/worlds", {"scenario": "calm"}).json()["tokens"]["alice"]
    order: list[str] = []

    monkeypatch.setattr(world_module, "Slice", ShortSlice)

    async def go() -> Answer:
        async def advanced() -> Answer:
            answer = await api.send("POST", ADVANCE, {"by": "1h"})
            order.append("advance")
            return answer

        long = asyncio.create_task(advanced())
        for _ in range(20):
            await asyncio.sleep(0)
            for method, path, body in (("GET", "/v1/gpu/offers", None), ("POST", ADVANCE, {"by": "1h"})):
                assert (await api.send(method, path, body, token=other)).status == 200
            order.append("other")
        return await long

    answer = runner.run(go()).json()
    assert order == ["other"] * 20 + ["advance"]
    assert (answer["events_total"], len(answer["events"])) == (count + 1, 1_000)
    assert [event["seq"] for event in answer["events"]] == list(range(5, 1_005))
    assert [event["act"] for event in answer["events"]] == list(range(1_000))
    acts = [event.act for event in api.world.simulation.events if isinstance(event, ActStarted)]
    assert acts == list(range(count))
    assert api.money()["balance"] == "1.000001"


def reach(api: Api, wall: ManualClock, mode: str, at_ms: int) -> None:
    """Bring the clock to an instant, as its mode allows."""
    if mode == "manual":
        if at_ms:
            api.call("POST", ADVANCE, {"to": api.world.instant(at_ms)}, token="si_alice")
    else:
        wall.ns = 123_456_789 + at_ms * NS_PER_MS // SPEEDS[mode]


def test_property_30_the_same_requests_at_the_same_times_give_the_same_journal_in_every_mode(
    runner: asyncio.Runner,
) -> None:
    journals = []
    for mode, clock in MODES.items():
        wall = ManualClock()
        api = Api(runner, busy_scenario(), clock=clock)
        follow(wall, api.world)
        for step in sorted((step for name in NAMES for step in ACTORS[name]), key=lambda step: step.at_ms):
            if step.do == "rent":
                reach(api, wall, mode, step.at_ms)
                provider = f"for-{step.account}"
                body = RENT | {"gpu_model": "H100", "provider_id": provider, "region": f"region-{step.region}"}
                assert api.call("POST", "/v1/gpu/rent", body, token=f"si_{step.account}").status in (201, 402, 409)
        reach(api, wall, mode, 24 * HOUR_MS)
        journals.append(api.call("GET", "/_sim/journal", token="si_alice").body)
    assert journals[0] == journals[1] == journals[2]
    assert len(journals[0].splitlines()) > 500


def test_property_31_another_worlds_clock_changes_nothing(api: Api) -> None:
    token = api.call("POST", "/_sim/worlds", {"name": "w"}).json()["tokens"]["alice"]
    api.rent()
    with api.unchanged():
        clock = api.get("/_sim/clock")
        api.rent(token=token)
        api.call("POST", ADVANCE, {"by": "3650d"}, token=token)
        api.call("PUT", "/_sim/clock", {"mode": "scaled", "speed": 1_000_000}, token=token)
        api.call("POST", "/_sim/reset", token=token)
        assert api.get("/_sim/clock") == clock
    assert api.get("/_sim/clock", token=ALICE)["world"] == "default"


def test_a_client_that_only_polls_gets_on_under_a_step(runner: asyncio.Runner) -> None:
    step = ClockSettings(mode="manual", step=Duration(5_000))
    api = Api(runner, scenario(market=market()), clock=step)
    rental_id = api.rent()
    polls = 0
    while api.rental(rental_id)["status"] == "provisioning":
        polls += 1
        assert polls < 20
    assert polls == 11  # the rent and eleven polls are a minute, less 5 s: the twelfth finds it running
