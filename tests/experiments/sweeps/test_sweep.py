"""Sweeps: each run once, in whatever process, whatever dies meanwhile."""

import os
import signal
import subprocess
import sys
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from gpu_sim import load_scenario
from gpu_sim.core.kernel.clock import DAY_MS
from gpu_sim.core.kernel.quantities import Duration
from gpu_sim.core.scenario.experiment.sweep_settings import Value
from gpu_sim.core.scenario.recordings import Recording
from gpu_sim.core.scenario.scenario import Scenario
from gpu_sim.experiments.runs.policy_failed import PolicyFailed, RunImpossible
from gpu_sim.experiments.runs.run import run
from gpu_sim.experiments.sweeps.plan import sweep_plan
from gpu_sim.experiments.sweeps.processes import ATTEMPTS_MAX, Processes
from gpu_sim.experiments.sweeps.results_file import Row
from gpu_sim.experiments.sweeps.settings import Setting, SettingUnusable
from gpu_sim.experiments.sweeps.sweep import run_plan, sweep

from tests.experiments.runs.small_market import small_market

SMALL = small_market(
    "{name: a, policy: cheapest, jobs: {work: 2h, arrivals: {poisson: {every: 6h}}, checkpoint: {}}}", until="1d"
)
VARIED = {"renters.a.policy": ["cheapest", "most_reliable", "on_demand"]}


def _rows(scenario: Scenario, path: Path, executor: Executor, seeds: int = 4) -> list[Row]:
    with sweep(scenario, VARIED, seeds=seeds, results=path, executor=executor, jobs=1) as results:
        return list(results.file.rows())


def test_each_run_is_what_it_is_alone(tmp_path: Path) -> None:
    """By settings and seed, in processes of its own as in this one."""
    with sweep(SMALL, VARIED, seeds=3, jobs=2) as results:
        rows = list(results.rows())
        costs = results.values("total.cost_micros")
    assert [(row["renters.a.policy"], row["seed"]) for row in rows] == [
        (policy, seed) for policy in sorted(VARIED["renters.a.policy"]) for seed in (1, 2, 3)
    ]
    alone = [run(SMALL, seed=seed).metrics["total.cost_micros"] for seed in (1, 2, 3)]
    assert costs[0] == alone
    # The luck is the same for all: dearer GPUs cost more under each seed, for equal jobs arrive.
    assert all(dear > cheap for cheap, dear in zip(costs[0], costs[2], strict=True) if cheap and dear)


def test_what_is_there_is_not_run_again(tmp_path: Path) -> None:
    """A sweep that is tried again, or with more seeds, runs what is missing."""

    class Counting(ThreadPoolExecutor):
        tasks = 0

        def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def]  # as its base
            type(self).tasks += 1
            return super().submit(fn, *args, **kwargs)

    path = tmp_path / "r.db"
    with Counting(1) as executor:
        first = _rows(SMALL, path, executor)
        before = Counting.tasks
        assert _rows(SMALL, path, executor) == first
        assert Counting.tasks == before
        more = _rows(SMALL, path, executor, seeds=6)
    assert len(more) == 18
    assert [row for row in more if row.seed <= 4] == first


def test_the_baseline_may_be_a_trace() -> None:
    """As it may be the value of any other setting."""
    jobs = "{name: a, policy: cheapest, tick: 10m, jobs: {work: 2h, checkpoint: {}}}"
    traces = {
        name: Recording(Duration(DAY_MS), steps)
        for name, steps in (("steady", ((0, 1),)), ("broken", ((0, 1), (1_800_000, 0), (3_600_000, 1))))
    }
    plan = sweep_plan(small_market(jobs), traces=traces, baseline={"trace": "steady"}, seeds=2)
    with run_plan(plan, jobs=1) as results:
        _, difference = results.against_baseline("total.cost_usd")
    assert difference is not None
    # An hour and a half on demand, at 3 in place of 1.
    assert difference.mean == pytest.approx(3)
    with pytest.raises(SettingUnusable, match='the baseline "stedy" is none of its values'):
        sweep_plan(small_market(jobs), traces=traces, baseline={"trace": "stedy"})


