"""A long advance lets other requests through, and each finds a consistent world."""

import asyncio
from typing import Any

import pytest
from gpu_sim.core.kernel.quantities import Duration, Factor
from gpu_sim.core.scenario.catalog import CatalogSpec, Generate
from gpu_sim.core.scenario.market_settings import MarketSettings, PriceSettings
from gpu_sim.core.scenario.scenario import ClockSettings
from gpu_sim.worlds import world as world_module

from ...support.asgi import RENT, START, Answer, Api, scenario
from ...support.manual_clock import ShortSlice

BUSY = MarketSettings(catalog=CatalogSpec(Generate(50)), prices=PriceSettings(activity=Factor(5_000_000)))


@pytest.fixture
def api(runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch) -> Api:
    monkeypatch.setattr(world_module, "Slice", ShortSlice)
    return Api(runner, scenario(market=BUSY, journal="full"))


async def finished(order: list[str], name: str, api: Api, method: str, path: str, content: object = None) -> Answer:
    """Make a call, and note when it is answered."""
    answer = await api.send(method, path, content)
    order.append(name)
    return answer


def test_health_is_answered_while_a_long_advance_runs(api: Api) -> None:
    order: list[str] = []

    async def both() -> tuple[Answer, Answer]:
        long = asyncio.create_task(finished(order, "advance", api, "POST", "/_sim/clock/advance", {"by": "2d"}))
        await asyncio.sleep(0)
        health = await finished(order, "health", api, "GET", "/_sim/health")
        return await long, health

    advanced, health = api.runner.run(both())
    assert order == ["health", "advance"]
    assert (advanced.status, health.status) == (200, 200)
    assert START < health.json()["clock"]["now"] < "2026-01-03T00:00:00.000Z"


def test_what_needs_the_world_waits_for_the_advance(api: Api) -> None:
    order: list[str] = []

    async def several() -> list[Answer]:
        calls = [
            ("advance", "POST", "/_sim/clock/advance", {"by": "1d"}),
            ("offers", "GET", "/v1/gpu/offers", None),
            ("rent", "POST", "/v1/gpu/rent", RENT),
            ("clock", "GET", "/_sim/clock", None),
        ]
        return await asyncio.gather(*(finished(order, name, api, *call) for name, *call in calls))  # type: ignore[arg-type]  # method, path, body

    answers = api.runner.run(several())
    assert order[0] == "advance"
    assert [answer.header("x-sim-now") for answer in answers] == ["2026-01-02T00:00:00.000Z"] * 4


def test_two_advances_at_once_come_one_after_the_other(api: Api) -> None:
    async def both() -> list[Answer]:
        calls = (api.send("POST", "/_sim/clock/advance", {"by": by}) for by in ("5h", "7h"))
        return await asyncio.gather(*calls)

    first, second = api.runner.run(both())
    assert first.json()["now"] == "2026-01-01T05:00:00.000Z"
    assert second.json()["now"] == "2026-01-01T12:00:00.000Z"


def test_an_advance_in_slices_gives_the_same_journal_as_one_in_one_go(api: Api, runner: asyncio.Runner) -> None:
    api.advance("1d")
    whole = Api(runner, scenario(market=BUSY, journal="full"))
    whole.world.simulation.advance(86_400_000)
    assert b"".join(whole.world.simulation.journal()) == api.call("GET", "/_sim/journal").body


def test_catching_up_with_a_large_step_lets_other_requests_through(api: Api) -> None:
    clock = ClockSettings(mode="manual", step=Duration(86_400_000))
    api.world.pacer.change(clock, 0)
    order: list[str] = []

    async def both() -> None:
        offers = asyncio.create_task(finished(order, "offers", api, "GET", "/v1/gpu/offers"))
        await asyncio.sleep(0)
        await finished(order, "health", api, "GET", "/_sim/health")
        await offers

    api.runner.run(both())
    assert order == ["health", "offers"]
    assert api.call("GET", "/_sim/clock").header("x-sim-now") == "2026-01-02T00:00:00.000Z"


def test_a_reset_waits_for_the_advance(api: Api) -> None:
    async def both() -> list[Answer]:
        calls = (("/_sim/clock/advance", {"by": "1d"}), ("/_sim/reset", None))
        return await asyncio.gather(*(api.send("POST", path, content) for path, content in calls))

    advanced, reset = api.runner.run(both())
    assert advanced.json()["now"] == "2026-01-02T00:00:00.000Z"
    assert reset.json()["now"] == START


def test_a_reset_among_advances_comes_in_its_turn(api: Api) -> None:
    offered = api.get("/_sim/market?limit=1")["data"][0]
    names = ("provider_id", "gpu_model", "region")
    body = RENT | {name: offered[name] for name in names}
    rental_id = api.call("POST", "/v1/gpu/rent", body).json()["rental_id"]

    async def several() -> list[Answer]:
        calls: list[dict[str, Any] | None] = [{"by": "1d"}, {"by": "2d"}, {"until": "next_event"}]
        calls += [{"until": {"rental": rental_id, "status": "terminated"}}, None, {"by": "1h"}]
        paths = ("/_sim/reset" if content is None else "/_sim/clock/advance" for content in calls)
        return await asyncio.gather(*(api.send("POST", path, call) for path, call in zip(paths, calls, strict=True)))

    first, second, third, until, reset, last = api.runner.run(several())
    assert reset.json()["now"] == START
    for advanced in (first, second, third, last):
        assert advanced.status == 200
        assert advanced.json()["events_total"] > 0
        assert advanced.json()["events"]
    assert until.status == 200
    assert third.json()["now"] <= until.json()["now"]
    assert last.json()["now"] == "2026-01-01T01:00:00.000Z"


def test_each_request_under_a_step_moves_the_clock_by_it_however_many_come_at_once(api: Api) -> None:
    api.call("PUT", "/_sim/clock", {"step": "30d"})

    async def several() -> list[Answer]:
        return await asyncio.gather(*(api.send("GET", "/v1/gpu/offers") for _ in range(4)))

    assert all(answer.status == 200 for answer in api.runner.run(several()))
    assert api.get("/_sim/clock")["now"] == "2026-05-01T00:00:00.000Z"


def test_a_reset_while_a_step_runs_is_a_reset(api: Api) -> None:
    api.call("PUT", "/_sim/clock", {"step": "365d"})

    async def both() -> tuple[Answer, Answer]:
        return await asyncio.gather(api.send("GET", "/v1/gpu/offers"), api.send("POST", "/_sim/reset", None))

    _, reset = api.runner.run(both())
    assert reset.json()["now"] == START
    assert api.get("/_sim/clock")["now"] == START
