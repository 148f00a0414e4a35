"""The dependence of zones and ticks on each other, against values worked out by hand."""

import numpy as np
import pytest
from gpu_sim.fidelity.traces.arrays import Whole
from gpu_sim.fidelity.traces.dependence import (
    Distance,
    co_interruption,
    correlation_by_distance,
    distance,
    failure_later,
    fano,
    phi,
)
from gpu_sim.fidelity.traces.traces import TraceName

from ..zone_recordings import marks, trace

HERE = TraceName("west-1", "a", "v100")


def at(*ticks: int) -> Whole:
    """The ticks of events."""
    return np.array(ticks, np.int64)


def test_phi_is_the_correlation_of_two_zones() -> None:
    # Both up in 1 tick, the first alone in 1, the second alone in 0, none in 2; over the root of the margins' product.
    found = phi(np.array([marks("1100"), marks("1000"), marks("0011")]))
    assert found[0, 1] == pytest.approx((1 * 2 - 1 * 0) / np.sqrt(2 * 2 * 1 * 3))
    assert found[0, 2] == pytest.approx(-1)
    assert np.diag(found) == pytest.approx(1)


def test_phi_of_a_zone_that_never_changes_is_unknown() -> None:
    found = phi(np.array([marks("1111"), marks("1010"), marks("0000")]))
    assert found[1, 1] == pytest.approx(1)
    assert np.count_nonzero(np.isnan(found)) == 8
    assert np.isnan(phi(np.array([marks("1111")]))).all()


@pytest.mark.parametrize(
    ("other", "apart"),
    [
        (TraceName("west-1", "a", "v100", 8), Distance.SAME_ZONE),
        (TraceName("west-1", "b", "v100"), Distance.SAME_REGION),
        (TraceName("east-1", "a", "v100"), Distance.OTHER_REGION),
        (TraceName("west-1", "a", "k80"), Distance.OTHER_GPU),
        (TraceName("west-1", "b", "k80"), Distance.OTHER_GPU),
        (TraceName("east-1", "a", "k80"), Distance.OTHER_REGION_AND_GPU),
    ],
)
def test_distances(other: TraceName, apart: Distance) -> None:
    assert distance(HERE, other) is distance(other, HERE) is apart


def test_correlations_are_sorted_by_distance_without_zones_that_never_change() -> None:
    found = correlation_by_distance(
        [
            trace("west-1a", "1100"),
            trace("west-1b", "1100"),
            trace("west-1c", "1111"),
            trace("east-1a", "0011"),
            trace("west-1a", "1010", gpu="k80"),
        ]
    )
    assert found[Distance.SAME_REGION].tolist() == pytest.approx([1])
    assert found[Distance.OTHER_REGION].tolist() == pytest.approx([-1, -1])
    assert found[Distance.OTHER_GPU].tolist() == pytest.approx([0, 0])
    assert found[Distance.OTHER_REGION_AND_GPU].tolist() == pytest.approx([0])
    assert len(found[Distance.SAME_ZONE]) == 0


def test_the_share_of_interruptions_with_one_nearby() -> None:
    # The interruptions at 10 and 11 have each other within a tick, those at 50 and 90 have none.
    events = [at(10, 50), at(11, 90)]
    both_ways = co_interruption(events, 100, 1, [(0, 1), (1, 0)])
    assert both_ways.share == 2 / 4
    assert co_interruption(events, 100, 40, [(0, 1)]).share == 1
    assert co_interruption(events, 100, 0, [(0, 1)]).share == 0


def test_an_interruption_at_the_edge_has_its_neighbours_on_one_side_only() -> None:
    assert co_interruption([at(98), at(1)], 100, 3, [(0, 1)]).share == 0
    assert co_interruption([at(0), at(2)], 100, 2, [(0, 1)]).share == 1
    assert co_interruption([at(99), at(97)], 100, 2, [(0, 1)]).share == 1


def test_by_chance_an_interruption_falls_near_a_tick_as_often_as_there_are_such_ticks() -> None:
    # Every tenth tick has an event in zone 1, so ±1 tick covers 3 of 10 wherever zone 0 is shifted to.
    regular = np.arange(5, 1000, 10)
    found = co_interruption([np.arange(1000), regular], 1000, 1, [(0, 1)])
    assert (found.share, found.by_chance, found.lift) == pytest.approx((0.3, 0.3, 1))


def test_chance_is_drawn_from_a_fixed_seed() -> None:
    events = [at(3, 400, 777), at(5, 500)]
    assert co_interruption(events, 1000, 50, [(0, 1)]) == co_interruption(events, 1000, 50, [(0, 1)])


def test_without_interruptions_or_pairs_nothing_is_known() -> None:
    for found in (co_interruption([at(), at(3)], 100, 1, [(0, 1)]), co_interruption([at(3)], 100, 1, [])):
        assert np.isnan([found.share, found.by_chance, found.lift]).all()
    assert np.isnan(co_interruption([at(3), at()], 100, 1, [(0, 1)]).lift)


def test_fano_is_variance_over_mean_of_counts_in_whole_windows() -> None:
    # Windows of 5 ticks hold 3, 0 and 1 events; the event at 16 is in no whole window.
    assert fano(at(0, 1, 4, 12, 16), 17, 5) == pytest.approx(
        ((3 - 4 / 3) ** 2 + (4 / 3) ** 2 + (1 / 3) ** 2) / 3 / (4 / 3)
    )
    assert fano(at(0, 5, 10), 15, 5) == 0


def test_fano_is_one_for_a_poisson_process() -> None:
    events = np.flatnonzero(np.random.default_rng(3).random(200_000) < 0.01)
    assert fano(events, 200_000, 100) == pytest.approx(1, abs=0.08)


def test_fano_without_an_event_in_a_whole_window_is_unknown() -> None:
    assert np.isnan([fano(at(), 20, 5), fano(at(3), 4, 5), fano(at(16), 17, 5)]).all()


def test_failure_later_is_the_share_down_after_a_lag() -> None:
    up = marks("0011 0")
    assert failure_later(up, 1, up_now=False) == 1 / 2
    assert failure_later(up, 1, up_now=True) == 1 / 2
    assert failure_later(up, 2, up_now=False) == 0
    assert failure_later(up, 4, up_now=False) == 1


def test_failure_later_of_a_state_that_nothing_follows_is_unknown() -> None:
    assert np.isnan(failure_later(marks("0011 0"), 4, up_now=True))
    assert np.isnan(failure_later(marks("01"), 2, up_now=False))
    assert np.isnan(failure_later(marks("01"), 9, up_now=False))