def _killer(path: Path) -> str:
    """Kill this process the first time that it is called."""
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def _killed_always() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_what_a_dead_worker_took_along_is_submitted_anew(tmp_path: Path) -> None:
    """All tasks that it broke are done once, in the end."""
    with Processes(2) as processes:
        futures: list[Future[str]] = [processes.submit(_killer, tmp_path / "killed") for _ in range(6)]
        assert [future.result() for future in futures] == ["done"] * 6


def test_a_task_that_kills_its_process_each_time_is_given_up(tmp_path: Path) -> None:
    """After so many attempts, as the error that it is."""
    with Processes(1) as processes:
        error = processes.submit(_killed_always).exception()
    assert type(error).__name__ == "BrokenProcessPool"
    assert ATTEMPTS_MAX == 4


def test_a_policy_that_fails_in_a_process_is_told_as_here() -> None:
    """With the text that names it, and nothing is left running."""
    scenario = small_market("{name: a, policy: 'tests.experiments.sweeps.test_sweep:Raises', jobs: {work: 1h}}")
    with pytest.raises(PolicyFailed, match="of a/0 raised ValueError: no idea, 0 ms after the start"):
        sweep(scenario, {}, seeds=2, jobs=2)


class Raises:
    """A policy that has no idea."""

    def decide(self, seen: object, occasion: object) -> list[object]:
        """Raise."""
        raise ValueError("no idea")


_DRIVER = """
import sys
from tests.experiments.sweeps.test_sweep import SMALL, VARIED
from gpu_sim.experiments.sweeps.plan import sweep_plan
from gpu_sim.experiments.sweeps.settings import Setting
from gpu_sim.experiments.sweeps.sweep import run_plan
if __name__ == "__main__":
    plan = sweep_plan(SMALL, settings=[Setting(name, tuple(values)) for name, values in VARIED.items()], seeds=40)
    run_plan(plan, results=sys.argv[1], jobs=2, on_runs=lambda runs: print("more", flush=True))
"""


@pytest.mark.slow
def test_a_driver_that_is_killed_loses_no_run_and_doubles_none(tmp_path: Path) -> None:
    """The next one goes on from what is there, and comes to what one that nobody kills comes to."""
    script = tmp_path / "driver.py"
    script.write_text(_DRIVER)
    path = tmp_path / "r.db"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(["simulator", "."])}
    for _ in range(3):
        driver = subprocess.Popen(
            [sys.executable, str(script), str(path)], stdout=subprocess.PIPE, text=True, env=environment
        )
        assert driver.stdout is not None
        driver.stdout.readline()  # some results are there
        driver.kill()
        driver.communicate()
    with ThreadPoolExecutor(1) as executor:
        again = _rows(SMALL, path, executor, seeds=40)
        whole = _rows(SMALL, tmp_path / "whole.db", executor, seeds=40)
    assert again == whole
    assert len(whole) == 120


def test_the_scenarios_own_sweep_says_what_the_arguments_do_not() -> None:
    """Its settings, seeds and baseline; arguments win, one setting at a time."""
    plan = sweep_plan(load_scenario("cant-be-late"), seeds=2)
    assert [*plan.points[0].settings] == ["renters.job.policy", "renters.job.jobs.restart_overhead"]
    assert (len(plan.points), plan.seeds, plan.baseline) == (8, range(1, 3), {"renters.job.policy": "on_demand"})
    with pytest.raises(SettingUnusable, match="is none of its values"):
        sweep_plan(load_scenario("cant-be-late"), baseline={"renters.job.policy": "cheapest"})


