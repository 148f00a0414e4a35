"""The dependence of ticks on each other, in time and place: correlation, co-interruption, bursts, lasting failure."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import combinations

import numpy as np
from msgspec import Struct

from .arrays import NOTHING, Floats, Marks, Whole
from .traces import Trace, TraceName

SHIFTS = 60
"""The number of circular shifts over which co-interruption by chance is averaged."""


class CoInterruption(Struct, frozen=True):
    """The share of interruptions with one nearby in time elsewhere, and that share if the zones were independent."""

    share: float
    by_chance: float

    @property
    def lift(self) -> float:
        """The share over that by chance."""
        return self.share / self.by_chance if self.by_chance else NOTHING


class Distance(StrEnum):
    """The distance of two traces: the same zone, region and GPU, or not."""

    SAME_ZONE = "same zone and GPU"
    SAME_REGION = "same region and GPU"
    OTHER_REGION = "other region, same GPU"
    OTHER_GPU = "same region, other GPU"
    OTHER_REGION_AND_GPU = "other region and GPU"


def distance(one: TraceName, other: TraceName) -> Distance:
    """The distance of two traces; nodes with another number of the same GPU are the same GPU."""
    if one.region != other.region:
        return Distance.OTHER_REGION if one.gpu == other.gpu else Distance.OTHER_REGION_AND_GPU
    if one.gpu != other.gpu:
        return Distance.OTHER_GPU
    return Distance.SAME_ZONE if one.zone == other.zone else Distance.SAME_REGION


def phi(ups: Marks) -> Floats:
    """The correlation of each zone's state with each other's; `ups` has a row per zone.

    NaN in the rows and columns of zones that never change.
    """
    answer = np.full((len(ups), len(ups)), NOTHING)
    changing = np.flatnonzero(ups.any(axis=1) & ~ups.all(axis=1))
    if len(changing):
        answer[np.ix_(changing, changing)] = np.corrcoef(ups[changing])
    return answer


def correlation_by_distance(traces: Sequence[Trace]) -> dict[Distance, Floats]:
    """The correlations of all pairs of aligned traces that change, by how far they are apart."""
    correlations = phi(np.array([trace.up for trace in traces]))
    found: dict[Distance, list[float]] = {apart: [] for apart in Distance}
    for i, j in combinations(range(len(traces)), 2):
        if not np.isnan(correlations[i, j]):
            found[distance(traces[i].name, traces[j].name)].append(float(correlations[i, j]))
    return {apart: np.array(values, np.float64) for apart, values in found.items()}


def co_interruption(
    events: Sequence[Whole], length: int, window: int, pairs: Iterable[tuple[int, int]]
) -> CoInterruption:
    """Of the interruptions in the first zones of these pairs, the share with one in the second within ±`window` ticks.

    `events` has the ticks of each zone's interruptions, out of `length`. By chance: the mean over circular shifts of
    the first zone by a tenth to nine tenths of the length, drawn with a fixed seed. NaN without interruptions.
    """
    generator = np.random.default_rng(0)
    total, hits, by_chance = 0, 0, 0.0
    for own, other in pairs:
        near = _near(events[other], length, window)
        # Shifted and not drawn anew: each zone keeps its own bursts. Small shifts would keep what the zones have in
        # common.
        shifts = generator.integers(length // 10, length - length // 10, SHIFTS)
        shifted = (events[own] + shifts[:, np.newaxis]) % length
        total += len(events[own])
        hits += int(np.count_nonzero(near[events[own]]))
        by_chance += int(np.count_nonzero(near[shifted])) / SHIFTS
    return CoInterruption(hits / total, by_chance / total) if total else CoInterruption(NOTHING, NOTHING)


def lifts(events: Sequence[Whole], length: int, windows: Sequence[int], pairs: Sequence[tuple[int, int]]) -> Floats:
    """The lift of co-interruption of these pairs, over chance, for each window: within ±`windows[i]` ticks. NaN without
    interruptions."""
    return np.array([co_interruption(events, length, window, pairs).lift for window in windows], np.float64)


def _near(events: Whole, length: int, window: int) -> Marks:
    """The ticks at most `window` away from an event."""
    marked = np.zeros(length, np.bool_)
    for away in range(-window, window + 1):
        ticks = events + away
        marked[ticks[(ticks >= 0) & (ticks < length)]] = True
    return marked


def fano(events: Whole, length: int, window: int) -> float:
    """Variance over mean of the event counts in consecutive windows of so many ticks, 1 for a Poisson process.

    What is left over at the end is not counted. NaN without a whole window or without an event in one.
    """
    windows = length // window
    counts = np.bincount(events[events < windows * window] // window, minlength=windows)
    return float(counts.var() / counts.mean()) if counts.any() else NOTHING


def failure_later(up: Marks, lag: int, *, up_now: bool) -> float:
    """Of the ticks in this state, the share that are down `lag` ticks later. NaN where none is followed so far."""
    later_down = ~up[lag:][up[:-lag] == up_now]
    return float(later_down.mean()) if len(later_down) else NOTHING
