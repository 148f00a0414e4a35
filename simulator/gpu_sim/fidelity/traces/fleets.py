"""Statistics of the nodes that a fleet loses: together or one by one, how many of them, and for how long.

A fleet's trace holds the number of its nodes that are there, 0 to `size`. A tick with fewer than the one before has
lost the difference: a node lost and another gained in one tick look like neither.
"""

import numpy as np
from msgspec import Struct

from .arrays import NOTHING, Floats, Whole
from .lifetimes import complete_runs


class FleetStatistics(Struct, frozen=True):
    """The statistics of one fleet; NaN where there was nothing to measure. Shares are of 1.

    Severity is the share of the running nodes that a tick with losses takes, where at least half of the fleet ran;
    `all_lost` is how often it is 1.
    """

    losses: int
    lost_with_partner_in_tick: float
    lost_with_partner_in_adjacent_tick: float
    severity_mean: float
    all_lost: float
    recovery_mean_h: float
    recovery_median_h: float
    recovery_p90_h: float
    full: float
    partial: float
    none: float


def measure_fleet(counts: Whole, size: int, gap_seconds: float) -> FleetStatistics:
    """The statistics of one fleet. Raises ValueError where a count is not within 0 and `size`."""
    if len(counts) == 0 or counts.min() < 0 or counts.max() > size:
        raise ValueError(f"a fleet of {size} has counts from 0 to {size}")
    lost, severity, recovery_h = losses(counts), severities(counts, size), recoveries_h(counts, size, gap_seconds)
    recovered = len(recovery_h) > 0
    return FleetStatistics(
        losses=int(lost.sum()),
        lost_with_partner_in_tick=share_with_partner(lost, 0),
        lost_with_partner_in_adjacent_tick=share_with_partner(lost, 1),
        severity_mean=float(severity.mean()) if len(severity) else NOTHING,
        all_lost=float((severity == 1).mean()) if len(severity) else NOTHING,
        recovery_mean_h=float(recovery_h.mean()) if recovered else NOTHING,
        recovery_median_h=float(np.median(recovery_h)) if recovered else NOTHING,
        recovery_p90_h=float(np.percentile(recovery_h, 90)) if recovered else NOTHING,
        full=float((counts == size).mean()),
        partial=float(((counts > 0) & (counts < size)).mean()),
        none=float((counts == 0).mean()),
    )


def losses(counts: Whole) -> Whole:
    """The number of nodes lost from each tick to the next, one fewer than ticks."""
    lost: Whole = np.maximum(counts[:-1] - counts[1:], 0)
    return lost


def share_with_partner(lost: Whole, ticks: int) -> float:
    """The share of lost nodes with another lost in the same tick or at most so many ticks away. NaN without a loss."""
    nearby = np.convolve(lost, np.ones(2 * ticks + 1, np.int64))[ticks : ticks + len(lost)] if len(lost) else lost
    total = int(lost.sum())
    return float(lost[nearby >= 2].sum() / total) if total else NOTHING


def severities(counts: Whole, size: int) -> Floats:
    """For each tick that loses nodes when at least half of the fleet ran: the share of those running that it loses."""
    lost, running = losses(counts), counts[:-1]
    seen = (lost > 0) & (2 * running >= size)
    return lost[seen] / running[seen]


def recoveries_h(counts: Whole, size: int, gap_seconds: float) -> Floats:
    """The hours from each time that a full fleet loses a node to the next time that it is full."""
    return complete_runs(counts == size, state=False, gap_seconds=gap_seconds)
