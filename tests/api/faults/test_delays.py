"""Delays of faults: on the wall or by the world's clock, each bounded."""

import asyncio

import pytest
from gpu_sim.api.faults import waits
from gpu_sim.api.transport import InjectedDisconnect
from gpu_sim.core.kernel.quantities import Duration, Factor
from gpu_sim.core.scenario.distributions import Distribution
from gpu_sim.core.scenario.fault_effects import FaultEffect
from gpu_sim.core.scenario.fault_rules import FaultRule
from gpu_sim.core.scenario.scenario import ClockSettings

from ...support.asgi import RENT, START, Answer, Api, scenario

OFFERS = "/v1/gpu/offers"
RENTING = "/v1/gpu/rent"


def x_sim(words: str) -> list[tuple[str, str]]:
    return [("x-sim", words)]


def test_a_delay_alone_is_marked_too_and_leaves_a_manual_clock_where_it_is(api: Api) -> None:
    answer = api.call("GET", OFFERS, headers=x_sim("delay=5ms"))
    assert (answer.status, answer.header("x-sim-fault"), answer.header("x-sim-now")) == (200, "header", START)


def test_a_virtual_delay_under_a_manual_clock_moves_it_and_comes_before_the_command(api: Api) -> None:
    answer = api.call("POST", RENTING, RENT, headers=x_sim("delay=10m; clock=virtual"))
    assert answer.json()["created_at"] == answer.header("x-sim-now") == "2026-01-01T00:10:00.000Z"


def test_during_a_virtual_delay_things_happen(api: Api) -> None:
    rental_id = api.rent()
    answer = api.call("GET", f"/v1/gpu/rentals/{rental_id}", headers=x_sim("delay=60s; clock=virtual"))
    assert answer.json()["status"] == "running"


def test_a_virtual_delay_is_no_longer_than_one_advance_may_be(api: Api) -> None:
    answer = api.call("GET", OFFERS, headers=x_sim("delay=36500d; clock=virtual"))
    assert (answer.status, answer.header("x-sim-now")) == (200, "2035-12-30T00:00:00.000Z")


@pytest.mark.parametrize(
    ("clock", "words", "seconds"),
    [
        (ClockSettings(mode="scaled", speed=Factor(60_000_000)), "delay=1m; clock=virtual", 1.0),
        (ClockSettings(mode="scaled", speed=Factor(60_000_000)), "delay=1m", 60.0),
        (ClockSettings(), "delay=2s; clock=virtual", 2.0),
        (ClockSettings(mode="manual"), "delay=2s", 2.0),
        (ClockSettings(mode="manual"), "delay=2s; clock=virtual", None),
    ],
)
def test_a_delay_takes_the_wall_as_long_as_the_clock_makes_it(
    runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch, clock: ClockSettings, words: str, seconds: float | None
) -> None:
    waited: list[float] = []

    async def wait(seconds: float, is_pointless: object) -> None:
        waited.append(seconds)

    monkeypatch.setattr(waits, "wait", wait)
    api = Api(runner, scenario(), clock=clock)
    assert api.call("GET", OFFERS, headers=x_sim(words)).status == 200
    assert waited == ([] if seconds is None else [seconds])


