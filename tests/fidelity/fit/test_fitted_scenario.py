"""The scenario that is written loads, says what was found, and behaves like the recording."""

import numpy as np
import pytest
from gpu_sim.core.kernel.quantities import Factor, Share
from gpu_sim.core.scenario.availability_shape import Severity, Shape
from gpu_sim.core.scenario.market_settings import InterruptionSettings
from gpu_sim.core.scenario.scenario import Scenario
from gpu_sim.fidelity.fit.fitted_scenario import days_to_run, probability, run_again, shape_document, write_scenario
from gpu_sim.fidelity.fit.trace_calibration import CalibratedMarket, calibrate_traces
from gpu_sim.fidelity.traces.statistics import measure
from gpu_sim.fidelity.traces.traces import Trace, TraceName
from gpu_sim.scenario_files.load import parse_scenario

from ..known_market import LOOK_SECONDS, SETTINGS, UNLIKE, ZONES, recordings
from ..zone_recordings import trace

THIRTEEN = Severity(a=Factor(5_000_000), b=Factor(1_150_000))
"""The narrowest about thirteen sixteenths."""

ALL = Severity(a=Factor(5_000_000), b=Factor(100_000))
"""As near to all as there is."""


def loaded(market: CalibratedMarket, name: str = "mine") -> Scenario:
    """The written scenario, loaded."""
    return parse_scenario(write_scenario(market, name), origin=name, folder=None)


def test_the_probability_is_that_of_the_rate() -> None:
    shipped = InterruptionSettings(mode="realistic")
    severe = InterruptionSettings(mode="realistic", shared=Share(990_000), severity=Severity(b=Factor(100_000)))
    for settings in (shipped, severe):
        for per_hour in (0.001, 0.1, 0.7, 2.3):
            found = probability(per_hour, settings)
            assert settings.goes_down_per_hour(found) == pytest.approx(per_hour, rel=2e-3)
        assert (probability(1e-9, settings), probability(1e9, settings)) == (1, 999_999)


def test_zones_become_offers() -> None:
    node = trace("r2a", np.repeat(np.tile([16, 3, 0], 50), 60), 195)
    eight = node.__class__(TraceName("r2", "b", "v100", 8), 195, node.values // 16)
    scenario = loaded(calibrate_traces([*recordings(30)[:1], node, eight, trace("r3a", np.ones(9_000, int), 195)]))
    assert scenario.market.interruptions == InterruptionSettings(
        mode="realistic", shared=Share(1_000_000), severity=THIRTEEN
    )
    offers = scenario.market.offers
    assert [(each.region, each.gpu_model, each.group, each.capacity) for each in offers] == [
        ("r1a", "V100", "r1 V100", 16),
        ("r2a", "V100", "r2 V100", 16),
        ("r2b", "V100 x8", "r2 V100 x8", 16),
        ("r3a", "V100", "r3 V100", 16),
    ]
    assert offers[1].availability == 666_667
    assert (offers[3].availability, offers[3].interruption_probability) == (1_000_000, 0)


def test_what_fleets_lose_is_written_and_leaves_the_rates_as_they_are() -> None:
    single = recordings(30)[0]
    fleet = Trace(single.name, single.gap_seconds, single.values * 16)
    markets = [calibrate_traces([each], LOOK_SECONDS) for each in (single, fleet)]
    shipped, severe = (loaded(market).market for market in markets)
    assert shipped.interruptions == SETTINGS
    assert severe.interruptions == markets[1].interruptions
    assert (severe.interruptions.shared, severe.interruptions.severity) == (1_000_000, ALL)
    assert "# shared 100%, severity 0.98 on average: from " in write_scenario(markets[1], "mine")
    rates = [
        each.interruptions.goes_down_per_hour(each.offers[0].interruption_probability) for each in (shipped, severe)
    ]
    assert rates == pytest.approx([rates[0]] * 2, rel=2e-3)


def test_a_zone_that_keeps_the_recorded_rate_has_a_remark() -> None:
    brief = trace("r2d", np.repeat([1, 0, 1], [6_000, 3, 7_289]), 195)
    market = calibrate_traces([*recordings(30)[:1], brief])
    remarks = [line for line in write_scenario(market, "mine").splitlines() if line.startswith("#")]
    assert [line for line in remarks if "r1a_v100_1" in line] == []
    assert remarks[-1].startswith("# r2d_v100_1 goes down as often as was seen")
    offers = loaded(market).market.offers
    assert InterruptionSettings(mode="realistic").goes_down_per_hour(
        offers[1].interruption_probability
    ) == pytest.approx(1 / (13_289 * 195 / 3600), rel=2e-3)


def test_a_shape_is_written_where_it_differs() -> None:
    traces = recordings(30)[:2]
    shipped = calibrate_traces(traces)
    assert "shape:" not in write_scenario(shipped, "mine")
    fitted = CalibratedMarket(shipped.zones, shipped.measured, UNLIKE, True, LOOK_SECONDS)
    assert loaded(fitted).market.interruptions.shape == UNLIKE
    assert loaded(fitted).market.interruptions == fitted.interruptions
    assert "# shared and severity are as shipped: to see them takes 30 losses of zones" in write_scenario(
        fitted, "mine"
    )
    assert shape_document(Shape()) == {}
    assert shape_document(Shape(long=Share(500_000))) == {"long": "50%"}


@pytest.mark.parametrize(("days", "within"), [(30, 0.06), pytest.param(100, 0.03, marks=pytest.mark.slow)])
def test_the_market_that_is_written_behaves_like_the_recording(days: int, within: float) -> None:
    """Under the shape that the recording was made with, over four runs of as many days."""
    recorded = recordings(days)
    known = calibrate_traces(recorded, LOOK_SECONDS, "shipped")
    market = CalibratedMarket(known.zones, recorded, UNLIKE, True, LOOK_SECONDS)
    runs = run_again(market, loaded(market), range(4))
    found = measure(recorded)
    assert days_to_run(market) == days
    assert {run.days for run in runs} == {found.days}
    assert {run.zones for run in runs} == {len(ZONES)}
    assert np.mean([run.availability for run in runs]) == pytest.approx(found.availability, abs=within)
    assert len({run.interruptions for run in runs}) > 1
