"""The recording that a policy knows: what the renter can have of it, and for how long."""

import pytest
from gpu_sim import load_scenario
from gpu_sim.core.scenario.experiment.sweep_settings import Value
from gpu_sim.experiments.runs.market_recording import MarketRecording
from gpu_sim.experiments.runs.run import run
from gpu_sim.experiments.sweeps.settings import Template
from msgspec.structs import replace

from .small_market import MINUTE_MS, small_market


@pytest.mark.parametrize(
    ("settings", "cost_usd"),
    [
        # The spot offer has one GPU: all of it is had on demand, in 24 hours and 3 minutes.
        ({"renters.job.gpus": 2}, 147.186),
        # Up to the end of the run, which is within a tick.
        ({"renters.job.jobs.deadline": None, "until": "60h"}, None),
    ],
)
def test_omniscient_is_done_where_it_can_be(settings: dict[str, Value], cost_usd: float | None) -> None:
    """It plans with no offer that has fewer GPUs than it needs, and with no time after the run."""
    policy: dict[str, Value] = {"renters.job.policy": "omniscient"}
    metrics = run(Template(load_scenario("cant-be-late")).under(policy | settings)).metrics
    assert metrics["total.jobs_finished"] == 1
    assert cost_usd is None or metrics["total.cost_usd"] == pytest.approx(cost_usd)


@pytest.mark.parametrize(
    ("gpus", "ups"), [(1, [True, True, True]), (2, [True, False, True]), (4, [False, False, True])]
)
def test_a_trace_of_nodes_is_up_where_there_are_enough_of_them(gpus: int, ups: list[bool]) -> None:
    """For all the GPUs of a rental at once; a tick that the run does not last for is none."""
    scenario = small_market(f"{{name: a, gpus: {gpus}, tick: 5m, policy: omniscient, jobs: {{work: 1h}}}}")
    played = scenario.market.recordings.availability[0]
    steps = ((0, 3), (6 * MINUTE_MS, 1), (10 * MINUTE_MS, 4))
    recordings = replace(
        scenario.market.recordings, availability=(replace(played, trace=replace(played.recording, steps=steps)),)
    )
    scenario = replace(scenario, market=replace(scenario.market, recordings=recordings))
    recording = MarketRecording(scenario, 1, scenario.renters[0], 17 * MINUTE_MS)
    (offer,) = recording.offers()
    assert [price is not None for price in recording.prices(offer, 5 * MINUTE_MS)] == ups
