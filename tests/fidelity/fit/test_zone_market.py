"""Recorded zones simulated by a scenario: two numbers of each come from the recording, the rest from the scenario."""

from pathlib import Path

import numpy as np
import pytest
from gpu_sim.core.kernel.quantities import Duration, Factor, Share
from gpu_sim.core.market.availability_rates import CannotCalibrate, MarketRates
from gpu_sim.core.scenario.acts import Act, OutageAct
from gpu_sim.core.scenario.availability_shape import Severity, Shape
from gpu_sim.core.scenario.catalog import CatalogSpec, Generate
from gpu_sim.core.scenario.market_settings import ChurnSettings, ChurnTerms, InterruptionSettings
from gpu_sim.core.scenario.scenario import Scenario
from gpu_sim.fidelity.fit.trace_calibration import calibrate_traces
from gpu_sim.fidelity.fit.zone_market import (
    RecordedMarkets,
    build_recorded_markets,
    build_zone_market,
    why_not_simulated,
)
from gpu_sim.fidelity.runs.recorded_statistics import RecordedStatistics, read_recorded
from gpu_sim.fidelity.runs.seed_run import run_seed
from gpu_sim.fidelity.traces.statistics import measure
from gpu_sim.fidelity.traces.traces import Trace, TraceName, write_trace
from msgspec.structs import replace

from ...core.market.recordings import replaying
from ...core.market.recordings import trace as replayed
from ...support.builders import DAY, HOUR, market, offer, scenario
from ..known_market import LOOK_SECONDS, recordings
from ..zone_markets import poisson
from ..zone_recordings import trace

SETTINGS = InterruptionSettings(
    mode="realistic",
    horizon=Duration(DAY),
    shared=Share(900_000),
    severity=Severity(a=Factor(500_000), b=Factor(500_000)),
    shape=Shape(fragile=Share(200_000)),
)
OTHER = scenario(
    replace(
        market(offer("elsewhere"), interruptions=SETTINGS),
        churn=ChurnSettings(all=ChurnTerms(stays=Duration(HOUR))),
    )
)
CONDITIONS = replace(OTHER, timeline=(Act(at=Duration(0), outage=OutageAct()),))
"""A market of another offer that leaves every hour, in an outage from the start on."""


def test_of_each_zone_two_numbers_come_from_the_recording_and_the_rest_from_the_scenario() -> None:
    traces = recordings(30)[:2]
    zone_market = build_zone_market(CONDITIONS, traces, LOOK_SECONDS)
    conditions = zone_market.plan.scenario
    for spec, zone in zip(conditions.market.offers, zone_market.zones, strict=True):
        rates = MarketRates(conditions.market).of(spec)
        assert zone.recorded is not None
        assert zone.rates is not None
        assert rates is not None
        assert spec.availability == zone.recorded.availability
        assert rates.lost == pytest.approx(zone.rates.lost, rel=1e-4)
        assert (spec.region, spec.group) == (zone.name.zone, "r1 v100 x1")
    kept = ("shape", "shared", "severity", "spread", "reclaim")
    assert all(getattr(conditions.market.interruptions, name) == getattr(SETTINGS, name) for name in kept)
    assert zone_market.zones != calibrate_traces(traces, LOOK_SECONDS, "shipped").zones


def test_zones_are_looked_at_as_they_were_recorded_and_for_as_long() -> None:
    recorded = recordings(30)[:3]
    zone_market = build_zone_market(
        CONDITIONS, [Trace(each.name, 195, each.values[:1000]) for each in recorded], LOOK_SECONDS
    )
    assert (zone_market.plan.looked.gap_ms, zone_market.plan.looked.observe_every_ms) == (195_000, 631_000)
    assert (zone_market.plan.days, zone_market.plan.ticks) == (3, 1000)
    run = run_seed(zone_market.plan, 1, with_history=True)
    assert run.history is not None
    seen = zone_market.plan.observe(run.history, zone_market.plan.looked)
    assert [str(each.name) for each in seen] == [str(each.name) for each in recorded]
    assert {len(each.values) for each in seen} == {1000}
    assert run.looked["interruptions"] == sum(measure([each]).interruptions for each in seen)


def test_how_often_was_looked_is_found_unless_told() -> None:
    found = build_zone_market(CONDITIONS, recordings(30)[:2]).plan.looked
    assert found.observe_every_ms == pytest.approx(631_000, rel=0.01)
    assert build_zone_market(CONDITIONS, recordings(30)[:2], 1.0).plan.looked.observe_every_ms == 195_000


