"""From traces to zones with their rates: what is used, and what is refused."""

import numpy as np
import pytest
from gpu_sim.core.market.availability_rates import CannotCalibrate
from gpu_sim.core.scenario.availability_shape import Shape
from gpu_sim.fidelity.fit.trace_calibration import calibrate_traces
from gpu_sim.fidelity.traces.traces import Trace
from msgspec.structs import replace

from ..known_market import UNLIKE, recordings
from ..zone_recordings import trace

ALWAYS = trace("r2a", np.full(5_000, 4), 195)
NEVER = trace("r2b", np.zeros(5_000, np.int64), 195)
COMES_UP = trace("r2c", np.repeat([0, 1], 2_500), 195)
BRIEFLY = trace("r2d", np.repeat([1, 0, 1], [6_000, 3, 7_289]), 195)
TAKES_TURNS = trace("r2e", np.tile([1, 1, 1, 0, 0, 0], 2_215), 195)


def test_few_zones_keep_the_shipped_shape_and_their_own_rates() -> None:
    traces = recordings(30)[:3]
    market = calibrate_traces([*traces, ALWAYS])
    assert (market.shape, market.fitted, market.measured) == (Shape(), False, market.measured)
    assert [str(zone.name) for zone in market.zones] == ["r1a_v100_1", "r1b_v100_1", "r1c_v100_1", "r2a_v100_1"]
    assert market.look_seconds == pytest.approx(631, rel=0.005)
    for zone, each in zip(market.zones, traces, strict=False):
        assert zone.recorded is not None
        assert zone.rates is not None
        assert zone.recorded.per_hour < zone.rates.lost
        assert zone.recorded.availability == pytest.approx(1_000_000 * each.up[:5_000].mean(), abs=1)
    assert (market.zones[3].nodes, market.zones[3].recorded, market.zones[3].rates) == (4, None, None)


def test_looks_as_told_and_at_least_as_far_apart_as_ticks() -> None:
    traces = recordings(30)[:2]
    assert calibrate_traces(traces, 400.0).look_seconds == 400
    assert calibrate_traces(traces, 10.0).look_seconds == 195
    slow, quick = (calibrate_traces(traces, seconds).zones[0].rates for seconds in (900.0, 195.0))
    assert slow is not None
    assert quick is not None
    assert slow.lost > quick.lost


def test_the_shape_is_fitted_to_the_gpu_with_the_most_zones_where_it_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def fit(zones: tuple[Trace, ...], *_: object) -> Shape:
        asked.append([str(zone.name) for zone in zones])
        return UNLIKE

    monkeypatch.setattr("gpu_sim.fidelity.fit.trace_calibration.fit_shape", fit)
    other = replace(recordings(30)[0], name=replace(recordings(30)[0].name, gpu="k80"))
    market = calibrate_traces([*recordings(30), other])
    assert asked == [[f"r1{letter}_v100_1" for letter in "abcde"]]
    assert (market.shape, market.fitted, len(market.zones)) == (UNLIKE, True, 6)
    assert not calibrate_traces(recordings(30), choice="shipped").fitted
    assert len(asked) == 1


def test_a_zone_whose_rate_cannot_be_told_keeps_it_and_stops_no_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def fit(zones: tuple[Trace, ...], *_: object) -> Shape:
        asked.append(len(zones))
        return UNLIKE

    monkeypatch.setattr("gpu_sim.fidelity.fit.trace_calibration.fit_shape", fit)
    market = calibrate_traces([*recordings(30), BRIEFLY])
    assert (asked, market.fitted, market.left_out) == ([5], True, (BRIEFLY.name,))
    assert [zone.unsampled for zone in market.zones] == [True] * 5 + [False]
    assert len(market.measured) == 6
    zone = market.zones[5]
    assert zone.recorded is not None
    assert zone.rates is not None
    assert zone.rates.lost == zone.recorded.per_hour
    few = calibrate_traces([*recordings(30)[:3], BRIEFLY])
    assert (few.fitted, few.left_out, few.zones[3].unsampled) == (False, (), False)
    with pytest.raises(ValueError, match="more than a look at a time"):
        calibrate_traces([*recordings(30)[:3], BRIEFLY], choice="fit")
    assert len(asked) == 1


def test_a_zone_that_is_like_no_offer_is_named() -> None:
    for traces in ([*recordings(30), TAKES_TURNS], [*recordings(30)[:1], TAKES_TURNS]):
        with pytest.raises(CannotCalibrate, match="r2e_v100_1: no offer of this shape"):
            calibrate_traces(traces, 631.0)


def test_what_cannot_be_used_is_refused() -> None:
    short = [Trace(each.name, each.gap_seconds, each.values[:400]) for each in recordings(30)]
    for traces, says in [
        (short, "shorter than a day"),
        ([*recordings(30), NEVER], "r2b_v100_1 was never up"),
        ([*recordings(30), COMES_UP], "r2c_v100_1 was never seen to go down"),
        ([], "there is no trace"),
    ]:
        with pytest.raises(ValueError, match=says):
            calibrate_traces(traces)
    with pytest.raises(ValueError, match="takes 4 zones that change, of one GPU model, and 20 days"):
        calibrate_traces(recordings(30)[:3], choice="fit")
    with pytest.raises(ValueError, match="takes 4 zones that change"):
        calibrate_traces([ALWAYS], choice="fit")
