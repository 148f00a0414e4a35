"""SpotHedge on recorded zones: `python -m tests.commands.studies.spot_hedge --help`. The traces are not shipped."""

import argparse
import sys
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev

from gpu_sim import load_scenario
from gpu_sim.experiments.runs.run import run
from gpu_sim.experiments.sweeps.settings import Template

from .recorded_zones import on_traces

POLICIES = ("even_spread", "round_robin", "spot_hedge")


def main() -> int:
    """Run all windows under each policy and print the means with their 95 % intervals; 0 where their order holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=Path, required=True, help="the folder of the traces, as JSON")
    parser.add_argument("--windows", type=int, default=40, help="how many windows of 24 hours")
    arguments = parser.parse_args()
    study = load_scenario("spot-hedge")
    in_order = True
    for nodes in ("1-node", "16-node"):
        traces = sorted(arguments.traces.glob(f"*__{nodes}__*.json"))
        template = Template(on_traces(study, traces))
        print(f"{len(traces)} zones, {nodes}, {arguments.windows} windows")
        before = 0.0
        for policy in POLICIES:
            scenario = template.under({"renters.service.policy": policy})
            rows = [run(scenario, seed=seed).metrics for seed in range(1, arguments.windows + 1)]
            ready = [100 * float(row["renters.service.availability"] or 0) for row in rows]
            cost = [100 * float(row["renters.service.cost_over_needed"] or 0) for row in rows]
            wide = 1.96 * stdev(ready) / sqrt(len(ready))
            print(
                f"  {policy:12} availability {fmean(ready):6.2f} ± {wide:.2f} %, standard deviation"
                f" {stdev(ready):.1f}, cost {fmean(cost):.1f} %"
            )
            in_order, before = in_order and fmean(ready) > before, fmean(ready)
    return int(not in_order)


if __name__ == "__main__":
    sys.exit(main())
