"""Looking now and then: which instant a tick shows, and what a look misses."""

import numpy as np
import pytest
from gpu_sim.fidelity.traces.observation import LookSchedule, observe_changes, observe_series
from hypothesis import given
from hypothesis import strategies as st

from ..zone_recordings import ticks

RECORDED = LookSchedule(gap_ms=195_000, observe_every_ms=631_000)


def instants(*values_ms: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Instants of changes."""
    return np.array(values_ms, np.int64)


def test_a_tick_shows_the_latest_look() -> None:
    looks = RECORDED.seen_ms(8 * 195_000)
    assert looks.tolist() == [0, 0, 0, 0, 631_000, 631_000, 631_000, 1_262_000]


def test_a_recorder_that_starts_later_shows_the_start_until_its_first_look() -> None:
    assert LookSchedule(10, 30, 15).seen_ms(70).tolist() == [0, 0, 15, 15, 15, 45, 45]


def test_every_tick_that_starts_within_the_time_is_written() -> None:
    every_tick = LookSchedule(10, 10)
    assert every_tick.seen_ms(30).tolist() == [0, 10, 20]
    assert every_tick.seen_ms(31).tolist() == [0, 10, 20, 30]
    assert every_tick.seen_ms(0).tolist() == []


def test_looks_more_frequent_than_ticks_show_the_last_of_them() -> None:
    assert LookSchedule(100, 30).seen_ms(300).tolist() == [0, 90, 180]


def test_a_change_is_seen_from_its_own_instant_on() -> None:
    changes = instants(10, 21)
    seen = observe_changes(LookSchedule(10, 10), changes, up_at_start=True, length_ms=50)
    assert seen.tolist() == [1, 0, 0, 1, 1]
    assert observe_changes(LookSchedule(10, 10), changes, up_at_start=False, length_ms=50).tolist() == [0, 1, 1, 0, 0]


def test_what_is_over_before_the_next_look_is_not_seen() -> None:
    flap = instants(631_001, 1_261_999)
    assert observe_changes(RECORDED, flap, up_at_start=True, length_ms=20 * 195_000).all()
    every_tick = observe_changes(LookSchedule(195_000, 195_000), flap, up_at_start=True, length_ms=20 * 195_000)
    assert every_tick[4:7].tolist() == [0, 0, 0]


def test_two_changes_at_one_instant_cancel_and_none_leaves_the_start() -> None:
    assert observe_changes(LookSchedule(10, 10), instants(10, 10), up_at_start=False, length_ms=30).tolist() == [
        0,
        0,
        0,
    ]
    assert observe_changes(LookSchedule(10, 10), instants(), up_at_start=True, length_ms=30).tolist() == [1, 1, 1]


def test_changes_out_of_order_and_impossible_recorders_are_refused() -> None:
    with pytest.raises(ValueError, match="out of order"):
        observe_changes(LookSchedule(10, 10), instants(20, 10), up_at_start=True, length_ms=50)
    for gap_ms, observe_every_ms, first_look_ms in [(0, 1, 0), (1, 0, 0), (1, 5, 5), (1, 5, -1)]:
        with pytest.raises(ValueError, match="a recorder has"):
            LookSchedule(gap_ms, observe_every_ms, first_look_ms)


def test_a_series_of_node_counts_is_held_between_looks() -> None:
    assert observe_series(LookSchedule(20, 40), ticks("123456"), 10).tolist() == [1, 1, 5]


def test_a_series_looked_at_at_its_own_ticks_is_unchanged() -> None:
    assert observe_series(LookSchedule(10, 10), ticks("0716"), 10).tolist() == [0, 7, 1, 6]


@given(
    changes=st.lists(st.integers(0, 400), max_size=8).map(sorted),
    gap_ms=st.integers(1, 50),
    every_ms=st.integers(1, 50),
    first_ms=st.integers(0, 49),
    up_at_start=st.booleans(),
)
def test_changes_and_the_series_of_their_milliseconds_are_seen_alike(
    changes: list[int], gap_ms: int, every_ms: int, first_ms: int, up_at_start: bool
) -> None:
    recorder = LookSchedule(gap_ms, every_ms, first_ms % every_ms)
    series = np.array([(up_at_start + sum(change <= ms for change in changes)) % 2 for ms in range(401)], np.int64)
    seen = observe_changes(recorder, np.array(changes, np.int64), up_at_start=up_at_start, length_ms=401)
    assert seen.tolist() == observe_series(recorder, series, 1).tolist()
