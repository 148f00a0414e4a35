"""Lifetimes of availability and of its absence: runs, their distribution, and the hazard by age.

A run is a maximal stretch of ticks in one state; the first and the last of a trace are left out, since it is not known
how long they are. Lifetimes are in hours.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from msgspec import Struct
from scipy.stats import expon, ks_1samp, weibull_min

from .arrays import NOTHING, Floats, Marks, Whole

AGES_H = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 48.0)
"""The ages between which the hazard is usually looked at."""

LIFETIMES_MIN = 3
"""Fewer lifetimes have no Weibull fit."""


class Weibull(Struct, frozen=True):
    """Survival exp(−(age / scale)^k); with k < 1 the hazard falls with age."""

    k: float
    scale_h: float


class Survival(Struct, frozen=True, eq=False):
    """A step function for plots: `shares[i]` of the lifetimes are longer than `ages_h[i]`; starts at age 0."""

    ages_h: Floats
    shares: Floats


def interruptions(up: Marks) -> Whole:
    """The ticks that are down after one that was up."""
    return np.flatnonzero(up[:-1] & ~up[1:]) + 1


def complete_runs(up: Marks, *, state: bool, gap_seconds: float) -> Floats:
    """The lifetimes of the runs in this state, in order: those with a change at either end."""
    changes = np.flatnonzero(up[1:] != up[:-1]) + 1
    ticks = np.diff(changes)[up[changes[:-1]] == state]
    hours: Floats = ticks * (gap_seconds / 3600)
    return hours


def hazard(lifetimes_h: Floats, low_h: float, high_h: float, counts: Floats | None = None) -> float:
    """Ends per hour at risk between two ages, the lower one included. NaN where nothing gets to the lower age.

    `counts` are the numbers of the lifetimes, one of each unless given.
    """
    each = np.ones(len(lifetimes_h)) if counts is None else counts
    at_risk_h = float((np.clip(lifetimes_h, low_h, high_h) - low_h) @ each)
    ends = float(each[(lifetimes_h >= low_h) & (lifetimes_h < high_h)].sum())
    return ends / at_risk_h if at_risk_h > 0 else NOTHING


def hazard_by_age(lifetimes_h: Floats, ages_h: Sequence[float] = AGES_H) -> Floats:
    """The hazard from each age to the next, one fewer than ages."""
    return np.array([hazard(lifetimes_h, low, high) for low, high in pairwise(ages_h)], np.float64)


def survival(lifetimes_h: Floats) -> Survival:
    """The share of lifetimes longer than each that occurs."""
    ages, ends = np.unique(lifetimes_h, return_counts=True)
    left = 1 - np.cumsum(ends) / len(lifetimes_h) if len(lifetimes_h) else np.zeros(0)
    return Survival(np.concatenate([[0.0], ages]), np.concatenate([[1.0], left]))


def fit_weibull(lifetimes_h: Floats) -> Weibull:
    """The most likely Weibull distribution from 0 on. NaN for fewer than three lifetimes, or where all are equal."""
    if len(lifetimes_h) < LIFETIMES_MIN or np.ptp(lifetimes_h) == 0:
        return Weibull(NOTHING, NOTHING)
    # Ages begin at 0: with its place left open, the fit would begin at the shortest lifetime.
    k, _, scale_h = weibull_min.fit(lifetimes_h, floc=0)
    return Weibull(float(k), float(scale_h))


def distance_from_exponential(lifetimes_h: Floats) -> float:
    """Kolmogorov–Smirnov: the largest distance from the exponential distribution with the same mean."""
    if len(lifetimes_h) == 0:
        return NOTHING
    return float(ks_1samp(lifetimes_h, expon(scale=lifetimes_h.mean()).cdf).statistic)
