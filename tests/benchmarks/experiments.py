"""Figures of experiments: `python tests/benchmarks/experiments.py [--runs 100]`.

Runs of a simulated week with 20 renters on the default market: the time of one, with what it goes to, and how much
faster two processes are than one.
"""

import argparse
import cProfile
import pstats
import resource
import time

from gpu_sim.core.scenario.experiment.renters import RenterSpec
from gpu_sim.core.scenario.scenario import Scenario
from gpu_sim.experiments.runs.run import run
from gpu_sim.experiments.sweeps.plan import sweep_plan
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


def week() -> Scenario:
    """The default market with 20 renters for a week."""
    return parse_scenario(RENTERS, origin="week", folder=None)


def _seconds_of_sweep(scenario: Scenario, runs: int, jobs: int) -> float:
    began = time.perf_counter()
    run_plan(sweep_plan(scenario, seeds=runs), jobs=jobs).close()
    return time.perf_counter() - began


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100, help="how many runs a sweep has")
    runs = parser.parse_args().runs
    scenario = week()
    assert sum(len(spec.accounts) for spec in scenario.renters if isinstance(spec, RenterSpec)) == 20
    profile = cProfile.Profile()
    profile.enable()
    result = run(scenario)
    profile.disable()
    print(f"one run: {len(result.facts.rentals)} rentals, {sum(1 for _ in result.journal())} lines")
    pstats.Stats(profile).sort_stats("tottime").print_stats(12)
    for _ in range(2):
        one, two = (_seconds_of_sweep(scenario, runs, jobs) for jobs in (1, 2))
        print(f"{runs} runs: {one / runs:.3f} s each in one process, {one / two:.2f} times as fast in two")
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB at most in this process")


if __name__ == "__main__":
    main()