def test_after_a_delay_on_the_wall_a_running_clock_catches_up_before_the_command(
    runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = Api(runner, scenario(), clock=ClockSettings())

    async def wait(seconds: float, is_pointless: object) -> None:
        api.world.pacer.skip(round(seconds * 1000))

    monkeypatch.setattr(waits, "wait", wait)
    rental_id = api.call("POST", RENTING, RENT, headers=x_sim("delay=50s")).json()["rental_id"]
    assert api.world.simulation.rentals.find(rental_id).created_ms >= 50_000


def test_a_step_is_made_once_for_a_request_with_a_delay(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(clock=ClockSettings(mode="manual", step=Duration(5_000))))
    answer = api.call("GET", OFFERS, headers=x_sim("delay=1ms"))
    assert answer.header("x-sim-now") == "2026-01-01T00:00:05.000Z"


def test_a_reset_during_a_delay_takes_an_account_that_came_later_along(api: Api) -> None:
    api.call("POST", "/_sim/accounts", {"name": "carol", "token": "si_carol"})

    async def meanwhile() -> int:
        waiting = asyncio.create_task(
            api.send("POST", RENTING, RENT, token="si_carol", headers=x_sim("delay=20ms; duplicate"))
        )
        await asyncio.sleep(0)
        await api.send("POST", "/_sim/reset")
        return (await waiting).status

    assert api.runner.run(meanwhile()) == 401
    assert api.get("/_sim/rentals")["data"] == []


@pytest.mark.parametrize("effect", ["", "; duplicate", "; lose_response", "; truncate=50%", "; drip=99/1ms"])
@pytest.mark.parametrize("way", ["reset", "snapshot"])
def test_a_request_in_its_delay_meets_the_run_that_began_meanwhile(api: Api, way: str, effect: str) -> None:
    before = api.call("GET", "/_sim/snapshot").body
    api.rent()

    async def meanwhile() -> None:
        slow = api.send("POST", RENTING, RENT, headers=x_sim(f"delay=20ms{effect}"))
        deletion = api.send("DELETE", "/v1/gpu/rentals/of-another-run", headers=x_sim("delay=20ms"))
        waiting = asyncio.gather(slow, deletion, return_exceptions=True)
        await asyncio.sleep(0)
        if way == "reset":
            assert (await api.send("POST", "/_sim/reset")).status == 200
        else:
            assert (await api.send("PUT", "/_sim/snapshot", body=before)).status == 200
        rented, deleted = await waiting
        assert isinstance(rented, InjectedDisconnect) or (isinstance(rented, Answer) and rented.status == 201)
        assert isinstance(deleted, Answer)
        assert deleted.status == 404

    api.runner.run(meanwhile())
    rentals = api.get("/_sim/rentals")["data"]
    assert len(rentals) == (2 if "duplicate" in effect else 1)
    api.world.simulation.ledger.audit()


@pytest.mark.parametrize("words", ["hang=100d", "delay=100d", "drip=10/100d"])
def test_a_server_that_is_about_to_end_waits_for_no_fault(api: Api, words: str) -> None:
    api.world.stopping = True
    if words.startswith("hang"):
        with pytest.raises(InjectedDisconnect):
            api.call("GET", OFFERS, headers=x_sim(words))
    else:
        assert api.call("GET", OFFERS, headers=x_sim(words)).json()["count"] == 1


@pytest.mark.parametrize("words", ["hang=100d", "delay=100d", "drip=100/100d"])
def test_no_wait_is_longer_than_the_cap(api: Api, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "WALL_SECONDS_MAX", 0.002)
    if words.startswith("hang"):
        with pytest.raises(InjectedDisconnect):
            api.call("GET", OFFERS, headers=x_sim(words))
    else:
        assert api.call("GET", OFFERS, headers=x_sim(words)).json()["count"] == 1


def test_delays_of_several_rules_add_up_on_either_clock(
    runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    async def wait(seconds: float, is_pointless: object) -> None:
        waited.append(seconds)

    monkeypatch.setattr(waits, "wait", wait)
    minute = Distribution(fixed=Duration(60_000))
    effects = {
        "wall": FaultEffect(delay=minute),
        "wall-too": FaultEffect(delay=minute, respond=503),
        "virtual": FaultEffect(delay=minute, clock="virtual"),
        "virtual-too": FaultEffect(delay=minute, clock="virtual"),
        "answer": FaultEffect(delay=minute, delay_of="answer"),
        "answer-virtual": FaultEffect(delay=minute, delay_of="answer", clock="virtual"),
    }
    rules = tuple(FaultRule(name=name, effect=effect) for name, effect in effects.items())
    api = Api(runner, scenario(faults=rules))
    answer = api.call("GET", OFFERS)
    assert (answer.status, answer.header("x-sim-fault")) == (503, ", ".join(effects))
    assert waited == [120.0, 60.0]
    assert answer.header("x-sim-now") == "2026-01-01T00:03:00.000Z"
    scaled = Api(runner, scenario(faults=rules), clock=ClockSettings(mode="scaled", speed=Factor(60_000_000)))
    waited.clear()
    scaled.call("GET", OFFERS)
    assert waited == [122.0, 61.0]


def test_a_delay_of_the_answer_comes_after_the_command(api: Api) -> None:
    answer = api.call("POST", RENTING, RENT, headers=x_sim("delay=10m; clock=virtual; delay_of=answer"))
    assert answer.json()["created_at"] == START
    assert api.get("/_sim/clock")["now"] == "2026-01-01T00:10:00.000Z"


def test_a_rental_whose_answer_is_late_is_there_meanwhile(api: Api) -> None:
    async def meanwhile() -> tuple[int, int, int]:
        waiting = asyncio.create_task(
            api.send("POST", RENTING, RENT, headers=x_sim("delay=20ms; delay_of=answer; respond=504; after"))
        )
        await asyncio.sleep(0)
        seen = len((await api.send("GET", "/_sim/rentals")).json()["data"])
        return seen, (await waiting).status, len((await api.send("GET", "/_sim/rentals")).json()["data"])

    assert api.runner.run(meanwhile()) == (1, 504, 1)
