"""Price statistics, against values worked out by hand or drawn from a known process."""

from math import exp, log

import numpy as np
import pytest
from gpu_sim.fidelity.runs.price_statistics import (
    daily_medians,
    frozen_share,
    largest_step,
    log_changes,
    lowest_ratio,
    persistence,
    persistence_less_noise,
    regional_spread,
    typical_change,
    unchanged_share,
    within_on_demand,
)
from gpu_sim.fidelity.traces.arrays import Floats

GONE = float("nan")


def prices(*rows: list[float]) -> Floats:
    """A row per offer, a column per day."""
    return np.array(rows, np.float64)


def regressive(seed: int, days: int, kept: float) -> Floats:
    """An AR(1) series of normal steps."""
    generator = np.random.default_rng(seed)
    series = [0.0]
    for step in generator.normal(size=days - 1):
        series.append(kept * series[-1] + step)
    return np.array(series)


def test_changes_are_between_days_next_to_each_other_that_have_a_price() -> None:
    changes = log_changes(prices([1, 2, 2, GONE, 4], [GONE, 3, 1.5, 1.5, GONE]))
    assert changes.tolist() == pytest.approx([log(2), 0, -log(2), 0])


def test_the_share_of_days_without_a_change_and_the_median_size_of_one() -> None:
    listed = prices([1, 1, 2, 2, 1], [5, 5, 5, 5, 5 * exp(0.1)])
    assert unchanged_share(listed) == 5 / 8
    assert typical_change(listed) == pytest.approx(log(2))
    assert largest_step(listed) == pytest.approx(log(2))


def test_prices_that_never_move_have_no_typical_change() -> None:
    still = prices([1, 1, 1])
    assert (unchanged_share(still), largest_step(still)) == (1, 0)
    assert np.isnan(typical_change(still))


@pytest.mark.parametrize("listed", [prices([1]), prices([GONE, 1, GONE]), np.zeros((0, 5))])
def test_without_two_days_nothing_is_known(listed: Floats) -> None:
    known = [unchanged_share(listed), typical_change(listed), largest_step(listed), frozen_share(listed)]
    assert np.isnan(known).all()


def test_a_series_is_frozen_where_it_has_one_price_all_the_time() -> None:
    listed = prices([1, 1, 1], [1, 2, 1], [GONE, 3, 3], [GONE, GONE, 4])
    assert frozen_share(listed) == 2 / 3


def test_the_median_of_a_day_is_over_those_listed() -> None:
    medians = daily_medians(prices([1, GONE, GONE, 8], [2, 3, GONE, GONE], [4, 5, GONE, GONE]))
    assert medians[[0, 1, 3]].tolist() == pytest.approx([log(2), log(4), log(8)])
    assert np.isnan(medians[2])
    assert np.isnan(daily_medians(np.full((2, 3), GONE))).all()


def test_persistence_is_the_slope_from_one_day_to_the_next() -> None:
    # Days (1, 2), (2, 2), (2, 4) around their means 5/3 and 8/3: covariance 2/9 over variance 2/9.
    assert persistence(np.array([1.0, 2, 2, 4])) == pytest.approx(1)
    assert persistence(np.array([1.0, 0, 1, 0, 1])) == pytest.approx(-1)
    assert persistence(np.array([1.0, 2, 2, 4, GONE, 9, GONE])) == pytest.approx(1)


def test_persistence_is_that_of_the_process_and_noise_of_a_day_hides_it() -> None:
    series = regressive(5, 50_000, 0.8)
    noisy = series + np.random.default_rng(6).normal(scale=1.5, size=len(series))
    assert persistence(series) == pytest.approx(0.8, abs=0.02)
    assert persistence(noisy) < 0.5
    assert persistence_less_noise(noisy) == pytest.approx(0.8, abs=0.03)
    assert persistence_less_noise(series) == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize("series", [[], [1.0], [2.0, 2.0, 2.0, 2.0], [1.0, GONE, 2.0]])
def test_persistence_of_what_has_no_two_days_or_does_not_move_is_unknown(series: list[float]) -> None:
    assert np.isnan(persistence(np.array(series, np.float64)))
    assert np.isnan(persistence_less_noise(np.array(series, np.float64)))


def test_the_spread_over_regions_is_a_sample_deviation_for_each_day_with_two() -> None:
    spread = regional_spread(prices([1, 1, GONE, 3], [exp(2), 1, 2, GONE], [exp(1), GONE, GONE, GONE]))
    assert spread.tolist() == pytest.approx([1, 0])
    assert regional_spread(prices([1, 2])).tolist() == []


def test_the_lowest_ratio_to_on_demand() -> None:
    listed = prices([3, 6], [GONE, 2])
    assert lowest_ratio(listed, np.array([10.0, 4.0])) == pytest.approx(0.3)
    assert np.isnan(lowest_ratio(prices([GONE, GONE]), np.array([10.0])))


@pytest.mark.parametrize(
    ("price", "within"), [(0.001, True), (10.0, True), (10.001, False), (0.0, False), (-1.0, False), (GONE, True)]
)
def test_a_price_is_above_zero_and_at_most_the_on_demand_price(price: float, within: bool) -> None:
    assert within_on_demand(prices([5, price], [19, 20]), np.array([10.0, 20.0])) is within
