"""The statistics of a set of availability traces, recorded or simulated, by which the two are compared.

A set is a number of zones with the same ticks, meant to be of one GPU model; node counts above 0 count as available.
Where there is nothing to compute a statistic from, it is NaN.
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec
import numpy as np
from msgspec import Struct

from .arrays import NOTHING, Floats, Marks, Whole, mean, mean_known
from .dependence import CoInterruption, Distance, co_interruption, failure_later, fano, lifts, phi
from .lifetimes import complete_runs, distance_from_exponential, fit_weibull, hazard, interruptions
from .traces import Trace, align

WINDOWS_H = (1, 6, 24)
"""The lengths of the windows in which interruptions are counted."""

LAGS_MINUTES = (3.25, 15, 60, 240, 1440)
"""The times after which a launch is tried again, in minutes."""

NEAR_MINUTES = (3.25, 10, 30, 60, 240)
"""The windows of co-interruption for the lifts, in minutes."""

NEAR_SECONDS = 195
"""Interruptions at most so far apart, or in neighbouring ticks, are co-interruptions."""


class TraceStatistics(Struct, frozen=True):
    """The statistics of a set of traces. Names end in their unit; shares are of 1; `fano_…` has a value for each of
    WINDOWS_H, `fail_given_…` for each of LAGS_MINUTES.
    """

    zones: int
    days: float
    gap_seconds: float
    interruptions: int
    availability: float
    interruptions_per_available_hour: float
    up_mean_h: float
    up_median_h: float
    up_p90_h: float
    down_mean_h: float
    down_median_h: float
    down_p90_h: float
    up_weibull_k: float
    up_weibull_scale_h: float
    up_ks_exponential: float
    hazard_0_30min_per_h: float
    hazard_1_2h_per_h: float
    hazard_4_8h_per_h: float
    phi_same_region: float
    phi_other_region: float
    co_interruption_same_region: float
    co_interruption_same_region_by_chance: float
    all_zones_down: float
    fano_zone: tuple[float, ...]
    fano_all: tuple[float, ...]
    fail_given_fail: tuple[float, ...]
    fail_given_success: tuple[float, ...]

    @property
    def hazard_ratio(self) -> float:
        """The hazard of the young over that of the old: 0–30 min over 4–8 h."""
        return self.hazard_0_30min_per_h / self.hazard_4_8h_per_h if self.hazard_4_8h_per_h else NOTHING

    @property
    def co_interruption_lift(self) -> float:
        """The chance that an interruption has one nearby in the region, over that of independent zones."""
        return CoInterruption(self.co_interruption_same_region, self.co_interruption_same_region_by_chance).lift

    def by_name(self) -> dict[str, float]:
        """Every statistic under a name of its own: `fano_zone 24h`, `fail_given_fail 3.25min`, `hazard_ratio`."""
        named: dict[str, float] = {}
        for name, value in msgspec.structs.asdict(self).items():
            if isinstance(value, tuple):
                units = [f"{h}h" for h in WINDOWS_H] if name.startswith("fano") else [f"{m:g}min" for m in LAGS_MINUTES]
                named |= {f"{name} {unit}": each for unit, each in zip(units, value, strict=True)}
            else:
                named[name] = value
        return named | {"hazard_ratio": self.hazard_ratio, "co_interruption_lift": self.co_interruption_lift}


def measure(traces: Iterable[Trace]) -> TraceStatistics:
    """The statistics of these zones, over the length of the shortest. Raises ValueError as `align` does."""
    zones = align(traces)
    gap_seconds, ups = zones[0].gap_seconds, np.array([zone.up for zone in zones])
    events = [interruptions(up) for up in ups]
    lifetimes_h, outages_h = (_pooled_runs_h(ups, gap_seconds, state=state) for state in (True, False))
    weibull = fit_weibull(lifetimes_h)
    same_region, other_region = _pairs(zones)
    together = co_interruption(events, ups.shape[1], _ticks(NEAR_SECONDS, gap_seconds), same_region)
    correlations = phi(ups)
    return TraceStatistics(
        zones=len(zones),
        days=ups.shape[1] * gap_seconds / 86_400,
        gap_seconds=gap_seconds,
        interruptions=sum(map(len, events)),
        availability=float(ups.mean()),
        interruptions_per_available_hour=_per_available_hour(events, ups, gap_seconds),
        up_mean_h=mean(lifetimes_h),
        up_median_h=_percentile(lifetimes_h, 50),
        up_p90_h=_percentile(lifetimes_h, 90),
        down_mean_h=mean(outages_h),
        down_median_h=_percentile(outages_h, 50),
        down_p90_h=_percentile(outages_h, 90),
        up_weibull_k=weibull.k,
        up_weibull_scale_h=weibull.scale_h,
        up_ks_exponential=distance_from_exponential(lifetimes_h),
        hazard_0_30min_per_h=hazard(lifetimes_h, 0, 0.5),
        hazard_1_2h_per_h=hazard(lifetimes_h, 1, 2),
        hazard_4_8h_per_h=hazard(lifetimes_h, 4, 8),
        phi_same_region=mean_known([correlations[pair] for pair in same_region]),
        phi_other_region=mean_known([correlations[pair] for pair in other_region]),
        co_interruption_same_region=together.share,
        co_interruption_same_region_by_chance=together.by_chance,
        all_zones_down=float((~ups.any(axis=0)).mean()),
        fano_zone=_over_windows(gap_seconds, lambda window: mean_known(_fanos(events, ups, window))),
        fano_all=_over_windows(gap_seconds, lambda window: fano(np.concatenate(events), ups.shape[1], window)),
        fail_given_fail=_failures(ups, gap_seconds, up_now=False),
        fail_given_success=_failures(ups, gap_seconds, up_now=True),
    )


def lifts_by_distance(traces: Iterable[Trace]) -> dict[Distance, Floats]:
    """The lifts of co-interruption within each of NEAR_MINUTES: with zones of the same region, and of another. Raises
    ValueError as `align` does."""
    zones = align(traces)
    ticks = [_ticks(minutes * 60, zones[0].gap_seconds) for minutes in NEAR_MINUTES]
    events, length = [interruptions(zone.up) for zone in zones], len(zones[0].values)
    same_region, other_region = _pairs(zones)
    return {
        Distance.SAME_REGION: lifts(events, length, ticks, same_region),
        Distance.OTHER_REGION: lifts(events, length, ticks, other_region),
    }


def _pooled_runs_h(ups: Marks, gap_seconds: float, *, state: bool) -> Floats:
    return np.concatenate([complete_runs(up, state=state, gap_seconds=gap_seconds) for up in ups])


def _pairs(zones: Sequence[Trace]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """The ordered pairs of zones in one region, and those in two."""
    same: list[tuple[int, int]] = []
    other: list[tuple[int, int]] = []
    for i, one in enumerate(zones):
        for j, another in enumerate(zones):
            if i != j:
                (same if one.name.region == another.name.region else other).append((i, j))
    return same, other


def _per_available_hour(events: Sequence[Whole], ups: Marks, gap_seconds: float) -> float:
    available_h = int(np.count_nonzero(ups)) * (gap_seconds / 3600)
    return sum(map(len, events)) / available_h if available_h else NOTHING


def _ticks(span_seconds: float, gap_seconds: float) -> int:
    """A span in whole ticks, at least one."""
    return max(1, round(span_seconds / gap_seconds))


def _over_windows(gap_seconds: float, value: Callable[[int], float]) -> tuple[float, ...]:
    return tuple(value(_ticks(hours * 3600, gap_seconds)) for hours in WINDOWS_H)


def _fanos(events: Sequence[Whole], ups: Marks, window: int) -> list[float]:
    return [fano(each, ups.shape[1], window) for each in events]


def _failures(ups: Marks, gap_seconds: float, *, up_now: bool) -> tuple[float, ...]:
    """The mean over the zones that change. It is NaN where one of them is not seen in this state early enough."""
    changing = ups[ups.any(axis=1) & ~ups.all(axis=1)]
    lags = [_ticks(minutes * 60, gap_seconds) for minutes in LAGS_MINUTES]
    return tuple(mean(np.array([failure_later(up, lag, up_now=up_now) for up in changing])) for lag in lags)


def _percentile(values: Floats, percent: float) -> float:
    return float(np.percentile(values, percent)) if len(values) else NOTHING
