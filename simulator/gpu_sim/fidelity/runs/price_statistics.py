"""Statistics of prices: how often and how far they move, their persistence, and their spread.

Prices are dollars in a row per offer and a column per day (or per step, where it says so); NaN where an offer was not
listed. A change is between neighbouring columns that both have a price. NaN where there is nothing to measure.
"""

import numpy as np

from ..traces.arrays import NOTHING, Floats


def log_changes(prices: Floats) -> Floats:
    """ln of each price over the one before, of all rows in turn, the unchanged as 0."""
    changes = np.diff(np.log(prices), axis=1)
    changes[prices[:, 1:] == prices[:, :-1]] = 0.0
    return changes[~np.isnan(changes)]


def unchanged_share(prices: Floats) -> float:
    """The share of days with the price of the day before."""
    changes = log_changes(prices)
    return float((changes == 0).mean()) if len(changes) else NOTHING


def typical_change(prices: Floats) -> float:
    """The median |ln change| of the days with another price than the day before."""
    changes = log_changes(prices)
    moved = np.abs(changes[changes != 0])
    return float(np.median(moved)) if len(moved) else NOTHING


def largest_step(prices: Floats) -> float:
    """The largest |ln step| between neighbouring columns; 0 where nothing moves."""
    changes = log_changes(prices)
    return float(np.abs(changes).max()) if len(changes) else NOTHING


def frozen_share(prices: Floats) -> float:
    """The share of offers with one price all the time, of those listed twice or more."""
    listed = prices[np.count_nonzero(~np.isnan(prices), axis=1) >= 2]
    return float((np.nanmax(listed, axis=1) == np.nanmin(listed, axis=1)).mean()) if len(listed) else NOTHING


def daily_medians(prices: Floats) -> Floats:
    """The logarithm of each day's median price over the offers listed, say all of a GPU model; NaN without any."""
    medians = np.full(prices.shape[1], NOTHING)
    listed = (~np.isnan(prices)).any(axis=0)
    medians[listed] = np.log(np.nanmedian(prices[:, listed], axis=0))
    return medians


def persistence(series: Floats) -> float:
    """The share of a day's distance from the mean that is left on the next: least-squares AR(1) of a daily series."""
    before, after = _apart(series, 1)
    return _ratio(_covariance(before, after), _covariance(before, before))


def persistence_less_noise(series: Floats) -> float:
    """`persistence` of what lies under noise of a day: two days' covariance over one day's, neither of which has it."""
    return _ratio(_covariance(*_apart(series, 2)), _covariance(*_apart(series, 1)))


def regional_spread(prices: Floats) -> Floats:
    """For each day with two offers or more: the sample standard deviation of ln price over them.

    Meant for the offers of one GPU model in different regions.
    """
    several = np.count_nonzero(~np.isnan(prices), axis=0) >= 2
    spreads: Floats = np.nanstd(np.log(prices[:, several]), axis=0, ddof=1)
    return spreads


def lowest_ratio(prices: Floats, on_demand: Floats) -> float:
    """The lowest price over its offer's on-demand price, of which there is one per row: the floor, once touched."""
    ratios = prices / on_demand[:, np.newaxis]
    return float(np.nanmin(ratios)) if not np.isnan(ratios).all() else NOTHING


def within_on_demand(prices: Floats, on_demand: Floats) -> bool:
    """True where every price is above 0 and at most its offer's on-demand price."""
    listed = ~np.isnan(prices)
    return bool(np.all(((prices > 0) & (prices <= on_demand[:, np.newaxis]))[listed]))


def _apart(series: Floats, days: int) -> tuple[Floats, Floats]:
    """Pairs of values that are `days` apart: the earlier ones, and the later ones."""
    before, after = series[:-days], series[days:]
    both = ~np.isnan(before) & ~np.isnan(after)
    return before[both], after[both]


def _covariance(one: Floats, other: Floats) -> float:
    return float(((one - one.mean()) * (other - other.mean())).mean()) if len(one) else NOTHING


def _ratio(above: float, below: float) -> float:
    return above / below if below else NOTHING
