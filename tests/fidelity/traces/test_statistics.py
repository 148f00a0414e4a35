"""All statistics of a set of traces: one small set worked out by hand, sets with nothing in them, and known chance."""

from math import isnan, nan

import numpy as np
import pytest
from gpu_sim.fidelity.traces.lifetimes import fit_weibull
from gpu_sim.fidelity.traces.statistics import TraceStatistics, measure

from ..zone_recordings import HOUR_SECONDS, chain, trace

UNKNOWN_WITHOUT_A_RUN = (
    "up_mean_h",
    "up_median_h",
    "up_p90_h",
    "down_mean_h",
    "down_median_h",
    "down_p90_h",
    "up_weibull_k",
    "up_weibull_scale_h",
    "up_ks_exponential",
    "hazard_0_30min_per_h",
    "hazard_1_2h_per_h",
    "hazard_4_8h_per_h",
    "hazard_ratio",
    "phi_same_region",
    "phi_other_region",
    "co_interruption_same_region",
    "co_interruption_same_region_by_chance",
    "co_interruption_lift",
)


@pytest.fixture(scope="module")
def three_zones() -> TraceStatistics:
    """Two zones of one region and one of another, twelve ticks of an hour; the third is longer."""
    return measure(
        [
            trace("west-1a", "0110 0111 1011"),
            trace("west-1b", "1110 0011 1111"),
            trace("east-1a", "1100 1100 0111 00000"),
        ]
    )


def test_size_rate_and_availability(three_zones: TraceStatistics) -> None:
    assert (three_zones.zones, three_zones.days, three_zones.gap_seconds) == (3, 0.5, HOUR_SECONDS)
    assert three_zones.interruptions == 2 + 1 + 2
    assert three_zones.availability == pytest.approx((8 + 9 + 7) / 36)
    assert three_zones.interruptions_per_available_hour == pytest.approx(5 / 24)


def test_runs_are_pooled_over_zones(three_zones: TraceStatistics) -> None:
    # Zone by zone in hours: up 2 and 4, none, 2; down 2 and 1, 3, 2 and 3.
    assert (three_zones.up_mean_h, three_zones.up_median_h) == pytest.approx((8 / 3, 2))
    assert three_zones.up_p90_h == pytest.approx(2 + 0.8 * 2)
    assert (three_zones.down_mean_h, three_zones.down_median_h) == pytest.approx((11 / 5, 2))
    assert three_zones.down_p90_h == pytest.approx(3)


def test_distribution_and_hazard_are_those_of_the_runs(three_zones: TraceStatistics) -> None:
    fitted = fit_weibull(np.array([2.0, 4.0, 2.0]))
    assert (three_zones.up_weibull_k, three_zones.up_weibull_scale_h) == pytest.approx((fitted.k, fitted.scale_h))
    assert three_zones.up_ks_exponential == pytest.approx(1 - np.exp(-2 / (8 / 3)))
    assert (three_zones.hazard_0_30min_per_h, three_zones.hazard_1_2h_per_h) == (0, 0)
    assert isnan(three_zones.hazard_4_8h_per_h)


def test_zones_of_one_region_and_of_two(three_zones: TraceStatistics) -> None:
    west = np.corrcoef([0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 1], [1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1])[0, 1]
    assert three_zones.phi_same_region == pytest.approx(west)
    # Interruptions in the west: 3 and 9 in one zone, 3 in the other; a tick is within reach.
    assert three_zones.co_interruption_same_region == pytest.approx(2 / 3)
    assert 0 < three_zones.co_interruption_same_region_by_chance < 2 / 3
    assert three_zones.all_zones_down == pytest.approx(1 / 12)


@pytest.mark.parametrize(("ticks_later", "share"), [(3, 1), (4, 0)])
def test_interruptions_fall_together_within_195_seconds(ticks_later: int, share: int) -> None:
    up = np.arange(60) < 20
    zones = [trace("west-1a", up.astype(np.int64), 65), trace("west-1b", np.roll(up, ticks_later).astype(np.int64), 65)]
    assert measure(zones).co_interruption_same_region == share


def test_counts_in_windows(three_zones: TraceStatistics) -> None:
    # Events by hour: 3 and 9; 3; 2 and 6. Six-hour windows hold 1 and 1, 1 and 0, 1 and 1; a day does not fit in.
    assert three_zones.fano_zone[:2] == pytest.approx(((10 / 12 + 11 / 12 + 10 / 12) / 3, 0.5 / 3))
    assert three_zones.fano_all[1] == pytest.approx(0.25 / 2.5)
    assert isnan(three_zones.fano_zone[2])
    assert isnan(three_zones.fano_all[2])


def test_failure_sticks(three_zones: TraceStatistics) -> None:
    # The lag is a tick up to an hour: of the failures that are followed 1 of 4, 2 of 3 and 3 of 5 are followed by one.
    assert three_zones.fail_given_fail[0] == three_zones.fail_given_fail[2]
    assert three_zones.fail_given_fail[2] == pytest.approx((1 / 4 + 2 / 3 + 3 / 5) / 3)
    assert three_zones.fail_given_success[2] == pytest.approx((2 / 7 + 1 / 8 + 2 / 6) / 3)
    assert isnan(three_zones.fail_given_fail[4])


