"""Playback: when each step of a recording comes, and which offers follow it."""

from gpu_sim.core.market.playback import Playback, offers_meant
from gpu_sim.core.scenario.acts import Selector
from hypothesis import given
from hypothesis import strategies as st

from ....support.builders import offer
from ..recordings import said, trace


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
