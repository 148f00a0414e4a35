"""From wall time to virtual time, by a wall clock that the tests hold (A24)."""

import pytest
from gpu_sim.core.kernel.quantities import Duration, Factor
from gpu_sim.core.scenario.scenario import ClockSettings
from gpu_sim.wall_clock import Pacer, Slice, wall_epoch_ms, wall_ns

from .support.manual_clock import ManualClock

REAL = ClockSettings(mode="real")
MANUAL = ClockSettings(mode="manual")


def scaled(speed: float) -> ClockSettings:
    """A clock so many times as fast."""
    return ClockSettings(mode="scaled", speed=Factor(round(speed * 1_000_000)))


@pytest.fixture
def wall() -> ManualClock:
    return ManualClock()


def test_a_real_clock_goes_as_the_wall_does(wall: ManualClock) -> None:
    pacer = Pacer(REAL, now_ms=5_000, wall=wall)
    assert pacer.target_ms(5_000) == 5_000
    wall.goes(1.5)
    assert pacer.target_ms(5_000) == 6_500


def test_parts_of_a_millisecond_are_not_lost(wall: ManualClock) -> None:
    pacer = Pacer(REAL, wall=wall)
    now = 0
    for _ in range(10_000):
        wall.ns += 333_333
        now = pacer.target_ms(now)
    assert now == 3_333


def test_a_virtual_span_takes_less_of_the_wall_the_faster_the_clock() -> None:
    assert [Pacer(clock).in_wall_ms(6_000) for clock in (REAL, scaled(60), scaled(0.5))] == [6_000, 100, 12_000]


@pytest.mark.parametrize(
    ("speed", "expected"), [(1, 10_000), (60, 600_000), (0.5, 5_000), (0.001, 10), (1_000_000, 10**10)]
)
def test_a_scaled_clock_goes_so_many_times_as_fast(wall: ManualClock, speed: float, expected: int) -> None:
    pacer = Pacer(scaled(speed), wall=wall)
    wall.goes(10)
    assert pacer.target_ms(0) == expected


def test_a_scaled_clock_is_exact_over_a_year(wall: ManualClock) -> None:
    pacer = Pacer(scaled(3.3), wall=wall)
    wall.goes(365 * 86_400)
    assert pacer.target_ms(0) == 33 * 365 * 86_400 * 100


def test_a_manual_clock_stands(wall: ManualClock) -> None:
    for settings in (MANUAL, ClockSettings(mode="manual", step=Duration(5_000))):
        pacer = Pacer(settings, wall=wall)
        wall.goes(1_000)
        assert pacer.target_ms(7) == 7


def test_time_never_goes_back(wall: ManualClock) -> None:
    pacer = Pacer(REAL, wall=wall)
    wall.goes(2)
    assert pacer.target_ms(2_000) == 2_000
    wall.goes(-1)
    assert pacer.target_ms(2_000) == 2_000
    assert pacer.target_ms(99_000) == 99_000


@pytest.mark.parametrize("before", [REAL, scaled(1_000), scaled(0.001), MANUAL])
@pytest.mark.parametrize("after", [REAL, scaled(1_000), scaled(0.001), MANUAL])
def test_a_change_of_mode_or_speed_never_makes_time_jump(
    wall: ManualClock, before: ClockSettings, after: ClockSettings
) -> None:
    pacer = Pacer(before, wall=wall)
    wall.goes(10)
    now = pacer.target_ms(0)
    pacer.change(after, now)
    assert pacer.target_ms(now) == now
    assert pacer.settings == after
    wall.goes(1)
    gone = pacer.target_ms(now) - now
    speed = 0 if after.mode == "manual" else (after.speed or 1_000_000)
    assert gone == 1_000 * speed // 1_000_000


def test_after_an_advance_a_running_clock_is_ahead_by_as_much(wall: ManualClock) -> None:
    pacer = Pacer(scaled(10), wall=wall)
    wall.goes(1)
    now = pacer.target_ms(0) + 3_600_000
    pacer.skip(3_600_000)
    assert pacer.target_ms(now) == now == 3_610_000
    wall.goes(1)
    assert pacer.target_ms(now) == now + 10_000


@pytest.mark.parametrize(
    ("settings", "due_ms", "wait_ns"),
    [
        (REAL, 5_000, 0),
        (REAL, 4_000, 0),
        (REAL, 5_001, 1_000_000),
        (scaled(1_000), 5_001, 1_000),
        (scaled(3), 5_001, 333_334),
        (scaled(0.5), 6_000, 2_000_000_000),
        (MANUAL, 6_000, None),
        (MANUAL, 4_000, None),
    ],
)
def test_the_wait_for_an_instant_is_as_long_as_the_clock_takes_to_it(
    wall: ManualClock, settings: ClockSettings, due_ms: int, wait_ns: int | None
) -> None:
    pacer = Pacer(settings, now_ms=5_000, wall=wall)
    assert pacer.wait_ns(due_ms) == wait_ns
    if wait_ns:
        wall.ns += wait_ns - 1
        assert pacer.target_ms(5_000) < due_ms
        wall.ns += 1
        assert (pacer.target_ms(5_000), pacer.wait_ns(due_ms)) == (due_ms, 0)


@pytest.mark.parametrize(
    ("settings", "span_ms", "seconds"),
    [
        (REAL, 1, 1),
        (REAL, 1_000, 1),
        (REAL, 1_001, 2),
        (REAL, 0, 1),
        (scaled(60), 60_000, 1),
        (scaled(60), 60_001, 2),
        (scaled(60), 3_600_000, 60),
        (scaled(0.5), 1_000, 2),
        (scaled(1_000_000), 10**9, 1),
        (MANUAL, 90_000, 90),
        (MANUAL, 90_001, 91),
        (ClockSettings(mode="manual", step=Duration(5_000)), 90_000, 1),
    ],
)
def test_a24_a_wait_is_told_in_wall_seconds_rounded_up_and_at_least_1(
    wall: ManualClock, settings: ClockSettings, span_ms: int, seconds: int
) -> None:
    assert Pacer(settings, wall=wall).in_wall_seconds(span_ms) == seconds


def test_the_wall_clock_itself_never_goes_back() -> None:
    assert wall_ns() <= wall_ns()


def test_the_wall_time_is_cut_to_whole_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpu_sim.wall_clock.time.time_ns", lambda: 1_767_225_600_000_999_999)
    assert wall_epoch_ms() == 1_767_225_600_000


def test_a_slice_is_over_when_its_time_is(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0
    monkeypatch.setattr("gpu_sim.wall_clock.time.perf_counter_ns", lambda: now)
    turn = Slice()
    assert not turn.is_over()
    now = 20 * 1_000_000
    assert turn.is_over()
