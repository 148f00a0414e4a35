"""Small recordings for tests: by hand, or from a coin of our own with two probabilities."""

import numpy as np
from gpu_sim.fidelity.traces.arrays import Marks, Whole
from gpu_sim.fidelity.traces.traces import Trace, TraceName

HOUR_SECONDS = 3600


def ticks(text: str) -> Whole:
    """`"1100"` -> 1, 1, 0, 0; spaces are for reading."""
    return np.array([int(digit) for digit in text.replace(" ", "")], np.int64)


def marks(text: str) -> Marks:
    """`"1100"` -> True, True, False, False."""
    return ticks(text) > 0


def trace(zone: str, values: str | Whole, gap_seconds: float = HOUR_SECONDS, gpu: str = "v100") -> Trace:
    """A recording of the zone `west-1a` and so on, by default with ticks of an hour."""
    name = TraceName(zone[:-1], zone[-1], gpu)
    return Trace(name, gap_seconds, ticks(values) if isinstance(values, str) else values)


def chain(seed: int, length: int, *, down: float, up: float) -> Whole:
    """A zone that goes down with one chance per tick and comes up with another: runs are geometric."""
    draws = np.random.default_rng(seed).random(length)
    state, values = 1, []
    for draw in draws:
        if draw < (down if state else up):
            state = 1 - state
        values.append(state)
    return np.array(values, np.int64)
