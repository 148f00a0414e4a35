"""Recordings: what they may be, and when each step of one comes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.core.acts import Selector
from simulator.core.quantities import Duration
from simulator.core.recordings import LENGTH_MS_MAX, VALUE_MAX, Playback, PlayedTrace, Recording, offers_meant

from .builders import offer
from .recordings import recorded, said, trace


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


@given(
    values=st.lists(st.integers(0, 3), min_size=1, max_size=8),
    offset=st.integers(0, 100),
    scale=st.sampled_from([1_000_000, 500_000, 1_333_333, 2_000_001]),
    loop=st.booleans(),
)
def test_the_changes_of_a_playback_are_those_of_the_recording(
    values: list[int], offset: int, scale: int, loop: bool
) -> None:
    playback = Playback(trace(values, 7, offset=offset, scale=scale, loop=loop))
    changes, value = [], values[0]
    for now in range(offset + 1, offset + 200):
        if said(values, now, 7, offset=offset, scale=scale, loop=loop) != value:
            value = said(values, now, 7, offset=offset, scale=scale, loop=loop)
            changes.append((now, value))
    assert playback.value(0) == values[0]
    played = [(playback.due_ms(n), playback.value(n + 1)) for n in range(len(changes))]
    assert played == changes
    following = playback.due_ms(len(changes))
    assert following is None or following >= offset + 200
    assert (following is None) == (len(set(values)) == 1 or not loop)


def test_at_the_seam_the_first_value_follows_the_last_and_equal_ones_are_no_change() -> None:
    playback = Playback(trace([1, 0, 1], 10))
    assert [playback.due_ms(n) for n in range(4)] == [10, 20, 40, 50]
    playback = Playback(trace([1, 0], 10))
    assert [playback.due_ms(n) for n in range(4)] == [10, 20, 30, 40]
    assert Playback(trace([1, 0, 1], 10, loop=False)).due_ms(2) is None


def test_a_value_that_never_changes_stays_whatever_is_asked() -> None:
    playback = Playback(trace([3, 3], 10))
    assert (playback.due_ms(0), playback.value(0), playback.value(5)) == (None, 3, 3)


def test_offers_are_meant_by_names_in_any_case_or_by_what_is_left_open() -> None:
    specs = (offer("Here"), offer("There"), offer("Here", provider_id="gcp"))
    exact = Selector(provider="VAST-AI", gpu_model="rtx 4090", region="there")
    found = offers_meant((exact, Selector(region="here"), Selector(provider="aws")), specs)
    assert [(spec.provider_id, spec.region, index) for spec, index in found] == [
        ("vast-ai", "Here", 1),
        ("vast-ai", "There", 0),
        ("gcp", "Here", 1),
    ]


def test_recorded_ticks_are_steps() -> None:
    assert recorded([1, 1, 0, 2], 5) == Recording(Duration(20), ((0, 1), (10, 0), (15, 2)))
