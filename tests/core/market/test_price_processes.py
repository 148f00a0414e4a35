"""Price processes: their measured rates and sizes."""

import math
from collections.abc import Iterator
from itertools import islice, pairwise
from statistics import fmean, median, pstdev

import pytest
from gpu_sim.core.kernel.clock import DAY_MS
from gpu_sim.core.kernel.randomness import stream
from gpu_sim.core.market import price_processes
from gpu_sim.core.market.price_processes import HostSet, MeanReverting, Smoothed
from gpu_sim.core.scenario.catalog import ProviderClass
from gpu_sim.core.scenario.market_settings import PriceProcessName

from .price_walks import FROZEN, MOVING, daily, log_steps, measured, path, walk


@pytest.mark.parametrize(
    ("name", "provider_class", "least", "most"),
    [
        ("host_set", "marketplace", 0.48, 0.52),
        ("list_price", "neocloud", 0.005, 0.02),
        ("list_price", "hyperscaler", 0.031, 0.036),
        ("smoothed", "hyperscaler", 0.98, 1.08),
        ("mean_reverting", "exchange", 1.0, 2.0),
    ],
)
def test_steps_come_as_often_as_measured(
    name: PriceProcessName, provider_class: ProviderClass, least: float, most: float
) -> None:
    found = walk(path(name, provider_class), 4_000)
    assert least <= 4_000 * DAY_MS / found[-1][0] <= most


def test_a_hosts_jumps_have_the_measured_size_and_leave_the_measured_share_of_days_alone() -> None:
    found = walk(path("host_set"), 3_000)
    sizes = [abs(step) for step in log_steps(found) if step]
    assert 0.05 <= median(sizes) <= 0.20
    assert max(sizes) <= 0.6 + 1e-3
    changes = daily(found)
    assert 0.45 <= sum(change == 0 for change in changes) / len(changes) <= 0.70
    assert 0.05 <= median(abs(change) for change in changes if change) <= 0.20


def test_a_hosts_jump_from_its_anchor_has_a_median_of_ten_percent_either_way() -> None:
    process = measured("host_set", "marketplace")
    assert isinstance(process, HostSet)
    moves = [process.move(0.0, 1.0, stream(1, f"x{n}"), 0) for n in range(4_000)]
    assert abs(median(abs(move) for move in moves) - 0.10) < 0.005
    assert abs(sum(move > 0 for move in moves) - 2_000) < 130
    assert max(abs(move) for move in moves) == 0.6


@pytest.mark.parametrize("gap", [-0.5, -0.1, 0.2, 0.4])
def test_a_hosts_jump_pulls_three_tenths_of_the_way_to_the_anchor(gap: float) -> None:
    process = measured("host_set", "marketplace")
    assert process is not None
    moves = [process.move(gap, 1.0, stream(1, f"x{n}"), 0) for n in range(4_000)]
    assert abs(median(moves) + 0.3 * gap) < 0.01


@pytest.mark.parametrize(("provider_class", "least", "most"), [("neocloud", 0.10, 0.16), ("hyperscaler", 0.03, 0.10)])
def test_a_price_list_is_revised_by_the_measured_steps(
    provider_class: ProviderClass, least: float, most: float
) -> None:
    process = measured("list_price", provider_class)
    assert process is not None
    moves = [process.move(0.3, 1.0, stream(1, f"x{n}"), 0) for n in range(4_000)]
    assert all(least <= abs(move) <= most for move in moves)
    assert abs(median(abs(move) for move in moves) - (least + most) / 2) < 0.002
    assert abs(sum(move > 0 for move in moves) - 2_000) < 130


def test_a_neoclouds_price_is_unchanged_on_almost_all_days() -> None:
    changes = daily(walk(path("list_price", "neocloud"), 300))
    assert sum(change == 0 for change in changes) / len(changes) > 0.97


def test_an_exchanges_daily_changes_are_as_measured() -> None:
    changes = daily(walk(path("mean_reverting", "exchange"), 6_000))
    assert 0.008 <= median(abs(change) for change in changes if change) <= 0.014
    assert 0.014 <= pstdev(changes) <= 0.022
    assert 0.1 <= sum(change == 0 for change in changes) / len(changes) <= 0.4


def test_an_exchange_jumps_by_five_percent_now_and_then() -> None:
    process = measured("mean_reverting", "exchange")
    assert isinstance(process, MeanReverting)
    moves = [process.move(0.0, 1e-6, stream(1, f"x{n}"), 0) for n in range(10_000)]
    jumps = [move for move in moves if abs(move) > 0.01]
    assert {abs(move) for move in jumps} == {0.05}
    assert 150 < len(jumps) < 250
    assert 0.3 < sum(move > 0 for move in jumps) / len(jumps) < 0.7


