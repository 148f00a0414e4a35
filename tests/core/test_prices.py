"""Price processes: their bounds, their measured rates and sizes, and what `activity` means."""

import math
from itertools import pairwise
from statistics import fmean, median, pstdev
from typing import get_args

import pytest

from simulator.core.catalog import ProviderClass
from simulator.core.clock import DAY_MS
from simulator.core.market_settings import PriceProcessName, PriceSettings
from simulator.core.prices import HostSet, MeanReverting, PricePath, process_for
from simulator.core.quantities import Factor
from simulator.core.randomness import stream

CLASSES: tuple[ProviderClass, ...] = get_args(ProviderClass)
MOVING: tuple[PriceProcessName, ...] = ("list_price", "host_set", "mean_reverting")
ON_DEMAND = 10_000_000
"""Ten dollars: a step of $0.001 is too fine to disturb a measurement."""


def path(
    name: PriceProcessName,
    provider_class: ProviderClass = "marketplace",
    *,
    key: str = "price/x",
    activity_ppm: int = 1_000_000,
    start: int = 7_000_000,
    on_demand: int = ON_DEMAND,
) -> PricePath:
    return PricePath(
        stream(1, key),
        process_for(name, provider_class),
        activity=Factor(activity_ppm),
        start_micros=start,
        on_demand_micros=on_demand,
        provider_class=provider_class,
    )


def walk(moving: PricePath, steps: int) -> list[tuple[int, int]]:
    """Instants and prices of so many steps."""
    found, now, delay = list[tuple[int, int]](), 0, moving.first_delay_ms()
    assert delay is not None
    for _ in range(steps):
        now += delay
        delay = moving.step(now)
        found.append((now, moving.price_micros))
    return found


def log_steps(found: list[tuple[int, int]], start: int = 7_000_000) -> list[float]:
    return [math.log(b / a) for a, b in pairwise([start, *(price for _, price in found)])]


