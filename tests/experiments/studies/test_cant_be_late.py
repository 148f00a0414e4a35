"""Can't Be Late: the shipped study pays what the published rules pay, to the micro-dollar, by market and ledger."""

from random import Random

import pytest
from gpu_sim import load_scenario
from gpu_sim.experiments.runs.run import run
from gpu_sim.experiments.sweeps.settings import Template

from .cant_be_late_rules import HOUR_MS, Rules, Window, cost_micros
from .cant_be_late_study import POLICIES, scenario_at, ups, window_at

TEMPLATE = Template(load_scenario("cant-be-late"))
RECORDING = load_scenario("cant-be-late").market.recordings.availability[0].recording


def _windows() -> list[tuple[int, Window]]:
    random, up = Random(48), ups(RECORDING)
    drawn = []
    for row in range(20):
        begin = random.randrange(len(up))
        spot_usd = random.uniform(0.6, 2.5)
        overhead_ms = (180_000, 720_000)[row % 2]
        drawn.append((begin, window_at(up, begin, spot_usd, overhead_ms, 52 * HOUR_MS)))
    return drawn


@pytest.mark.parametrize("policy", POLICIES)
def test_twenty_windows_cost_what_the_rules_say(policy: Rules) -> None:
    """In each the deadline is met, and what the ledger says was spent is what the rules pay."""
    for begin, window in _windows():
        result = run(scenario_at(TEMPLATE, policy, begin, window))
        assert result.misses == (), (begin, window.overhead_ms)
        assert result.facts.spent_micros == {"job": cost_micros(policy, window)}, (begin, window.overhead_ms)


def test_the_rules_differ_and_the_windows_tell_them_apart() -> None:
    """Otherwise the table above would prove nothing."""
    costs = {policy: [cost_micros(policy, window) for _, window in _windows()] for policy in POLICIES}
    assert len(set(costs["greedy"])) > 15
    assert sum(greedy > uniform for greedy, uniform in zip(*[costs[each] for each in POLICIES[1:]], strict=True)) > 5
    assert set(costs["on_demand"]) == {147_186_000, 147_517_500}