@pytest.mark.parametrize("days", [0.1, 1.0, 6.0, 60.0, 10_000.0])
def test_an_exchange_reverts_by_its_half_life_with_the_exact_variance(days: float) -> None:
    process = measured("mean_reverting", "exchange")
    assert isinstance(process, MeanReverting)
    moves = [process.move(0.4, days, stream(1, f"x{n}"), 0) for n in range(4_000)]
    ordinary = [0.4 + move for move in moves if abs(move) != 0.05]
    kept, rate = 0.5 ** (days / 6.0), math.log(2) / 6.0
    deviation = 0.017 * math.sqrt((1 - kept * kept) / (2 * rate))
    assert abs(fmean(ordinary) - 0.4 * kept) < 4 * deviation / math.sqrt(4_000)
    assert abs(pstdev(ordinary) / deviation - 1) < 0.05


def smoothed_paces(offers: int) -> list[Smoothed]:
    """Those of so many smoothed prices that move."""
    found = (measured("smoothed", "hyperscaler", f"pace/{number}") for number in range(offers))
    return [process for process in found if isinstance(process, Smoothed)]


def test_three_in_four_smoothed_prices_are_frozen() -> None:
    """Of 4,000 independent draws: five standard deviations are 3.4 %."""
    assert abs(len(smoothed_paces(4_000)) / 4_000 - 0.25) < 0.035
    assert measured("smoothed", "hyperscaler", FROZEN) is None


def test_those_that_move_do_so_at_paces_of_their_own_within_the_measured_ones() -> None:
    paces = sorted(process.steps_per_day for process in smoothed_paces(4_000))
    assert 0.1 <= paces[0] < 0.11
    assert 2.2 < paces[-1] <= 2.3
    assert abs(median(paces) - math.sqrt(0.1 * 2.3)) < 0.06  # five standard errors of 1,000 even logarithms


def test_smoothed_steps_are_of_the_measured_sizes() -> None:
    """Of walks at paces from 0.1 to 2.3 a day, at a price so high that its rounding cannot be seen."""
    sizes: list[float] = []
    for number in range(100):
        if measured("smoothed", "hyperscaler", f"pace/{number}") is not None:
            dear = path("smoothed", "hyperscaler", pace=f"pace/{number}", start=70_000_000, on_demand=100_000_000)
            sizes += map(abs, log_steps(walk(dear, 600), 70_000_000))
    assert len(sizes) > 10_000
    moved = sorted(size for size in sizes if size)
    assert 0.0020 <= median(moved) <= 0.0029
    assert 0.009 <= moved[len(moved) * 90 // 100] <= 0.013
    assert 0.025 <= moved[len(moved) * 99 // 100] <= 0.043
    assert 0.045 < moved[-1] <= 0.05 + 1e-4


def test_a_smoothed_price_that_moves_about_daily_trends_from_day_to_day() -> None:
    """The lag-1 autocorrelation of 5,000 daily changes, whose standard error is about 0.03 with such tails."""
    changes = daily(walk(path("smoothed", "hyperscaler", pace=MOVING), 5_000))
    mean = fmean(changes)
    together = fmean((a - mean) * (b - mean) for a, b in pairwise(changes))
    assert 0.27 <= together / pstdev(changes) ** 2 <= 0.47


def test_the_draws_that_are_kept_are_those_of_the_price_that_asks() -> None:
    """Two prices that move in turns go the ways that each goes alone, with nothing kept before any of its steps."""

    def steps(key: str) -> Iterator[int]:
        moving = path("smoothed", key=key)
        now = moving.first_delay_ms() or 0
        while True:
            now += moving.step(now)
            yield moving.latent_nano

    def alone(key: str) -> list[int]:
        found = []
        for latent_nano in islice(steps(key), 40):
            price_processes._news.cache_clear()
            found.append(latent_nano)
        return found

    in_turns = list(islice(zip(steps("price/x"), steps("price/y"), strict=True), 40))
    assert in_turns == list(zip(alone("price/x"), alone("price/y"), strict=True))
    assert len(set(in_turns)) == 40


def test_a_smoothed_price_comes_back_by_its_half_life() -> None:
    process = measured("smoothed", "hyperscaler")
    assert process is not None
    moves = [process.move(0.06, 42.0, stream(1, f"x{n}"), 0) for n in range(4_000)]
    assert abs(median(moves) + 0.03) < 0.0005
    assert abs(process.move(0.04, 1e6, stream(1, "x0"), 0) - process.move(0.0, 1.0, stream(1, "x0"), 0) + 0.04) < 1e-12


def test_a_smoothed_step_is_cut_either_way() -> None:
    process = measured("smoothed", "hyperscaler")
    assert process is not None
    keys = [stream(1, f"x{n}") for n in range(10)]
    assert {process.move(gap, 1e6, key, 0) for gap in (0.5, -0.5) for key in keys} == {-0.05, 0.05}


def test_a_hosts_anchor_and_newcomers_have_the_measured_weights() -> None:
    process = measured("host_set", "marketplace")
    assert isinstance(process, HostSet)
    assert (process.stress_weight, process.newcomer_spread) == (0.15, 0.30)
