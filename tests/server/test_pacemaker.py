"""Running clocks go on without requests, and nothing else about their worlds changes."""

import asyncio
from collections.abc import Awaitable, Callable
from threading import Event

import pytest
from gpu_sim.core.kernel.clock import DAY_MS, HOUR_MS
from gpu_sim.core.kernel.quantities import Duration, Factor, Instant, Money
from gpu_sim.core.scenario.acts import Act, CreditAct
from gpu_sim.core.scenario.catalog import CatalogSpec, Generate
from gpu_sim.core.scenario.market_settings import MarketSettings, PriceSettings
from gpu_sim.core.scenario.scenario import ClockSettings, Scenario
from gpu_sim.server import serving
from gpu_sim.server.pacemaker import PAUSE_NS_MAX, PAUSE_NS_MIN, Pacemaker
from gpu_sim.wall_clock import NS_PER_MS
from gpu_sim.worlds import world as world_module
from gpu_sim.worlds.world import World
from gpu_sim.worlds.worlds import Worlds

from ..support.builders import scenario
from ..support.busy_world import ACTORS, busy_scenario, run
from ..support.manual_clock import ManualClock, ShortSlice, follow

MANUAL = ClockSettings(mode="manual")
REAL = ClockSettings(mode="real", start=Instant(0))
FAST = ClockSettings(mode="scaled", speed=Factor(1_000_000_000), start=Instant(0))
BUSY = MarketSettings(catalog=CatalogSpec(Generate(50)), prices=PriceSettings(activity=Factor(5_000_000)))
TURNS_MAX = 100_000


@pytest.fixture
def wall() -> ManualClock:
    return ManualClock()


def credited(*at_ms: int) -> Scenario:
    """Alice gets a micro-dollar at each of these instants."""
    return scenario(timeline=tuple(Act(at=Duration(at), credit=CreditAct("alice", Money(1))) for at in at_ms))


def server_of(wall: ManualClock, *served: World) -> tuple[Worlds, Pacemaker]:
    """Worlds on one server, by one wall clock."""
    all_ = Worlds()
    for world in served:
        all_.add(world)
    follow(wall, *served)
    return all_, Pacemaker(all_)


async def settle(pacemaker: Pacemaker) -> int:
    """A beat, and the end of the catching up that it began."""
    pause = pacemaker.beat()
    for _ in range(TURNS_MAX):
        if not pacemaker._behind:
            return pause
        await asyncio.sleep(0)
    raise AssertionError("a world never caught up")


@pytest.mark.parametrize(("clock", "speed"), [(REAL, 1), (FAST, 1_000)])
def test_what_is_due_happens_on_time_without_a_request(wall: ManualClock, clock: ClockSettings, speed: int) -> None:
    world = World("w", credited(3_000, 7_000), clock=clock)
    _, pacemaker = server_of(wall, world)

    async def go() -> None:
        seen = world.simulation.events_total
        for due, before in ((3_000, 0), (7_000, 3_000)):
            wall.ns += (due - before) * NS_PER_MS // speed - 1
            assert pacemaker.beat() == PAUSE_NS_MIN
            assert world.simulation.events_total == seen
            wall.ns += 1
            pacemaker.beat()
            seen += 1
            assert (world.simulation.events_total, world.simulation.now_ms) == (seen, due)

    asyncio.run(go())


def test_it_looks_again_when_the_next_of_all_worlds_is_due_and_at_least_so_often(wall: ManualClock) -> None:
    soon, late = World("soon", credited(20, 1_000), clock=REAL), World("late", credited(5_000), clock=REAL)
    _, pacemaker = server_of(wall, late, soon)
    assert pacemaker.beat() == 20 * NS_PER_MS
    wall.goes(0.019)
    assert pacemaker.beat() == PAUSE_NS_MIN
    wall.goes(0.001)
    pacemaker.beat()
    assert soon.simulation.now_ms == 20
    assert pacemaker.beat() == PAUSE_NS_MAX


def test_a_clock_that_stands_and_a_world_without_events_are_left_alone(wall: ManualClock) -> None:
    step = ClockSettings(mode="manual", step=Duration(5_000))
    quiet = [World("m", credited(1), clock=MANUAL), World("s", credited(1), clock=step), World("q", scenario())]
    _, pacemaker = server_of(wall, *quiet)
    before = [world.simulation.now_ms for world in quiet]
    wall.goes(3_600)
    assert pacemaker.beat() == PAUSE_NS_MAX
    assert [world.simulation.now_ms for world in quiet] == before


