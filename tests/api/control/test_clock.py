"""The clock on the control plane: get, put, advance by, to and until, and reset."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from gpu_sim.core.kernel.clock import epoch_ms
from gpu_sim.core.kernel.quantities import Duration, Factor, Instant, Share
from gpu_sim.core.scenario.catalog import CatalogSpec, Generate
from gpu_sim.core.scenario.distributions import fixed
from gpu_sim.core.scenario.market_settings import MarketSettings, PriceSettings, ProvisioningSettings, ProvisioningTerms
from gpu_sim.core.scenario.scenario import AccountSpec, BillingSettings, ClockSettings

from ...support.asgi import BOB, RENT, START, Answer, Api, scenario
from ...support.builders import market

ADVANCE = "/_sim/clock/advance"
MODES = [
    ClockSettings(mode="manual"),
    ClockSettings(mode="manual", step=Duration(5_000)),
    ClockSettings(mode="real"),
    ClockSettings(mode="scaled", speed=Factor(1_000)),
]
MINUTE = fixed(60_000)
LAST_START = Instant(epoch_ms(datetime(8999, 12, 31, tzinfo=UTC)))


def advance(api: Api, **how: Any) -> Answer:
    """Call advance."""
    return api.call("POST", ADVANCE, how)


def until(api: Api, rental_id: str, status: str, **more: Any) -> Answer:
    """Advance until the rental has this status."""
    return advance(api, until={"rental": rental_id, "status": status}, **more)


def test_the_clock_is_shown(api: Api) -> None:
    assert api.get("/_sim/clock") == {"world": "default", "mode": "manual", "speed": None, "step": None, "now": START}


def test_health_tells_version_worlds_seed_and_clock(api: Api) -> None:
    health = api.get("/_sim/health", token=None)
    assert health["status"] == "ok"
    assert health["worlds"] == [{"name": "default", "scenario": "test", "seed": 1}]
    assert (health["seed"], health["clock"]) == (1, api.get("/_sim/clock"))
    assert health["version"]
    assert api.get("/_sim/ready", token=None) == {"status": "ready"}


def test_health_tells_the_time_of_a_running_clock(runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    api = Api(runner, scenario(), clock=ClockSettings(mode="real", start=Instant(0)))
    began, pacer = api.world.simulation.now_ms, api.world.pacer
    monkeypatch.setattr(pacer, "_wall_ns", lambda: pacer._anchor_ns + 90_000_000_000)
    answer = api.call("GET", "/_sim/health")
    assert answer.header("x-sim-now") == answer.json()["clock"]["now"] == api.world.instant(began + 90_000)


@pytest.mark.parametrize("by", ["1ms", "90s", "1h30m", "3650d"])
def test_advance_by_a_span_moves_by_it(api: Api, by: str) -> None:
    before = api.world.simulation.now_ms
    answer = advance(api, by=by)
    assert answer.status == 200
    assert answer.json() == api.get("/_sim/clock") | {"events_total": 0, "events": []}
    spans = {"1ms": 1, "90s": 90_000, "1h30m": 5_400_000, "3650d": 3650 * 86_400_000}
    assert api.world.simulation.now_ms - before == spans[by]


def test_advance_to_an_instant_moves_there(api: Api) -> None:
    for to in ("2026-01-01T00:00:00.001Z", "2026-01-01T01:00:00+00:30", "2026-01-02T00:00:00Z"):
        assert advance(api, to=to).status == 200
    assert api.get("/_sim/clock")["now"] == "2026-01-02T00:00:00.000Z"


def test_advance_answers_with_what_happened(api: Api) -> None:
    rental_id = api.rent()
    answer = api.advance("1h")
    assert answer["events_total"] == 3
    assert [(event["at"], event["type"]) for event in answer["events"]] == [
        ("2026-01-01T00:01:00.000Z", "rental_running"),
        ("2026-01-01T00:16:00.000Z", "rental_terminated"),
        ("2026-01-01T00:16:00.000Z", "rental_settled"),
    ]
    assert answer["events"] == api.get("/_sim/events")["data"][-3:]
    assert {event["rental_id"] for event in answer["events"]} == {rental_id}


def test_advance_shows_the_first_thousand_events_and_counts_all(runner: asyncio.Runner) -> None:
    busy = MarketSettings(catalog=CatalogSpec(Generate(200)), prices=PriceSettings(activity=Factor(10_000_000)))
    api = Api(runner, scenario(market=busy, journal="full"))
    answer = api.advance("2d")
    assert answer["events_total"] > 1_000
    assert len(answer["events"]) == 1_000
    assert answer["events"] == api.get(f"/_sim/events?after={answer['events'][0]['seq'] - 1}&limit=1000")["data"]


@pytest.mark.parametrize("how", [{"by": "0s"}, {"to": START}, {"by": "0ms"}])
def test_an_advance_by_nothing_does_nothing(api: Api, how: dict[str, str]) -> None:
    api.rent()
    with api.unchanged():
        assert advance(api, **how).json()["events_total"] == 0


@pytest.mark.parametrize(
    ("how", "param"),
    [
        ({"to": "2025-12-31T23:59:59.999Z"}, "to"),
        ({"to": "1970-01-01T00:00:00Z"}, "to"),
        ({"by": "3650d1ms"}, "by"),
        ({"by": "36500d"}, "by"),
        ({"to": "2035-12-31T00:00:00.000Z"}, "to"),
        ({"until": "next_event", "limit": "3650d1ms"}, "limit"),
        ({"by": "-1s"}, "by"),
        ({"by": "1"}, "by"),
        ({"by": 5}, "by"),
        ({"by": 1e400}, None),
        ({"by": True}, "by"),
        ({"by": ""}, "by"),
        ({"by": "1s1h"}, "by"),
        ({"by": "99999999999999d"}, "by"),
        ({"to": "tomorrow"}, "to"),
        ({"to": "2026-01-01"}, "to"),
        ({"to": "2026-02-30T00:00:00Z"}, "to"),
        ({"to": "2026-01-02T00:00:00"}, "to"),
        ({"to": 1767225600}, "to"),
        ({"until": "doomsday"}, "until"),
        ({"until": 5}, "until"),
        ({"until": {"rental": "x", "status": "gone"}}, "until.status"),
        ({"until": {"rental": 5, "status": "running"}}, "until.rental"),
        ({}, None),
        ({"by": "1s", "to": "2026-01-02T00:00:00Z"}, None),
        ({"by": "1s", "until": "next_event"}, None),
        ({"by": "1s", "limit": "1h"}, None),
    ],
)
def test_an_advance_back_or_beyond_bounds_or_malformed_changes_nothing(
    api: Api, how: dict[str, Any], param: str | None
) -> None:
    api.rent()
    with api.unchanged():
        code = "invalid_json" if how.get("by") == 1e400 else "invalid_value"
        advance(api, **how).problem(400, code, param)


def test_the_problem_of_going_back_says_what_time_it_is(api: Api) -> None:
    assert START in advance(api, to="2025-01-01T00:00:00Z").problem(400, "invalid_value", "to")["detail"]


def test_time_ends_before_the_calendar_does(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(clock=ClockSettings(mode="manual", start=LAST_START)))
    while (answer := advance(api, by="3650d")).status == 200:
        pass
    with api.unchanged():
        advance(api, by="3650d").problem(400, "invalid_value", "by")
        advance(api, until="next_event", limit="3650d").problem(400, "invalid_value", "limit")
    assert answer.header("x-sim-now") is not None
    assert api.call("POST", "/v1/gpu/rent", RENT).status == 201


@pytest.mark.parametrize("clock", MODES, ids=lambda clock: f"{clock.mode}-{clock.step}")
def test_advance_works_in_every_clock_mode(runner: asyncio.Runner, clock: ClockSettings) -> None:
    api = Api(runner, scenario(billing=BillingSettings(idle_timeout=None)), clock=clock)
    rental_id = api.rent()
    before = api.world.simulation.now_ms
    assert api.advance("1h")["mode"] == clock.mode
    assert api.world.simulation.now_ms - before >= 3_600_000
    assert api.rental(rental_id)["status"] == "running"
    advance(api, to="2000-01-01T00:00:00Z").problem(400, "invalid_value", "to")


def test_until_next_event_stops_at_it(api: Api) -> None:
    api.rent()
    answer = advance(api, until="next_event").json()
    assert [event["type"] for event in answer["events"]] == ["rental_running"]
    assert answer["now"] == "2026-01-01T00:01:00.000Z"
    assert advance(api, until="next_event").json()["now"] == "2026-01-01T00:16:00.000Z"


def test_until_next_event_is_not_reached_where_nothing_happens_within_the_limit(api: Api) -> None:
    advance(api, until="next_event").problem(409, "not_reached", "until")
    assert api.get("/_sim/clock")["now"] == "2026-01-02T00:00:00.000Z"
    api.rent()
    advance(api, until="next_event", limit="59s999ms").problem(409, "not_reached", "until")
    assert advance(api, until="next_event", limit="1ms").status == 200


def test_until_a_rental_runs_stops_when_it_does(api: Api) -> None:
    rental_id = api.rent()
    assert until(api, rental_id, "running").json()["now"] == "2026-01-01T00:01:00.000Z"
    assert until(api, rental_id, "terminated").json()["now"] == "2026-01-01T00:16:00.000Z"
    assert api.rental(rental_id)["termination_reason"] == "idle_timeout"


def test_until_a_status_that_the_rental_has_moves_nothing(api: Api) -> None:
    rental_id = api.rent()
    for status in ("provisioning", "running", "terminated"):
        until(api, rental_id, status)
        with api.unchanged():
            assert until(api, rental_id, status).json()["events_total"] == 0


@pytest.mark.parametrize(
    ("reached", "wanted"), [("running", "provisioning"), ("terminated", "running"), ("terminated", "provisioning")]
)
def test_until_a_status_that_is_past_is_told_at_once(api: Api, reached: str, wanted: str) -> None:
    rental_id = api.rent()
    until(api, rental_id, reached)
    with api.unchanged():
        assert reached in until(api, rental_id, wanted).problem(409, "not_reached", "until")["detail"]


def test_until_running_is_told_as_soon_as_provisioning_has_failed(runner: asyncio.Runner) -> None:
    fails = ProvisioningSettings(all=ProvisioningTerms(delay=MINUTE, failure=Share(1_000_000)))
    api = Api(runner, scenario(market=market(provisioning=fails)))
    rental_id = api.rent()
    until(api, rental_id, "running").problem(409, "not_reached", "until")
    assert api.get("/_sim/clock")["now"] == "2026-01-01T00:01:00.000Z"
    assert api.rental(rental_id)["termination_reason"] == "provisioning_failed"


def test_until_a_status_is_given_up_at_the_limit(api: Api) -> None:
    rental_id = api.rent()
    until(api, rental_id, "running", limit="30s").problem(409, "not_reached", "until")
    assert api.get("/_sim/clock")["now"] == "2026-01-01T00:00:30.000Z"
    assert until(api, rental_id, "running", limit="30s").status == 200


def test_until_waits_for_rentals_of_any_account_and_refuses_unknown_ones(api: Api) -> None:
    rental_id = api.rent(token=BOB)
    assert until(api, rental_id, "running").status == 200
    with api.unchanged():
        until(api, "rent_x", "running").problem(404, "rental_not_found")


def test_put_changes_what_is_given_and_time_stands(api: Api) -> None:
    def put(**change: Any) -> dict[str, Any]:
        answer = api.call("PUT", "/_sim/clock", change)
        assert answer.status == 200, answer.body
        shown: dict[str, Any] = answer.json()
        return {name: shown[name] for name in ("mode", "speed", "step")}

    api.advance("1h")
    assert put(step="5s") == {"mode": "manual", "speed": None, "step": "5s"}
    assert put() == {"mode": "manual", "speed": None, "step": "5s"}
    for off in (None, "0s"):
        assert put(step=off) == {"mode": "manual", "speed": None, "step": None}
        assert put(step="5s")["step"] == "5s"
    assert put(mode=None, speed=None) == {"mode": "manual", "speed": None, "step": "5s"}
    assert put(mode="scaled", speed=0.001) == {"mode": "scaled", "speed": 0.001, "step": None}
    assert put(speed="0.002") == {"mode": "scaled", "speed": 0.002, "step": None}
    assert put(mode="manual") == {"mode": "manual", "speed": None, "step": None}
    assert api.get("/_sim/clock")["now"].startswith("2026-01-01T01:00:00.")
    assert put(mode="real") == {"mode": "real", "speed": None, "step": None}


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"mode": "fast"}, "invalid_value", "mode"),
        ({"mode": "scaled"}, "invalid_value", "speed"),
        ({"speed": 2}, "invalid_value", "speed"),
        ({"mode": "scaled", "speed": 0}, "invalid_value", "speed"),
        ({"mode": "scaled", "speed": -1}, "invalid_value", "speed"),
        ({"mode": "scaled", "speed": 1000001}, "invalid_value", "speed"),
        ({"mode": "scaled", "speed": True}, "invalid_value", "speed"),
        ({"mode": "real", "step": "5s"}, "invalid_value", "step"),
        ({"step": 5}, "invalid_value", "step"),
        ({"step": "-5s"}, "invalid_value", "step"),
        ({"start": START}, "unknown_field", "start"),
        ({"Mode": "real"}, "unknown_field", "Mode"),
    ],
)
def test_a_clock_that_cannot_be_is_refused(api: Api, change: dict[str, Any], code: str, param: str) -> None:
    with api.unchanged():
        clock = api.get("/_sim/clock")
        api.call("PUT", "/_sim/clock", change).problem(400, code, param)
        assert api.get("/_sim/clock") == clock


def test_reset_goes_back_to_the_start_with_the_same_luck_and_ids(api: Api) -> None:
    def play() -> bytes:
        rental_id = api.rent()
        api.advance("20m")
        api.delete(rental_id)
        api.rent(token=BOB)
        return api.call("GET", "/_sim/journal").body

    before = api.state()
    first = play()
    answer = api.call("POST", "/_sim/reset")
    assert answer.json() == {"world": "default", "mode": "manual", "speed": None, "step": None, "now": START}
    assert api.state() == before
    assert play() == first


def test_reset_brings_the_first_clock_and_the_first_accounts_back(api: Api) -> None:
    tokens = api.get("/_sim/accounts")["data"]
    api.call("PUT", "/_sim/clock", {"step": "5s"})
    api.call("POST", "/_sim/accounts", {"name": "carol"})
    api.call("POST", "/_sim/reset", {})
    assert api.get("/_sim/clock")["step"] is None
    assert api.get("/_sim/accounts")["data"] == tokens
    api.call("POST", "/_sim/reset", {"everything": True}).problem(400, "unknown_field", "everything")


def test_reset_keeps_the_tokens_that_were_minted(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(accounts=(AccountSpec("alice"),)))
    token = api.get("/_sim/accounts", token=None)["data"][0]["token"]
    api.call("POST", "/_sim/reset", token=None)
    assert api.call("GET", "/v1/gpu/offers", token=token).status == 200
