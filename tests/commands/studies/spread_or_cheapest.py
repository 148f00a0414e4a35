"""Spread or cheapest on recorded zones: `python -m tests.commands.studies.spread_or_cheapest --help`.

The zones of each set are ours: the publication names their number and that of their regions.
"""

import argparse
import sys
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev

from gpu_sim import load_scenario
from gpu_sim.experiments.runs.run import run
from gpu_sim.experiments.sweeps.settings import Template

from .recorded_zones import on_traces

SETS = {
    "two zones of one region": (("us-east-1a", "us-east-1c"), 135.77),
    "three zones": (("us-east-1a", "us-east-1c", "us-east-1d"), 127.23),
    "two regions": (("us-east-1f", "us-east-2a"), 62.57),
    "three regions": (("us-east-1f", "us-east-2a", "us-west-2a"), 67.15),
    "five zones": (("us-east-1f", "us-east-2a", "us-east-2b", "us-west-2a", "us-west-2b"), 52.41),
    "all nine": (
        (
            *("us-east-1a", "us-east-1c", "us-east-1d", "us-east-1f", "us-east-2a"),
            *("us-east-2b", "us-west-2a", "us-west-2b", "us-west-2c"),
        ),
        47.99,
    ),
}
"""Zones, and what was published for that many, in dollars."""


def main() -> int:
    """Run all windows on each set and on each zone alone; 0 where more of the same zones never cost more."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=Path, required=True, help="the folder of the traces, as JSON")
    parser.add_argument("--windows", type=int, default=34, help="how many windows of 52 hours")
    arguments = parser.parse_args()
    study = Template(load_scenario("spread-or-cheapest")).under({"renters.job.offers.provider": "one-region"})

    def costs(*zones: str) -> list[float]:
        traces = [next(arguments.traces.glob(f"*__1-node__*__{zone}_*.json")) for zone in zones]
        scenario = on_traces(study, traces)
        rows = (run(scenario, seed=seed).metrics for seed in range(1, arguments.windows + 1))
        return [float(row["total.cost_usd"] or 0) for row in rows]

    alone = {zone: costs(zone) for zone in SETS["all nine"][0]}
    for zone, paid in alone.items():
        print(f"{zone:24} ${fmean(paid):.2f}")
    is_so = True
    for name, (zones, published) in SETS.items():
        paid = costs(*zones)
        wide = 1.96 * stdev(paid) / sqrt(len(paid))
        best = min(fmean(alone[zone]) for zone in zones)
        print(f"{name:24} ${fmean(paid):.2f} ± {wide:.2f}, the best of them alone ${best:.2f}, published ${published}")
        is_so = is_so and fmean(paid) <= best
    return int(not is_so)


if __name__ == "__main__":
    sys.exit(main())