def test_a_setting_takes_the_place_of_the_scenario_s_own_by_any_name_of_it() -> None:
    """By number where that has the name: one under the other would run what no row says."""
    given = [Setting("renters.0.policy", ("on_demand", "greedy"))]
    plan = sweep_plan(load_scenario("cant-be-late"), settings=given)
    assert [*plan.points[0].settings] == ["renters.0.policy", "renters.job.jobs.restart_overhead"]
    assert [point.scenario.renters[0].policy for point in plan.points] == ["on_demand"] * 2 + ["greedy"] * 2
    assert plan.baseline == {"renters.0.policy": "on_demand"}


def test_differences_are_from_the_combination_that_is_else_equal() -> None:
    """The baseline itself has none, and each overhead has its own."""
    plan = sweep_plan(load_scenario("cant-be-late"), seeds=2)
    with ThreadPoolExecutor(1) as executor, run_plan(plan, executor=executor, jobs=1) as results:
        values = results.values("total.cost_usd")
        against = results.against_baseline("total.cost_usd")
    assert [each is None for each in against] == [True, True, *[False] * 6]
    assert against[3] is not None
    differences = [mine - base for mine, base in zip(values[3], values[1], strict=True) if mine and base]
    assert against[3].mean == pytest.approx(sum(differences) / 2)


def test_the_results_of_a_policy_as_it_was_before_are_none_of_the_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once its source is another, its runs are made anew, and those alone are read, though both are in the file."""
    plan = sweep_plan(SMALL, seeds=2)
    path = tmp_path / "r.db"
    run_plan(plan, results=path, jobs=1).close()
    monkeypatch.setattr("gpu_sim.experiments.runs.run_key.policy_source", lambda _: "another")
    with run_plan(plan, results=path, jobs=1) as results:
        assert len(results.file) == 4
        assert [row["seed"] for row in results.rows()] == [1, 2]


def test_a_policy_that_fails_in_a_sweep_is_repeated_by_the_scenario_as_it_was_called() -> None:
    """A file is no scenario by the name that stands in it."""
    scenario = small_market("{name: a, policy: 'tests.experiments.sweeps.test_sweep:Raises', jobs: {work: 1h}}")
    plan = sweep_plan(scenario, called="folder/file.yaml")
    with pytest.raises(PolicyFailed, match=r"Repeat it: gpu-sim run folder/file\.yaml --seed 1"):
        run_plan(plan, jobs=1)


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["renters.a.tick", "renters.a.tick"], "renters.a.tick: it is given twice"),
        (["seed"], "seed: each combination runs under the seeds of the sweep"),
        (["sweep.seeds"], "sweep.seeds: the runs of a sweep are without its own settings"),
    ],
)
def test_a_setting_that_would_change_nothing_is_refused(names: list[str], says: str) -> None:
    with pytest.raises(SettingUnusable, match=says):
        sweep_plan(SMALL, settings=[Setting(name, (1, 2)) for name in names])


def test_seeds_that_results_cannot_keep_are_refused_before_any_run() -> None:
    with pytest.raises(RunImpossible, match="seed: the seeds of a sweep are from"):
        sweep_plan(SMALL, seed_first=2**63 - 2, seeds=2)
    assert sweep_plan(SMALL, seed_first=2**63 - 3, seeds=2).seeds[-1] == 2**63 - 2


@pytest.mark.parametrize(
    ("values", "says"),
    [([], "it has no values"), (["cheapest", "cheapest"], "has a value twice"), ([True, "true"], "has a value twice")],
)
def test_a_list_of_values_is_checked_as_a_text_of_them_is(values: list[Value], says: str) -> None:
    """Two combinations of the same texts would share their rows, and one of them would have none."""
    with pytest.raises(SettingUnusable, match=rf"renters\.a\.policy: .*{says}"):
        sweep(SMALL, {"renters.a.policy": values}, jobs=1)


def test_a_sweep_of_no_seeds_is_refused() -> None:
    with pytest.raises(RunImpossible, match="seeds: a sweep has at least 1 seed, not 0"):
        sweep(SMALL, seeds=0, jobs=1)
