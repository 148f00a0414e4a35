"""Recordings: what they may be."""

from typing import Any

import pytest
from gpu_sim.core.kernel.quantities import Duration
from gpu_sim.core.scenario.recordings import LENGTH_MS_MAX, VALUE_MAX, PlayedTrace, Recording

from ..market.recordings import recorded, trace


@pytest.mark.parametrize(
    ("length", "steps", "reason"),
    [
        (0, ((0, 1),), "length must be above 0s"),
        (LENGTH_MS_MAX + 1, ((0, 1),), "at most 36500d"),
        (10, (), "steps must begin at 0"),
        (10, ((1, 1),), "steps must begin at 0"),
        (10, ((0, 1), (5, 0), (5, 1)), "one after the other"),
        (10, ((0, 1), (5, 1)), "must change the value"),
        (10, ((0, 1), (10, 0)), "within the length"),
        (10, ((0, -1),), "values must be between 0"),
        (10, ((0, VALUE_MAX + 1),), "values must be between 0"),
    ],
)
def test_what_is_no_recording_is_refused(length: int, steps: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Recording(Duration(length), steps)


def test_a_recording_knows_its_bounds() -> None:
    recording = Recording(Duration(100), ((0, 4), (10, 0), (97, 7)))
    assert (recording.most, recording.shortest_ms, recording.above_zero_ppm) == (7, 3, 130_000)


@pytest.mark.parametrize("scale", [999, 1_000_000_001])
def test_a_scale_is_within_a_thousand(scale: int) -> None:
    with pytest.raises(ValueError, match=r"scale must be between 0\.001 and 1000"):
        trace([1, 0], scale=scale)


def test_the_name_of_a_file_is_no_recording() -> None:
    with pytest.raises(AssertionError, match="for the loader"):
        PlayedTrace(trace="a.json").recording  # noqa: B018  # reading it is what is tested


def test_recorded_ticks_are_steps() -> None:
    assert recorded([1, 1, 0, 2], 5) == Recording(Duration(20), ((0, 1), (10, 0), (15, 2)))
