"""SpotHedge: on the shipped study the three policies come out in the published order."""

from statistics import fmean

import pytest
from gpu_sim import load_scenario
from gpu_sim.experiments.runs.run import run
from gpu_sim.experiments.sweeps.settings import Template

TEMPLATE = Template(load_scenario("spot-hedge"))


def _means(policy: str, seeds: range) -> tuple[float, float]:
    scenario = TEMPLATE.under({"renters.service.policy": policy})
    rows = [run(scenario, seed=seed).metrics for seed in seeds]
    return tuple(  # type: ignore[return-value]  # two of them, which mypy does not count
        fmean(float(row[f"renters.service.{name}"] or 0) for row in rows)
        for name in ("availability", "cost_over_needed")
    )


@pytest.mark.parametrize("seeds", [range(1, 7), pytest.param(range(1, 41), marks=pytest.mark.slow)], ids=len)
def test_the_order_is_the_published_one(seeds: range) -> None:
    """Of availability and of cost: whoever has more ready pays more, and SpotHedge half of what on demand costs."""
    spread, robin, hedge = (_means(policy, seeds) for policy in ("even_spread", "round_robin", "spot_hedge"))
    assert spread[0] < robin[0] < hedge[0]
    assert spread[1] < robin[1] < hedge[1]
    assert hedge[0] > 0.985
    assert 0.4 < hedge[1] < 0.6
