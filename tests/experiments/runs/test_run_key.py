"""The key of a run: what makes another run of it, and what does not."""

from gpu_sim.core.kernel.quantities import Bound
from gpu_sim.core.scenario.distributions import fixed
from gpu_sim.core.scenario.experiment.expectation import Expectation
from gpu_sim.core.scenario.experiment.renters import JobSpec, RenterSpec
from gpu_sim.core.scenario.experiment.sweep_settings import SweepSettings
from gpu_sim.core.scenario.scenario import AccountSpec
from gpu_sim.experiments.runs.run_key import run_key
from msgspec.structs import replace

from ...support.builders import HOUR, scenario

ANN = RenterSpec(name="ann", jobs=JobSpec(work=fixed(HOUR)))
ONE = scenario(renters=(ANN,), accounts=(AccountSpec("alice", "si_a"),))
KEY = run_key(ONE, {}, 1)


def test_another_policy_seed_setting_or_comparison_is_another_run() -> None:
    judged = (Expectation(metric="total.cost_usd", at_most=Bound(1)),)
    others = (
        run_key(replace(ONE, renters=(replace(ANN, policy="greedy"),)), {}, 1),
        run_key(ONE, {}, 2),
        run_key(ONE, {"seed": "2"}, 1),
        run_key(replace(ONE, expect=judged), {}, 1),
    )
    assert len({KEY, *others}) == 5


def test_what_people_read_tokens_and_more_seeds_of_a_sweep_make_no_other_run() -> None:
    told = replace(ONE, description="A try.", expect="All is well.", sweep=SweepSettings(seeds=50))
    assert run_key(replace(told, accounts=(AccountSpec("alice", "si_b"),)), {}, 1) == KEY
