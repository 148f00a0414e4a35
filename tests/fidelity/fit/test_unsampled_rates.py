"""The rate behind the one recorded, there and back."""

import numpy as np
import pytest
from gpu_sim.core.kernel.quantities import Availability, Factor, Share
from gpu_sim.core.market.availability_rates import CannotCalibrate, calibrate
from gpu_sim.core.scenario.availability_shape import Shape
from gpu_sim.fidelity.fit.unsampled_rates import (
    ZoneRates,
    sampled_per_hour,
    unsampled_or_recorded_rates,
    unsampled_rates,
)

from ..known_market import LOOK_SECONDS, UNLIKE, ZONES, recordings
from ..zone_recordings import marks

LOOK_H = LOOK_SECONDS / 3600
STEADY = Shape(stress=Factor(0), fragile=Share(0), shock_reach=Share(0))


@pytest.mark.parametrize("shape", [Shape(), UNLIKE])
@pytest.mark.parametrize(("up", "per_hour"), [(0.17, 2.3), (0.6, 0.6), (0.9, 0.1), (0.99, 0.001)])
def test_the_rate_is_found_behind_what_is_seen_of_it(shape: Shape, up: float, per_hour: float) -> None:
    availability = Availability(round(up * 1_000_000))
    seen = sampled_per_hour(calibrate(availability, per_hour, shape), shape, LOOK_H)
    assert seen < per_hour
    assert unsampled_rates(ZoneRates(availability, seen), LOOK_H, shape).lost == pytest.approx(per_hour, rel=1e-5)
    assert unsampled_rates(ZoneRates(availability, seen), LOOK_H, shape, 3 * per_hour).lost == pytest.approx(
        per_hour, rel=1e-5
    )


def test_who_looks_all_the_time_misses_nothing() -> None:
    rates = calibrate(Availability(600_000), 0.6, Shape())
    assert sampled_per_hour(rates, Shape(), 1e-5) == pytest.approx(0.6, rel=1e-3)


def test_what_is_seen_is_what_a_recorder_sees_of_a_run() -> None:
    """Five zones over 100 days: some 2,400 interruptions, which come in bursts, within two standard errors."""
    traces = recordings(100)
    recorded = sum(ZoneRates.of(trace.up, trace.gap_seconds).per_hour * float(trace.up.mean()) for trace in traces)
    expected = sum(
        up * sampled_per_hour(calibrate(Availability(round(up * 1_000_000)), lost, UNLIKE), UNLIKE, LOOK_H)
        for up, lost in ZONES.values()
    )
    assert recorded == pytest.approx(expected, rel=0.07)


def test_a_recording_says_how_often_it_was_up_and_interrupted_in_an_hour_of_that() -> None:
    assert ZoneRates.of(marks("1100 1111 0111"), 1800) == ZoneRates(Availability(750_000), 2 / 4.5)
    nearly = np.ones(3_000_000, np.bool_)
    nearly[1_000_000] = False
    assert ZoneRates.of(nearly, 1).availability == 999_999


def test_nobody_sees_more_than_a_change_at_each_look() -> None:
    with pytest.raises(CannotCalibrate, match="no offer of this shape"):
        unsampled_rates(ZoneRates(Availability(500_000), 1.001 / LOOK_H), LOOK_H, STEADY)


def test_a_rate_is_kept_where_downs_are_a_look_long() -> None:
    """Once for a look in eleven days: no rate is seen so often, however high."""
    up = np.ones(1_500, np.bool_)
    up[700] = False
    brief = ZoneRates.of(up, LOOK_SECONDS)
    with pytest.raises(CannotCalibrate, match=r"99\.9333% of the time"):
        unsampled_rates(brief, LOOK_H, Shape())
    rates, unsampled = unsampled_or_recorded_rates(brief, LOOK_H, Shape())
    assert (rates, unsampled) == (calibrate(brief.availability, brief.per_hour, Shape()), False)
    assert sampled_per_hour(rates, Shape(), LOOK_H) < brief.per_hour


def test_a_rate_is_found_where_downs_last() -> None:
    lasting = ZoneRates(Availability(900_000), 0.1)
    assert unsampled_or_recorded_rates(lasting, LOOK_H, Shape()) == (unsampled_rates(lasting, LOOK_H, Shape()), True)


def test_turns_taken_more_than_by_chance_are_refused() -> None:
    """Up and down at every other look; looks at a coin see half as many changes."""
    turns = ZoneRates.of(np.tile([True, False], 700), LOOK_SECONDS)
    assert turns.changes_by_chance(LOOK_H) == pytest.approx(2)
    with pytest.raises(CannotCalibrate, match="no offer of this shape"):
        unsampled_or_recorded_rates(turns, LOOK_H, Shape())
