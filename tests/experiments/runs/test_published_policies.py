"""The policies for a job with a deadline, in whole runs: they pay what the published rules say, and the floor."""

import pytest
from gpu_sim.experiments.runs.run import run

from ..policies.test_omniscient import cost_for_omniscient
from ..policies.tick_market import Course, cost_by_rules
from .small_market import MINUTE_MS, small_market

TICK_MS = 10 * MINUTE_MS
UPS = "1" * 9 + "0" * 14 + "1" * 5 + "0" * 3 + "11" + "0" * 20 + "1" * 30 + "0"


def course(ups: str, restart_ms: int) -> Course:
    """Six hours of work to be done in ten."""
    return Course(
        work=360 * MINUTE_MS,
        deadline=600 * MINUTE_MS,
        restart=restart_ms,
        tick=TICK_MS,
        ups=(tuple(up == "1" for up in ups),),
        prices=(1_000_000,),
        on_demand=3_000_000,
    )


def spent(policy: str, of: Course) -> int:
    """What a run of the course costs, in micro-dollars."""
    ups = of.ups[0]
    turns = [k * TICK_MS for k in range(1, len(ups)) if ups[k] != ups[k - 1]]
    scenario = small_market(
        f"{{name: a, policy: {policy}, tick: 10m, jobs: {{work: 6h, deadline: 10h, checkpoint: {{}},"
        f" restart_overhead: {of.restart}ms}}}}",
        down_up_ms=turns,
    )
    result = run(scenario, seed=1)
    (job,) = result.facts.jobs
    assert job.finished_ms is not None
    return result.facts.spent_micros["a"]


@pytest.mark.parametrize("restart_ms", [3 * MINUTE_MS, 12 * MINUTE_MS])
@pytest.mark.parametrize("policy", ["on_demand", "greedy", "uniform_progress", "omniscient"])
def test_a_run_costs_what_the_rules_make_it_cost(policy: str, restart_ms: int) -> None:
    of = course(UPS, restart_ms)
    ticks = cost_for_omniscient(of)[0] if policy == "omniscient" else cost_by_rules(policy, of)
    assert spent(policy, of) == ticks // 6