def daily(found: list[tuple[int, int]], start: int = 7_000_000) -> list[float]:
    """The price's logarithmic change from each day's end to the next."""
    closing, price, waiting = [start], start, list(reversed(found))
    for day in range(1, found[-1][0] // DAY_MS):
        while waiting[-1][0] <= day * DAY_MS:
            price = waiting.pop()[1]
        closing.append(price)
    return [math.log(b / a) for a, b in pairwise(closing)]


@pytest.mark.parametrize(
    ("provider_class", "floor_ppm"),
    [("marketplace", 300_000), ("neocloud", 500_000), ("hyperscaler", 300_000), ("exchange", 300_000)],
)
@pytest.mark.parametrize("name", MOVING)
@pytest.mark.parametrize(("start", "on_demand"), [(700_000, 1_003_000), (1_003_000, 1_003_000), (4_000, 7_000)])
def test_a_price_is_a_multiple_of_a_tenth_of_a_cent_within_floor_and_cap(
    name: PriceProcessName, provider_class: ProviderClass, floor_ppm: int, start: int, on_demand: int
) -> None:
    prices = [price for _, price in walk(path(name, provider_class, start=start, on_demand=on_demand), 1_500)]
    assert all(price % 1_000 == 0 for price in prices)
    assert min(prices) * 1_000_000 >= on_demand * floor_ppm
    assert max(prices) <= on_demand
    assert len(set(prices)) > 1 or on_demand == 7_000


def test_a_start_price_below_the_class_floor_is_the_floor() -> None:
    prices = [price for _, price in walk(path("list_price", "neocloud", start=2_000_000), 2_000)]
    assert min(prices) == 2_000_000
    assert max(prices) > 5_000_000


def test_both_bounds_are_reached() -> None:
    prices = {price for _, price in walk(path("list_price", "hyperscaler"), 5_000)}
    assert (min(prices), max(prices)) == (3_000_000, ON_DEMAND)


@pytest.mark.parametrize("provider_class", CLASSES)
def test_a_constant_price_never_moves(provider_class: ProviderClass) -> None:
    constant = path("constant", provider_class)
    assert constant.first_delay_ms() is None
    assert constant.price_micros == 7_000_000


@pytest.mark.parametrize("name", MOVING)
def test_activity_zero_stops_every_process(name: PriceProcessName) -> None:
    assert path(name, activity_ppm=0).first_delay_ms() is None


@pytest.mark.parametrize("name", MOVING)
def test_activity_changes_rates_and_not_sizes(name: PriceProcessName) -> None:
    calm, busy = path(name), path(name, activity_ppm=10_000_000)
    slow, fast = walk(calm, 300), walk(busy, 300)
    assert all(abs(a[0] - 10 * b[0]) <= 10 * 300 for a, b in zip(slow, fast, strict=True))
    assert all(abs(a[1] - b[1]) <= 1_000 for a, b in zip(slow, fast, strict=True))
    assert abs(calm.latent_nano - busy.latent_nano) < 10_000


def test_activity_scales_the_number_of_steps() -> None:
    walks = [walk(path("host_set", activity_ppm=ppm), 10_000) for ppm in (1_000_000, 10_000_000)]
    assert [round(10_000 * DAY_MS / found[-1][0], 1) for found in walks] == [0.5, 5.0]


@pytest.mark.parametrize(
    ("name", "provider_class", "least", "most"),
    [
        ("host_set", "marketplace", 0.48, 0.52),
        ("list_price", "neocloud", 0.005, 0.02),
        ("list_price", "hyperscaler", 0.031, 0.036),
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
    process = process_for("host_set", "marketplace")
    assert isinstance(process, HostSet)
    moves = [process.move(0.0, 1.0, stream(1, f"x{n}"), 0) for n in range(4_000)]
    assert abs(median(abs(move) for move in moves) - 0.10) < 0.005
    assert abs(sum(move > 0 for move in moves) - 2_000) < 130
    assert max(abs(move) for move in moves) == 0.6


@pytest.mark.parametrize("gap", [-0.5, -0.1, 0.2, 0.4])
def test_a_hosts_jump_pulls_three_tenths_of_the_way_to_the_anchor(gap: float) -> None:
    process = process_for("host_set", "marketplace")
    assert process is not None
    moves = [process.move(gap, 1.0, stream(1, f"x{n}"), 0) for n in range(4_000)]
    assert abs(median(moves) + 0.3 * gap) < 0.01


@pytest.mark.parametrize(("provider_class", "least", "most"), [("neocloud", 0.10, 0.16), ("hyperscaler", 0.03, 0.10)])
def test_a_price_list_is_revised_by_the_measured_steps(
    provider_class: ProviderClass, least: float, most: float
) -> None:
    process = process_for("list_price", provider_class)
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
    process = process_for("mean_reverting", "exchange")
    assert isinstance(process, MeanReverting)
    moves = [process.move(0.0, 1e-6, stream(1, f"x{n}"), 0) for n in range(10_000)]
    jumps = [move for move in moves if abs(move) > 0.01]
    assert {abs(move) for move in jumps} == {0.05}
    assert 150 < len(jumps) < 250
    assert 0.3 < sum(move > 0 for move in jumps) / len(jumps) < 0.7


@pytest.mark.parametrize("days", [0.1, 1.0, 6.0, 60.0, 10_000.0])
def test_an_exchange_reverts_by_its_half_life_with_the_exact_variance(days: float) -> None:
    process = process_for("mean_reverting", "exchange")
    assert isinstance(process, MeanReverting)
    moves = [process.move(0.4, days, stream(1, f"x{n}"), 0) for n in range(4_000)]
    ordinary = [0.4 + move for move in moves if abs(move) != 0.05]
    kept, rate = 0.5 ** (days / 6.0), math.log(2) / 6.0
    deviation = 0.017 * math.sqrt((1 - kept * kept) / (2 * rate))
    assert abs(fmean(ordinary) - 0.4 * kept) < 4 * deviation / math.sqrt(4_000)
    assert abs(pstdev(ordinary) / deviation - 1) < 0.05


def test_prices_of_two_offers_move_apart() -> None:
    assert walk(path("host_set"), 20) != walk(path("host_set", key="price/y"), 20)
    assert walk(path("host_set"), 20) == walk(path("host_set"), 20)


def test_a_path_resumes_from_its_state() -> None:
    first = path("mean_reverting")
    found = walk(first, 50)
    resumed = path("mean_reverting")
    resumed.latent_nano, resumed.moved_ms, resumed.steps = first.latent_nano, first.moved_ms, first.steps
    now = found[-1][0] + 1_000
    assert resumed.step(now) == first.step(now)
    assert (resumed.price_micros, resumed.latent_nano) == (first.price_micros, first.latent_nano)


def test_each_class_has_the_process_it_was_measured_with() -> None:
    assert [PriceSettings().process(provider_class) for provider_class in CLASSES] == [
        "host_set",
        "list_price",
        "list_price",
        "mean_reverting",
    ]