def test_a_change_of_the_clock_is_noticed(wall: ManualClock) -> None:
    world = World("w", credited(10), clock=MANUAL)
    _, pacemaker = server_of(wall, world)
    wall.goes(1)
    assert pacemaker.beat() == PAUSE_NS_MAX
    asyncio.run(world.change_clock(ClockSettings(mode="real")))
    assert pacemaker.beat() == 10 * NS_PER_MS


def test_what_lies_beyond_the_calendar_is_not_waited_for(wall: ManualClock) -> None:
    world = World("w", credited(10), clock=REAL)
    _, pacemaker = server_of(wall, world)
    world.last_ms = 9
    wall.goes(1)
    assert pacemaker.beat() == PAUSE_NS_MAX


def test_a_machine_that_slept_catches_up_at_once(wall: ManualClock) -> None:
    world = World("w", scenario(market=BUSY, journal="full"), clock=REAL)
    _, pacemaker = server_of(wall, world)
    alone = World("w", scenario(market=BUSY, journal="full"), clock=REAL)
    wall.goes(8 * 3_600)
    asyncio.run(settle(pacemaker))
    assert world.simulation.now_ms == 8 * HOUR_MS
    alone.simulation.advance(8 * HOUR_MS)
    assert world.simulation.events_total > 50
    assert b"".join(world.simulation.journal()) == b"".join(alone.simulation.journal())


def test_a_clock_that_goes_without_commands_lets_old_events_go(wall: ManualClock) -> None:
    world = World("w", scenario(market=BUSY, journal="full"), clock=REAL, keep=1)
    _, pacemaker = server_of(wall, world)

    async def go() -> None:
        for _ in range(400):
            wall.goes(900)
            await settle(pacemaker)

    asyncio.run(go())
    assert world.simulation.events_total > 500
    assert len(world.simulation.events) < 150


def test_a_world_far_behind_holds_up_neither_the_others_nor_requests(
    wall: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world_module, "Slice", ShortSlice)
    behind, other = World("behind", scenario(market=BUSY), clock=REAL), World("other", credited(1_000), clock=REAL)
    _, pacemaker = server_of(wall, behind, other)

    async def go() -> None:
        wall.goes(30 * 86_400)
        pacemaker.beat()
        assert other.simulation.now_ms == 30 * DAY_MS
        assert pacemaker.beat() == PAUSE_NS_MIN
        for _ in range(10):
            await asyncio.sleep(0)
        assert 0 < behind.simulation.now_ms < 30 * DAY_MS  # the loop was free ten times by now
        await settle(pacemaker)
        assert behind.simulation.now_ms == 30 * DAY_MS

    asyncio.run(go())


def test_a_world_whose_clock_is_being_moved_is_left_to_whoever_moves_it(
    wall: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world_module, "Slice", ShortSlice)
    world = World("w", scenario(market=BUSY), clock=REAL)
    _, pacemaker = server_of(wall, world)

    async def go() -> None:
        advance = asyncio.create_task(world.advance(lambda: DAY_MS))
        await asyncio.sleep(0)
        wall.goes(3_600)
        assert pacemaker.beat() == PAUSE_NS_MAX
        assert not pacemaker._behind
        await advance

    asyncio.run(go())


