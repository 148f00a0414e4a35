"""The level of a GPU model's prices: its spread, its half-life, and that nobody who asks changes it."""

from itertools import pairwise
from statistics import fmean, pstdev

from gpu_sim.core.kernel.clock import DAY_MS, HOUR_MS
from gpu_sim.core.kernel.quantities import Factor
from gpu_sim.core.market.price_levels import PriceLevel

DAYS = 8_000
PLAIN = Factor(1_000_000)


def level(gpu_model: str = "H100", seed: int = 1, activity: Factor = PLAIN) -> PriceLevel:
    return PriceLevel(gpu_model, seed, activity)


def test_it_starts_at_nothing_and_moves_every_six_hours() -> None:
    moving = level()
    assert moving.move_to(6 * HOUR_MS - 1) == 0
    moved = moving.move_to(6 * HOUR_MS)
    assert moved != 0
    assert moving.move_to(12 * HOUR_MS - 1) == moved
    assert moving.move_to(12 * HOUR_MS) != moved


def test_it_has_the_measured_spread_and_half_life() -> None:
    """Of 8,000 days, about 900 of them independent: the standard error of the deviation is 0.006."""
    moving = level()
    days = [moving.move_to(day * DAY_MS) / 1e9 for day in range(DAYS)]
    assert abs(fmean(days)) < 0.05
    assert abs(pstdev(days) - 0.25) < 0.025
    kept = fmean(a * b for a, b in pairwise(days)) / fmean(day * day for day in days)
    assert abs(kept - 0.5 ** (1 / 3)) < 0.03


def test_when_it_is_asked_changes_nothing() -> None:
    often, once = level(), level()
    for hour in range(0, 1_000, 7):
        often.move_to(hour * HOUR_MS)
    assert often.move_to(1_000 * HOUR_MS) == once.move_to(1_000 * HOUR_MS)


def test_activity_makes_its_time_run_faster_and_changes_no_size() -> None:
    slow, fast = level(), level(activity=Factor(10_000_000))
    for day in range(20):
        assert slow.move_to(10 * day * DAY_MS) == fast.move_to(day * DAY_MS)
    assert level(activity=Factor(0)).move_to(100 * DAY_MS) == 0


def test_each_gpu_model_and_each_seed_has_a_level_of_its_own() -> None:
    found = [level(model, seed).move_to(30 * DAY_MS) for model in ("H100", "L40S") for seed in (1, 2)]
    assert len(set(found)) == 4


def test_it_resumes_from_its_state() -> None:
    first = level()
    first.move_to(40 * DAY_MS)
    again = level()
    again.restore(first.state(), 40 * DAY_MS)
    assert again.move_to(80 * DAY_MS) == first.move_to(80 * DAY_MS)
