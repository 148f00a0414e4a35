"""Recordings that begin at a place in them: one that is given, or one that the seed draws."""

from collections.abc import Sequence

import pytest
from gpu_sim.core.kernel.quantities import DRAWN_BEGIN, RecordingBegin
from gpu_sim.core.market.playback import Playback, drawn_begin_ms
from gpu_sim.core.replay import replay
from gpu_sim.core.scenario.market_settings import MarketSettings, PriceSettings
from gpu_sim.core.scenario.recordings import ReplaySettings
from gpu_sim.core.simulation import Simulation
from hypothesis import given
from hypothesis import strategies as st

from ....support.builders import HOUR, MINUTE, journal, rent
from ..recordings import generated, replaying, series, trace, world

SCALES = st.sampled_from([1_000, 500_000, 1_000_000, 1_333_333, 2_000_001])


def rotated(values: Sequence[int], ticks: int) -> list[int]:
    """The values from a tick on, and then those before it."""
    return [*values[ticks:], *values[:ticks]]


@given(
    values=st.lists(st.integers(0, 3), min_size=1, max_size=8),
    begin=st.integers(0, 55),
    offset=st.integers(0, 100),
    scale=SCALES,
    loop=st.booleans(),
)
def test_from_its_place_on_a_recording_is_played_as_if_rotated_or_without_loop_cut_off(
    values: list[int], begin: int, offset: int, scale: int, loop: bool
) -> None:
    # A value for each ms, so that it may begin between two ticks.
    each_ms = [value for value in values for _ in range(7)]
    begin %= len(each_ms)
    whole = rotated(each_ms, begin) if loop else each_ms[begin:]
    expected = Playback(trace(whole, 1, offset=offset, scale=scale, loop=loop))
    given_ = Playback(trace(values, 7, begin=begin, offset=offset, scale=scale, loop=loop))
    drawn = Playback(trace(values, 7, begin=DRAWN_BEGIN, offset=offset, scale=scale, loop=loop), begin)
    for playback in (given_, drawn):
        for n in range(20):
            due_ms = expected.due_ms(n)
            assert (playback.due_ms(n), playback.value(n)) == (due_ms, expected.value(n))
            if due_ms is None:
                break


def drawn_of(*ticks: tuple[int, int], prices: bool = False, seed: int = 1) -> int:
    """The place that is drawn for traces with so many ticks of such a length, and maybe for a series."""
    traces = [trace(generated(7, count), gap, begin=DRAWN_BEGIN) for count, gap in ticks]
    dear = (series([1_000, 2_000, 3_000], 250, begin=DRAWN_BEGIN),) if prices else ()
    return drawn_begin_ms(ReplaySettings(availability=tuple(traces), prices=dear), seed)


def test_each_tick_that_all_recordings_have_is_drawn_by_some_seed_and_no_other_place() -> None:
    assert {drawn_of((40, 100), (12, 100), seed=seed) for seed in range(200)} == set(range(0, 1_200, 100))
    assert {drawn_of((40, 100), prices=True, seed=seed) for seed in range(200)} == set(range(0, 750, 50))


def test_a_recording_with_a_place_of_its_own_neither_moves_the_drawn_one_nor_follows_it() -> None:
    own = trace([1, 0], 3, begin=1)
    drawn = trace(generated(7, 40), 100, begin=DRAWN_BEGIN)
    assert drawn_begin_ms(ReplaySettings(availability=(own, drawn)), 1) == drawn_of((40, 100))
    assert drawn_begin_ms(ReplaySettings(availability=(own,)), 1) == 0
    assert Playback(own, 2).due_ms(0) == 2


VALUES = generated(3, 60)
PRICES = [100_000 + 1_000 * (tick % 17) for tick in range(60)]


def market_from(begin: int, *, turned: int = 0) -> MarketSettings:
    """A trace and a series of an hour that begin at a place, turned by so many minutes."""
    recordings = ReplaySettings(
        availability=(trace(rotated(VALUES, turned), begin=begin),),
        prices=(series(rotated(PRICES, turned), begin=begin),),
    )
    return replaying(recordings=recordings, prices=PriceSettings(all="replay"))


def lived(settings: MarketSettings, seed: int = 1) -> Simulation:
    sim = world(settings, seed=seed)
    if sim.market.offers[0].is_listed:
        rent(sim)
    sim.advance(3 * HOUR)
    return sim


def events(sim: Simulation) -> list[object]:
    assert len(sim.events) > 100
    return list(sim.events)


@pytest.mark.parametrize("minutes", [0, 1, 17, 59])
def test_a_world_that_begins_within_its_recordings_is_that_of_the_turned_ones(minutes: int) -> None:
    assert events(lived(market_from(minutes * MINUTE))) == events(lived(market_from(0, turned=minutes)))


def test_another_seed_draws_another_place_for_trace_and_series_alike() -> None:
    settings = market_from(DRAWN_BEGIN)
    places = [drawn_begin_ms(settings.recordings, seed) for seed in range(1, 6)]
    assert len(set(places)) > 2
    for seed, place in enumerate(places, 1):
        assert events(lived(settings, seed)) == events(lived(market_from(place), seed))


@pytest.mark.parametrize("begin", [DRAWN_BEGIN, RecordingBegin(17 * MINUTE + 1)])
def test_a_snapshot_and_a_journal_lead_to_the_same_world(begin: RecordingBegin) -> None:
    sim = world(market_from(begin), seed=5)
    sim.advance(47 * MINUTE)
    saved = sim.snapshot()
    again = Simulation.restored(sim.scenario, saved, seed=sim.seed, start_epoch_ms=sim.start_epoch_ms)
    for each in (sim, again):
        each.advance(3 * HOUR)
    assert again.market.state() == sim.market.state()
    assert replay(journal(sim))[1] is None


def test_a_tick_of_a_recording_divides_its_steps_and_its_length() -> None:
    assert trace([1, 0, 0, 1, 1, 1], 195_000).recording.tick_ms == 195_000
    assert trace([1, 0, 0, 1, 1], 2 * 195_000).recording.tick_ms == 2 * 195_000
    assert trace([1, 1, 1], 1_000).recording.tick_ms == 3_000
