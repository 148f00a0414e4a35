"""The interval between a recorder's looks, found from what it wrote.

Its values change only at looks, so every run is a whole number of looks long, to the tick. The interval is sought where
the shortest run says that it must be, from runs that are short enough not to mind a recorder that is now and then late.
"""

from collections.abc import Sequence

import numpy as np

from .arrays import Marks

RUNS_MIN = 50
"""Fewer runs could all be whole numbers of looks by chance."""

COHERENT = 0.5
"""The least fit of runs to an interval: 1 is perfect, 0.7 common where ticks cut looks, 0.3 chance for few runs."""

_LOOKS_MAX = 40  # a longer run may be off by a look, as recorders are late now and then
_GRID = 2_000  # so fine that between two frequencies even a run of 40 looks moves by less than a hundredth of a look


def find_look_interval(ups: Sequence[Marks], gap_seconds: float) -> float:
    """The seconds between two looks of the recorder of these zones, or the gap where it seems to have looked at each
    tick, or every other time at the least."""
    none = np.zeros(0, np.int64)
    lengths = np.concatenate([none, *(np.diff(np.flatnonzero(up[1:] != up[:-1])) for up in ups)])
    # A run of one tick is seen only where each tick is looked at.
    if len(lengths) < RUNS_MIN or lengths.min() < 2:
        return gap_seconds
    shortest = int(lengths.min())
    counts = np.bincount(lengths[lengths <= _LOOKS_MAX * shortest])
    # The shortest run is taken for one look, which ticks cut to so many of them or to one more.
    frequencies = np.linspace(1 / (shortest + 1), 1 / shortest, _GRID)
    # A run that is a whole number of looks counts 1, one that ends halfway between two of them −1.
    fits = np.cos(2 * np.pi * np.outer(frequencies, np.arange(len(counts)))) @ counts / counts.sum()
    best = int(np.argmax(fits))
    return float(gap_seconds / frequencies[best]) if fits[best] >= COHERENT else gap_seconds
