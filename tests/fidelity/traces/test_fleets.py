"""Fleets: how many nodes are lost together, how severely and for how long, counted by hand."""

import numpy as np
import pytest
from gpu_sim.fidelity.traces.arrays import Whole
from gpu_sim.fidelity.traces.fleets import losses, measure_fleet, recoveries_h, severities, share_with_partner

QUARTER_SECONDS = 900


def counts(*nodes: int) -> Whole:
    """The nodes of a fleet, tick by tick."""
    return np.array(nodes, np.int64)


def test_only_what_is_fewer_than_before_is_lost() -> None:
    assert losses(counts(4, 4, 1, 3, 2, 0)).tolist() == [0, 3, 0, 1, 2]
    assert losses(counts(4)).tolist() == []


def test_a_node_has_a_partner_where_another_falls_in_its_tick() -> None:
    lost = losses(counts(8, 5, 5, 4, 4, 4, 2))
    assert share_with_partner(lost, 0) == 5 / 6
    assert share_with_partner(losses(counts(3, 2, 2, 1)), 0) == 0


def test_a_node_has_a_partner_where_another_falls_in_the_next_tick_or_the_one_before() -> None:
    lost = losses(counts(8, 7, 6, 6, 6, 5, 5, 4))
    assert share_with_partner(lost, 0) == 0
    assert share_with_partner(lost, 1) == 2 / 4
    assert share_with_partner(lost, 2) == 4 / 4
    assert share_with_partner(losses(counts(2, 1)), 1) == 0


def test_severity_is_the_share_lost_of_those_running_where_half_of_the_fleet_ran() -> None:
    assert severities(counts(4, 1, 0, 2, 0, 3, 2), 4).tolist() == [3 / 4, 2 / 2, 1 / 3]
    assert severities(counts(2, 1, 3, 0), 5).tolist() == [1]
    assert severities(counts(0, 4, 4), 4).tolist() == []


def test_recovery_is_from_full_to_full() -> None:
    assert recoveries_h(counts(0, 4, 3, 0, 4, 4, 2, 4, 1), 4, QUARTER_SECONDS).tolist() == [0.5, 0.25]
    assert recoveries_h(counts(3, 4, 4), 4, QUARTER_SECONDS).tolist() == []


def test_the_statistics_of_a_fleet() -> None:
    measured = measure_fleet(counts(4, 4, 0, 0, 4, 3, 4, 2, 2, 4), 4, QUARTER_SECONDS)
    assert measured.losses == 7
    assert (measured.lost_with_partner_in_tick, measured.lost_with_partner_in_adjacent_tick) == (6 / 7, 6 / 7)
    assert measured.severity_mean == pytest.approx((1 + 1 / 4 + 1 / 2) / 3)
    assert measured.all_lost == pytest.approx(1 / 3)
    assert measured.recovery_mean_h == pytest.approx((0.5 + 0.25 + 0.5) / 3)
    assert measured.recovery_median_h == 0.5
    assert measured.recovery_p90_h == 0.5
    assert (measured.full, measured.partial, measured.none) == (0.5, 0.3, 0.2)


@pytest.mark.parametrize("nodes", [4, 0])
def test_of_a_fleet_that_never_changes_only_the_state_is_known(nodes: int) -> None:
    measured = measure_fleet(counts(nodes, nodes, nodes), 4, QUARTER_SECONDS)
    assert (measured.losses, measured.full, measured.none) == (0, nodes == 4, nodes == 0)
    unknown = [measured.lost_with_partner_in_tick, measured.severity_mean, measured.all_lost, measured.recovery_p90_h]
    assert np.isnan(unknown).all()


def test_a_single_tick_is_a_fleet_too() -> None:
    assert measure_fleet(counts(2), 4, QUARTER_SECONDS).partial == 1


@pytest.mark.parametrize("nodes", [counts(), counts(1, 5), counts(-1, 4)])
def test_counts_outside_the_fleet_are_refused(nodes: Whole) -> None:
    with pytest.raises(ValueError, match="a fleet of 4 has counts from 0 to 4"):
        measure_fleet(nodes, 4, QUARTER_SECONDS)
