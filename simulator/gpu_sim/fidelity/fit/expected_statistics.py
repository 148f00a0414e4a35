"""Expected statistics of recorded zones under a shape of availability, computed without a simulation.

They are those of `traces/statistics.py`, where it matters of a recording as long as this one: its means differ from the
long-run ones, and its longest runs are cut off. A ratio is that of the two expectations.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from math import ceil, sqrt

import numpy as np
from msgspec import Struct
from scipy.optimize import brentq

from ...core.market.availability_rates import AvailabilityRates
from ...core.scenario.availability_shape import Shape
from ..traces.arrays import NOTHING, Floats
from ..traces.lifetimes import hazard
from ..traces.statistics import LAGS_MINUTES, NEAR_SECONDS, WINDOWS_H
from .joint_chain import JointChain, chain_of_one, chain_of_one_group, chain_of_two_groups
from .sampled_chain import SampledChain
from .unsampled_rates import ZoneRates, unsampled_rates

PAIRS_MAX = 40
"""Of more pairs of zones at most this many are computed, and stand for all."""

DOWN_OVER_H = (1, 4)
"""The shares of times down longer than these are compared as well."""


class Setting(Struct, frozen=True):
    """Recorded zones: the region of each, its recorded rates, and the times of the recording.

    `guesses` are where the search for the rate of each starts; see `unsampled_rates`.
    """

    regions: tuple[str, ...]
    recorded: tuple[ZoneRates, ...]
    guesses: tuple[float | None, ...]
    gap_seconds: float
    look_seconds: float
    length_seconds: float

    @property
    def look_h(self) -> float:
        """The hours between two looks."""
        return self.look_seconds / 3600

    @property
    def looks(self) -> int:
        """The number of looks in the recording."""
        return int(self.length_seconds / self.look_seconds)

    def unsampled_rates(self, shape: Shape) -> tuple[AvailabilityRates, ...]:
        """The rates of each zone. Raises CannotCalibrate."""
        pairs = zip(self.recorded, self.guesses, strict=True)
        return tuple(unsampled_rates(recorded, self.look_h, shape, guess) for recorded, guess in pairs)


class _Pairs(Struct, frozen=True):
    """The joint chains of some pairs of zones; each counts `times`, for the pairs that were left out."""

    zones: tuple[tuple[int, int], ...]
    chains: tuple[SampledChain, ...]
    times: float


def expect(setting: Setting, shape: Shape) -> dict[str, float]:
    """The statistics by the names of `TraceStatistics.by_name`, and the shares of `DOWN_OVER_H` as `down_over 1h`.

    NaN where the zones have no such pair. Raises CannotCalibrate.
    """
    rates = setting.unsampled_rates(shape)
    zones = [SampledChain(chain_of_one(shape, each), setting.look_h) for each in rates]
    same, other = _pairs(setting, shape, rates)
    apart = [chain.up_covariance_of_means(0, 0, setting.looks) for chain in zones]
    lasting = _lifetimes(setting, zones)
    found = lasting | {
        "phi_same_region": _phi(setting, same, apart),
        "phi_other_region": _phi(setting, other, apart),
        "co_interruption_lift": _lift(setting, same, [chain.event_share(0) for chain in zones]),
    }
    found |= _bursts(setting, zones, (same, other))
    for minutes in LAGS_MINUTES:
        lag = max(1, round(minutes * 60 / setting.gap_seconds)) * setting.gap_seconds / setting.look_seconds
        failing = [_fails_again(chain, lag, mean) for chain, mean in zip(zones, apart, strict=True)]
        found[f"fail_given_fail {minutes:g}min"] = float(np.mean(failing))
    return found


def _pairs(setting: Setting, shape: Shape, rates: Sequence[AvailabilityRates]) -> tuple[_Pairs, _Pairs]:
    """The pairs of zones in one region, and those in two."""
    everywhere = list(combinations(range(len(rates)), 2))
    same = [pair for pair in everywhere if setting.regions[pair[0]] == setting.regions[pair[1]]]
    other = [pair for pair in everywhere if setting.regions[pair[0]] != setting.regions[pair[1]]]

    def chosen_pairs(
        pairs: list[tuple[int, int]], join: Callable[[Shape, AvailabilityRates, AvailabilityRates], JointChain]
    ) -> _Pairs:
        # Every n-th pair rather than the first ones, which would all have the same few zones.
        chosen = pairs[:: ceil(len(pairs) / PAIRS_MAX) or 1]
        chains = tuple(SampledChain(join(shape, rates[i], rates[j]), setting.look_h) for i, j in chosen)
        return _Pairs(tuple(chosen), chains, len(pairs) / len(chosen) if chosen else 0.0)

    return chosen_pairs(same, chain_of_one_group), chosen_pairs(other, chain_of_two_groups)


def _phi(setting: Setting, pairs: _Pairs, apart: Sequence[float]) -> float:
    """The mean correlation; `apart` is what the mean of the recording takes from the variance of each zone."""
    found = []
    for (i, j), chain in zip(pairs.zones, pairs.chains, strict=True):
        covariance = chain.up_covariance(0, 1) - chain.up_covariance_of_means(0, 1, setting.looks)
        variances = [chain.up_covariance(place, place) - apart[zone] for place, zone in ((0, i), (1, j))]
        found.append(covariance / sqrt(variances[0] * variances[1]))
    return float(np.mean(found)) if found else NOTHING


def _lift(setting: Setting, pairs: _Pairs, events: Sequence[float]) -> float:
    """The chance that an interruption has one nearby, over that of independent zones; `events` are shares of looks."""
    window = max(1, round(NEAR_SECONDS / setting.gap_seconds))
    ticks = setting.look_seconds / setting.gap_seconds
    hits = chance = 0.0
    for (i, j), chain in zip(pairs.zones, pairs.chains, strict=True):
        hits += chain.events_together(0, 1)
        for lag in range(1, int(window / ticks) + 1):
            share = min(1.0, window + 1 - lag * ticks)  # a lag is that many ticks, or one more
            hits += share * (chain.events_together(0, 1, lag) + chain.events_together(1, 0, lag))
        chance += events[i] * events[j] * (2 * window + 1) / ticks
    return hits / chance if chance else NOTHING


def _bursts(setting: Setting, zones: Sequence[SampledChain], pairs: Iterable[_Pairs]) -> dict[str, float]:
    """The Fano factors of single zones, and that of all together over the longest window."""
    found: dict[str, float] = {}
    for hours in WINDOWS_H:
        window = max(1, round(hours * 3600 / setting.gap_seconds)) * setting.gap_seconds / setting.look_seconds
        means = [window * chain.event_share(0) for chain in zones]
        variances = [_variance_in(setting, chain, 0, 0, window) for chain in zones]
        found[f"fano_zone {hours}h"] = float(np.mean(np.array(variances) / np.array(means)))
    shared = sum(
        2 * each.times * sum(_variance_in(setting, chain, 0, 1, window) for chain in each.chains) for each in pairs
    )
    found[f"fano_all {WINDOWS_H[-1]}h"] = (sum(variances) + shared) / sum(means)
    return found


def _variance_in(setting: Setting, chain: SampledChain, one: int, other: int, window: float) -> float:
    """The covariance of the counts of events in the windows of a recording, about the means of the recording."""
    windows = max(1, int(setting.looks / window))
    whole = chain.count_covariance(one, other, round(windows * window))
    # A recording's variance is about its own mean, which varies too: that part is missing from it.
    return chain.count_covariance(one, other, window) - whole / windows**2


def _fails_again(chain: SampledChain, lag: float, apart: float) -> float:
    """The chance that an offer which is down is down again `lag` looks later; a fractional lag is interpolated between
    the whole ones around it."""
    whole = int(lag)
    rest = lag - whole
    covariance = (1 - rest) * chain.up_covariance(0, 0, whole) + rest * chain.up_covariance(0, 0, whole + 1)
    up = chain.availability(0)
    return 1 - up + up * (covariance - apart) / (chain.up_covariance(0, 0) - apart)


def _lifetimes(setting: Setting, zones: Sequence[SampledChain]) -> dict[str, float]:
    """The statistics of the times up and down of all zones together."""
    lifetimes_h, counts = _runs(setting, zones, state=True)
    outages_h, outages = _runs(setting, zones, state=False)
    young, middle, old = (hazard(lifetimes_h, low, high, counts) for low, high in ((0, 0.5), (1, 2), (4, 8)))
    found = {
        "up_weibull_k": _weibull_k(lifetimes_h, counts),
        "hazard_0_30min_per_h": young,
        "hazard_1_2h_per_h": middle,
        "hazard_4_8h_per_h": old,
        "hazard_ratio": young / old if old else NOTHING,
    }
    for hours in DOWN_OVER_H:
        found[f"down_over {hours}h"] = float(outages[outages_h > hours].sum() / outages.sum())
    return found


def _runs(setting: Setting, zones: Sequence[SampledChain], *, state: bool) -> tuple[Floats, Floats]:
    """Lengths in hours as the ticks show them, and the expected number of runs of each."""
    ticks = setting.look_seconds / setting.gap_seconds
    by_looks = np.sum([chain.run_shares(setting.looks, state=state) for chain in zones], axis=0)
    lengths = ticks * np.arange(1, len(by_looks) + 1)
    # A run of looks that is no whole number of ticks shows as the ticks below or above it, in proportion. The nudge
    # keeps a product that is whole but for rounding in floats at its own number of ticks.
    short = np.floor(lengths + 1e-9)
    longer = by_looks * np.maximum(lengths - short, 0)
    counts = np.bincount(short.astype(np.int64), by_looks - longer, int(short[-1]) + 2)
    counts += np.bincount(short.astype(np.int64) + 1, longer, len(counts))
    there = np.flatnonzero(counts > 0)
    return np.asarray(there * (setting.gap_seconds / 3600), np.float64), np.asarray(counts[there], np.float64)


def _weibull_k(lifetimes_h: Floats, weights: Floats) -> float:
    """The k of the most likely Weibull distribution from 0 on."""
    logs, weights = np.log(lifetimes_h), weights / weights.sum()

    def slope(k: float) -> float:
        grown = weights * lifetimes_h**k
        return float((grown @ logs) / grown.sum() - 1 / k - weights @ logs)

    return float(brentq(slope, 0.05, 20.0, xtol=1e-9))


def shares_over(outages_h: Floats) -> dict[str, float]:
    """The statistics of `DOWN_OVER_H` of recorded times down."""
    return {
        f"down_over {hours}h": float((outages_h > hours).mean()) if len(outages_h) else NOTHING for hours in DOWN_OVER_H
    }