def test_every_statistic_has_a_name_of_its_own(three_zones: TraceStatistics) -> None:
    named = three_zones.by_name()
    assert len(named) == 41
    assert named["fano_zone 6h"] == three_zones.fano_zone[1]
    assert named["fail_given_fail 3.25min"] == three_zones.fail_given_fail[0]
    assert named["fail_given_success 240min"] == three_zones.fail_given_success[3]
    assert named["zones"] == 3
    assert named["co_interruption_lift"] == pytest.approx(
        three_zones.co_interruption_same_region / three_zones.co_interruption_same_region_by_chance
    )


@pytest.mark.parametrize(("values", "availability"), [("1" * 40, 1), ("0" * 40, 0)])
def test_zones_that_never_change_have_an_availability_and_nothing_else(values: str, availability: int) -> None:
    measured = measure([trace("west-1a", values), trace("west-1b", values)])
    named = measured.by_name()
    assert (measured.availability, measured.all_zones_down, measured.interruptions) == (
        availability,
        1 - availability,
        0,
    )
    assert [name for name in UNKNOWN_WITHOUT_A_RUN if not isnan(named[name])] == []
    assert np.isnan([*measured.fano_zone, *measured.fano_all, *measured.fail_given_fail]).all()
    assert np.array_equal(measured.interruptions_per_available_hour, 0.0 if availability else nan, equal_nan=True)


def test_a_zone_that_never_changes_does_not_count_where_change_matters() -> None:
    changing = trace("west-1a", "1100 1101 0011")
    alone, with_constant = measure([changing]), measure([changing, trace("west-1b", "1" * 12)])
    assert with_constant.fail_given_fail[:4] == alone.fail_given_fail[:4]
    assert with_constant.fano_zone[:2] == alone.fano_zone[:2]
    assert isnan(with_constant.phi_same_region)
    assert with_constant.availability == pytest.approx((alone.availability + 1) / 2)


def test_one_zone_has_no_pairs() -> None:
    measured = measure([trace("west-1a", chain(1, 500, down=0.2, up=0.3))])
    assert np.isnan([measured.phi_same_region, measured.phi_other_region, measured.co_interruption_same_region]).all()
    assert measured.fano_zone == measured.fano_all
    assert measured.all_zones_down == pytest.approx(1 - measured.availability)


def test_a_zone_without_the_state_early_enough_leaves_the_mean_unknown() -> None:
    late = trace("west-1b", "1" * 47 + "0")
    measured = measure([trace("west-1a", chain(2, 48, down=0.3, up=0.3)), late])
    assert isnan(measured.fail_given_fail[0])
    assert not isnan(measured.fail_given_success[0])


def test_node_counts_above_zero_count_as_available() -> None:
    nodes = np.array([16, 3, 0, 0, 5, 0, 2, 2], np.int64)
    assert measure([trace("west-1a", nodes)]).by_name() == pytest.approx(
        measure([trace("west-1a", np.minimum(nodes, 1))]).by_name(), nan_ok=True
    )


def test_the_order_of_traces_does_not_matter() -> None:
    traces = [trace(zone, chain(seed, 800, down=0.1, up=0.2)) for seed, zone in enumerate(["b-1a", "a-1b", "a-1a"])]
    assert measure(traces).by_name() == pytest.approx(measure(reversed(traces)).by_name(), rel=0, abs=0, nan_ok=True)


def test_different_gaps_are_refused() -> None:
    with pytest.raises(ValueError, match="different gaps"):
        measure([trace("west-1a", "10", 195), trace("west-1b", "10", 300)])


def test_independent_zones_without_memory_show_what_they_were_made_with() -> None:
    zones = ("a-1a", "a-1b", "b-1a")
    measured = measure(
        [trace(zone, chain(seed, 40_000, down=0.02, up=0.05), 195) for seed, zone in enumerate(zones, 10)]
    )
    hour = 195 / HOUR_SECONDS
    assert measured.availability == pytest.approx(5 / 7, abs=0.02)
    assert measured.interruptions_per_available_hour == pytest.approx(0.02 / hour, rel=0.05)
    assert (measured.up_mean_h, measured.down_mean_h) == pytest.approx((hour / 0.02, hour / 0.05), rel=0.05)
    assert (measured.up_weibull_k, measured.hazard_ratio) == pytest.approx((1, 1), abs=0.12)
    assert measured.up_ks_exponential < 0.05
    assert (measured.phi_same_region, measured.phi_other_region) == pytest.approx((0, 0), abs=0.05)
    assert measured.co_interruption_lift == pytest.approx(1, abs=0.25)
    assert measured.all_zones_down == pytest.approx((2 / 7) ** 3, abs=0.015)
    assert measured.fail_given_fail[0] == pytest.approx(0.95, abs=0.01)