def test_a_world_deleted_while_it_catches_up_is_forgotten(
    wall: ManualClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(world_module, "Slice", ShortSlice)
    world = World("w", scenario(market=BUSY), clock=REAL)
    all_, pacemaker = server_of(wall, world)

    async def go() -> None:
        wall.goes(30 * 86_400)
        pacemaker.beat()
        await asyncio.gather(all_.drop(world), settle(pacemaker))
        assert world.simulation.now_ms < 30 * DAY_MS

    asyncio.run(go())
    assert not caplog.records


def fail(*_: object) -> bool:
    """Fails as a bug of ours would."""
    raise RuntimeError("a bug")


def test_a_world_that_fails_is_logged_and_the_others_go_on(
    wall: ManualClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken, sound = World("broken", scenario(market=BUSY), clock=REAL), World("sound", credited(1_000), clock=REAL)
    _, pacemaker = server_of(wall, broken, sound)
    monkeypatch.setattr(broken, "caught_up", lambda: False)
    monkeypatch.setattr(broken, "_catch_up", fail)
    wall.goes(86_400)
    asyncio.run(settle(pacemaker))
    assert sound.simulation.now_ms == DAY_MS
    assert [record.message for record in caplog.records] == ["the world broken failed to keep its time"]


def test_it_runs_until_it_is_cancelled_and_leaves_nothing_running(
    wall: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world_module, "Slice", ShortSlice)
    world = World("w", scenario(market=BUSY), clock=REAL)
    _, pacemaker = server_of(wall, world)

    async def go() -> None:
        wall.goes(365 * 86_400)
        running = asyncio.create_task(pacemaker.run())
        for _ in range(20):
            await asyncio.sleep(0)
        assert world.simulation.now_ms > 0
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        for _ in range(3):
            await asyncio.sleep(0)
        assert running.cancelled()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(go())
    assert world.simulation.now_ms < 365 * DAY_MS


def test_a_failure_of_its_own_is_logged(wall: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    _, pacemaker = server_of(wall)
    pacemaker.beat = fail  # type: ignore[method-assign]  # a stand-in for a bug
    asyncio.run(pacemaker.run())
    assert [record.message for record in caplog.records] == ["running clocks go on with requests only"]


Between = Callable[[int], Awaitable[None]]


async def lived(world: World, wall: ManualClock, speed: int, between: Between) -> bytes:
    """The journal of a day in which three accounts live, each command at its instant by the wall clock."""
    began = wall.ns
    steps = sorted((step for steps in ACTORS.values() for step in steps), key=lambda step: step.at_ms)
    for step in steps:
        due_ns = began + step.at_ms * NS_PER_MS // speed
        await between(due_ns)
        wall.ns = due_ns
        await world.catch_up()
        run(world.simulation, step)
    await between(began + DAY_MS * NS_PER_MS // speed)
    wall.ns = began + DAY_MS * NS_PER_MS // speed
    await world.catch_up()
    return b"".join(world.simulation.journal())


@pytest.mark.parametrize(("clock", "speed"), [(REAL, 1), (FAST, 1_000)])
def test_property_22_a_world_is_the_same_whether_or_not_it_was_kept_going(clock: ClockSettings, speed: int) -> None:
    lazy_wall, eager_wall = ManualClock(), ManualClock()
    lazy, eager = (World("w", busy_scenario(), clock=clock) for _ in range(2))
    follow(lazy_wall, lazy)
    _, pacemaker = server_of(eager_wall, eager)
    ahead = 0

    async def nothing(until_ns: int) -> None:
        """No request comes, and nothing happens."""

    async def beats(until_ns: int) -> None:
        nonlocal ahead
        before = eager.simulation.events_total
        for part in range(1, 8):
            eager_wall.ns += (until_ns - eager_wall.ns) * part // 8
            await settle(pacemaker)
        ahead += eager.simulation.events_total - before

    expected = asyncio.run(lived(lazy, lazy_wall, speed, nothing))
    assert asyncio.run(lived(eager, eager_wall, speed, beats)) == expected
    assert ahead > 200
    assert len(expected.splitlines()) > 500


@pytest.fixture
def fired(monkeypatch: pytest.MonkeyPatch) -> Event:
    """Set once a server's pacemaker has applied an event in its default world."""
    has_moved = Event()
    original = Pacemaker.beat

    def beat(self: Pacemaker) -> int:
        pause = original(self)
        if self._worlds.by_name["default"].simulation.events_total > 2:
            has_moved.set()
        return pause

    monkeypatch.setattr(Pacemaker, "beat", beat)
    return has_moved


def test_a_server_keeps_its_clocks_going(fired: Event) -> None:
    day = ClockSettings(mode="scaled", speed=Factor(10**12), start=Instant(0))
    with serving.serve_in_thread(credited(DAY_MS), clock=day):
        assert fired.wait(60)


def test_a_world_that_fails_holds_no_other_clock_up(
    wall: ManualClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken, sound = World("broken", credited(1_000), clock=REAL), World("sound", credited(1_000), clock=REAL)
    _, pacemaker = server_of(wall, broken, sound)

    def fail() -> bool:
        raise AssertionError("broken on purpose")

    monkeypatch.setattr(broken, "caught_up", fail)
    wall.goes(1)
    pacemaker.beat()
    assert sound.simulation.now_ms >= 1_000
    assert "the world broken failed to keep its time" in caplog.text
