"""Price paths: their bounds, what `activity` means, and what an anchor moves with."""

from typing import get_args

import pytest
from gpu_sim.core.kernel.clock import DAY_MS
from gpu_sim.core.kernel.quantities import Factor
from gpu_sim.core.kernel.randomness import DRAW_RANGE
from gpu_sim.core.market.price_levels import PriceLevel
from gpu_sim.core.scenario.catalog import ProviderClass
from gpu_sim.core.scenario.market_settings import PriceProcessName, PriceSettings

from .price_walks import FROZEN, ON_DEMAND, path, walk

CLASSES: tuple[ProviderClass, ...] = get_args(ProviderClass)
MOVING: tuple[PriceProcessName, ...] = ("list_price", "host_set", "smoothed", "mean_reverting")


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
        "smoothed",
        "mean_reverting",
    ]


@pytest.mark.parametrize("provider_class", CLASSES)
def test_a_frozen_price_never_moves(provider_class: ProviderClass) -> None:
    assert path("smoothed", provider_class, pace=FROZEN).first_delay_ms() is None


def test_a_smoothed_price_rests_exactly_on_three_tenths_of_the_on_demand_price() -> None:
    """From just above it a walk of small steps gets there often, and not a thousandth of a dollar below."""
    prices = [price for _, price in walk(path("smoothed", "hyperscaler", start=3_010_000), 2_000)]
    assert min(prices) == 3_000_000
    assert prices.count(3_000_000) > 20


@pytest.mark.parametrize("pressure", [-1.4, -0.5, 0.5, 1.4])
def test_stress_moves_a_hosts_anchor_by_a_part_of_it(pressure: float) -> None:
    """Of two prices with the same luck each jump takes the one three tenths of the way to where its anchor is."""
    calm, tight = path("host_set", start=5_500_000), path("host_set", start=5_500_000)
    tight.pressure = pressure
    now, apart = 0, 0.0
    delay = calm.first_delay_ms()
    assert delay is not None
    for _ in range(4):
        now += delay
        apart += 0.3 * (0.15 * pressure * 1e9 - apart)
        delay = calm.step(now)
        assert tight.step(now) == delay
        assert abs(tight.latent_nano - calm.latent_nano - apart) <= 4


@pytest.mark.parametrize("name", ["list_price", "smoothed", "mean_reverting"])
def test_stress_moves_nobody_elses_price(name: PriceProcessName) -> None:
    calm, tight = path(name), path(name)
    tight.pressure = 2.8
    assert walk(calm, 50) == walk(tight, 50)


def test_a_hosts_price_follows_the_level_of_its_gpu_model() -> None:
    """With the same luck of its own, all that is between two prices is the pull to levels that lie apart."""
    level = PriceLevel("H100", 1, Factor(1_000_000))
    plain, moved = path("host_set", start=5_000_000), path("host_set", start=5_000_000, level=level)
    now, apart = 0, 0.0
    delay = plain.first_delay_ms()
    assert delay is not None
    for _ in range(3):
        now += delay
        apart += 0.3 * (level.move_to(now) - apart)
        delay = plain.step(now)
        assert moved.step(now) == delay
        assert abs(moved.latent_nano - plain.latent_nano - apart) <= 3
    assert abs(apart) > 1e6


def test_another_host_asks_a_price_around_the_anchor() -> None:
    newcomers = []
    for number in range(1, 200):
        offer = path("host_set", start=6_000_000)
        walk(offer, 5)
        offer.start_anew(10**9, number * DRAW_RANGE // 200)
        assert offer.moved_ms == 10**9
        newcomers.append(offer.price_micros)
    assert newcomers == sorted(newcomers)
    assert abs(newcomers[99] - 6_000_000) <= 1_000  # the middle of all luck is the anchor
    assert newcomers[31] == 4_452_000  # 0.6 × exp(−0.30 × 0.9945), one draw in 200/32
    tight = path("host_set", start=6_000_000)
    tight.pressure = 1.0
    tight.start_anew(10**9, DRAW_RANGE // 2)
    assert tight.price_micros == 6_971_000  # × exp(0.15)


@pytest.mark.parametrize("name", ["constant", "list_price", "smoothed", "mean_reverting"])
def test_where_no_host_sets_the_price_it_is_what_it_was(name: PriceProcessName) -> None:
    offer = path(name)
    before = offer.state()
    offer.start_anew(10**9, 5)
    assert offer.state() == before


def test_prices_that_activity_stops_are_not_set_anew_either() -> None:
    offer = path("host_set", activity_ppm=0)
    offer.start_anew(10**9, 5)
    assert offer.price_micros == 7_000_000