def test_a_zone_comes_out_as_often_up_as_it_was() -> None:
    """Neither the churn nor the timeline of the scenario touches it."""
    recorded = recordings(30)[:2]
    zone_market = build_zone_market(CONDITIONS, recorded, LOOK_SECONDS)
    runs = [run_seed(zone_market.plan, seed).looked for seed in range(6)]
    of_recording = measure(recorded)
    assert np.mean([run["availability"] for run in runs]) == pytest.approx(of_recording.availability, abs=0.08)
    per_hour = sum(run["interruptions"] for run in runs) / sum(run["availability"] * run["zones"] * 720 for run in runs)
    # means of six such runs differ by a tenth; a rate that the looks were not taken out of would be a third too low
    assert per_hour == pytest.approx(of_recording.interruptions_per_available_hour, rel=0.25)


def test_a_zone_that_was_always_up_is_always_up_and_nodes_of_more_gpus_are_another_model() -> None:
    always = trace("r2a", np.ones(2_000, np.int64), 195)
    eight = Trace(TraceName("r1", "a", "v100", 8), 195, recordings(30)[0].values)
    zone_market = build_zone_market(CONDITIONS, [*recordings(30)[:1], eight, always], LOOK_SECONDS)
    assert [each.gpu_model for each in zone_market.plan.scenario.market.offers] == ["v100 x1", "v100 x8", "v100 x1"]
    run = run_seed(zone_market.plan, 1, with_history=True)
    assert run.history is not None
    *_, last = zone_market.plan.observe(run.history, zone_market.plan.looked)
    assert last.up.all()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> RecordedStatistics:
    """One zone of single GPUs, a fleet of 16 and one of 8."""
    folder = tmp_path_factory.mktemp("traces")
    zone = recordings(30)[0]
    nodes = [Trace(replace(zone.name, recording=f"of {size}"), 195, size * zone.values) for size in (16, 8)]
    found = read_recorded(write_trace(folder, each) for each in (zone, *nodes))
    assert found is not None
    return found


def test_fleets_are_simulated_apart_from_single_gpus_with_as_many_nodes(
    recorded: RecordedStatistics, tmp_path: Path
) -> None:
    """None of 8 nodes are: nothing is measured of such."""
    markets = build_recorded_markets(CONDITIONS, recorded, LOOK_SECONDS, export=tmp_path)
    assert markets.zones is not None
    [fleets] = markets.fleets
    assert [plan.scenario.market.offers[0].capacity for plan in (markets.zones.plan, fleets.plan)] == [1, 16]
    assert [(plan.fleets, plan.export) for plan in (markets.zones.plan, fleets.plan)] == [
        (False, tmp_path),
        (True, None),
    ]
    assert markets.days == 60
    left_out = [str(each.name) for each in recorded.fleets if each.values.max() == 8]
    assert markets.why == f"Fleets of 16 and of 4 nodes are simulated, and so {', '.join(left_out)} was not."
    run = run_seed(replace(fleets.plan, days=4), 2)
    assert run.others["partner_16"] > 0.8
    assert build_recorded_markets(CONDITIONS, recorded, LOOK_SECONDS, fleets=False).fleets == ()


def test_without_traces_or_where_offers_are_always_there_nothing_is_played(recorded: RecordedStatistics) -> None:
    assert build_recorded_markets(CONDITIONS, None) == RecordedMarkets()
    found = build_recorded_markets(poisson(20_000, 4), recorded)
    assert (found.zones, found.fleets, found.days) == (None, (), 0)
    assert found.why.startswith("In mode poisson")


def test_a_catalogue_makes_room_for_the_zones() -> None:
    generated = replace(CONDITIONS.market, offers=(), catalog=CatalogSpec(Generate(5)))
    zone_market = build_zone_market(replace(CONDITIONS, market=generated), recordings(30)[:1], LOOK_SECONDS)
    assert len(zone_market.plan.scenario.market.offers) == 1


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.zeros(2_000, np.int64), "r5a_v100_1 was never up"),
        (np.repeat([0, 1], 1_000), "r5a_v100_1 was never seen to go down"),
        (np.tile([0, 1], 100), "shorter than a day"),
    ],
)
def test_what_no_market_plays_is_told(values: np.ndarray[tuple[int], np.dtype[np.int64]], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        build_zone_market(CONDITIONS, [trace("r5a", values, 195)])


def test_a_zone_that_no_offer_of_the_shape_is_like_is_named() -> None:
    with pytest.raises(CannotCalibrate, match="r5a_v100_1: no offer of this shape"):
        build_zone_market(CONDITIONS, [trace("r5a", np.tile([1, 0], 5_000), 195)])


@pytest.mark.parametrize(
    ("conditions", "says"),
    [
        (CONDITIONS, ""),
        (poisson(20_000, 4), "In mode poisson offers are always there"),
        (scenario(), "In mode none offers are always there"),
        (scenario(replaying(replayed([1, 0]))), "In mode replay offers repeat recordings"),
    ],
)
def test_a_market_that_plays_no_zones_says_why_and_what_is_shown_instead(conditions: Scenario, says: str) -> None:
    found = why_not_simulated(conditions)
    assert found.startswith(says)
    assert ("the recorded" in found) == bool(says)
