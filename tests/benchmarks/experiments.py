"""Figures of experiments: `python tests/benchmarks/experiments.py [--runs 100] [--dask]`.

Runs of a simulated week with 20 renters on the default market: the time of one, with what it goes to, how much faster
two processes are than one, beside two busy loops on this machine, and what they cost through a Dask cluster.
"""

import argparse
import cProfile
import pstats
import resource
import time
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import get_context
from statistics import median

from gpu_sim.core.scenario.experiment.renters import RenterSpec
from gpu_sim.core.scenario.scenario import Scenario
from gpu_sim.experiments.runs.run import run
from gpu_sim.experiments.sweeps.cluster import cluster_of
from gpu_sim.experiments.sweeps.plan import sweep_plan
from gpu_sim.experiments.sweeps.processes import Processes
from gpu_sim.experiments.sweeps.sweep import run_plan
from gpu_sim.scenario_files.load import parse_scenario

RENTERS = """
scenario: 1
name: week
extends: default
until: 7d
renters:
  - name: trainer
    count: 14
    jobs: {work: 2h, arrivals: {poisson: {every: 12h}}, restart_overhead: 2m, checkpoint: {every: 20m, cost: 30s}}
  - {name: web, count: 6, policy: most_reliable, service: {replicas: 2, cold_start: 2m}}
"""


PROCESSES = 2
ROUNDS = 3
LOOP = 30_000_000


def week() -> Scenario:
    """The default market with 20 renters for a week."""
    return parse_scenario(RENTERS, origin="week", folder=None)


def _seconds_of_sweep(scenario: Scenario, runs: int, executor: Executor | None) -> float:
    began = time.perf_counter()
    run_plan(sweep_plan(scenario, seeds=runs), executor=executor, jobs=1 if executor is None else PROCESSES).close()
    return time.perf_counter() - began


def _loop(rounds: int) -> float:
    """The seconds that a busy loop takes."""
    began, total = time.perf_counter(), 0
    for number in range(rounds):
        total += number * number
    return time.perf_counter() - began


def _machine() -> float:
    """How much more two processes get done than one where they share nothing: at most 2, less on shared cores."""
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        one, two = (list(pool.map(_loop, [LOOP] * number)) for number in (1, PROCESSES))
    return PROCESSES * one[0] / max(two)


def _against_dask(scenario: Scenario, runs: int) -> None:
    """Print what a sweep takes on a cluster of as many workers, over what it takes in processes, both warm.

    The cluster is without Dask's own sampling profiler, which costs up to a third of a worker's time.
    """
    from dask import config  # noqa: PLC0415  # it is of an extra
    from distributed import LocalCluster  # noqa: PLC0415  # likewise

    config.set({"distributed.worker.profile.enabled": False})

    with LocalCluster(
        n_workers=PROCESSES, threads_per_worker=1, host="127.0.0.1", scheduler_port=0, dashboard_address=None
    ) as cluster:
        processes = Processes(PROCESSES)
        try:
            with cluster_of(cluster.scheduler_address) as dask:
                ratios = []
                for _ in range(1 + ROUNDS):
                    ours, theirs = (_seconds_of_sweep(scenario, runs, each) for each in (processes, dask))
                    ratios.append(theirs / ours)
        finally:
            processes.shutdown()
    warm = ratios[1:]
    print(f"Dask: {median(warm):.2f} of the time in processes ({', '.join(f'{each:.2f}' for each in warm)})")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100, help="how many runs a sweep has")
    parser.add_argument("--dask", action="store_true", help="measure a Dask cluster beside processes, nothing else")
    arguments = parser.parse_args()
    runs = arguments.runs
    scenario = week()
    assert sum(len(spec.accounts) for spec in scenario.renters if isinstance(spec, RenterSpec)) == 20
    if arguments.dask:
        _against_dask(scenario, runs)
        return
    profile = cProfile.Profile()
    profile.enable()
    result = run(scenario)
    profile.disable()
    print(f"one run: {len(result.facts.rentals)} rentals, {sum(1 for _ in result.journal())} lines")
    pstats.Stats(profile).sort_stats("tottime").print_stats(12)
    processes = Processes(PROCESSES)
    try:
        _seconds_of_sweep(scenario, PROCESSES, processes)  # so that both have loaded everything
        for _ in range(ROUNDS):
            machine = _machine()
            one, two = (_seconds_of_sweep(scenario, runs, each) for each in (None, processes))
            print(
                f"{runs} runs: {one / runs:.3f} s each in one process, {one / two:.2f} times as fast in two; two busy"
                f" loops here: {machine:.2f}"
            )
    finally:
        processes.shutdown()
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB at most in this process")


if __name__ == "__main__":
    main()
