"""Can't Be Late against what its authors' simulator paid: `python -m tests.commands.studies.cant_be_late --help`.

The reference is a CSV with a row for each zone, window and overhead, and the costs of three policies; the traces are
the recordings that it was made from. Neither is shipped.
"""

import argparse
import csv
import sys
import time
from pathlib import Path

from gpu_sim import load_scenario
from gpu_sim.experiments.runs.run import run
from gpu_sim.experiments.sweeps.settings import Template, with_trace
from gpu_sim.scenario_files.recordings import read_trace_recording

from ...experiments.studies.cant_be_late_rules import HOUR_MS, Rules, cost_micros
from ...experiments.studies.cant_be_late_study import scenario_at, ups, window_at

COLUMNS: dict[Rules, str] = {
    "on_demand": "on_demand",
    "greedy": "strawman",
    "uniform_progress": "rc_cr_threshold",
}
"""The columns of the reference by our policies."""

WITHIN_USD = 0.10


def main() -> int:
    """Run all rows and print, for each policy, the largest differences; 0 where all are small enough."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reference", type=Path, required=True, help="the CSV of what the authors' simulator paid")
    parser.add_argument("--traces", type=Path, required=True, help="the folder of the traces, as JSON")
    parser.add_argument("--every", type=int, default=1, help="take each n-th row only")
    arguments = parser.parse_args()
    with arguments.reference.open() as file:
        rows = list(csv.DictReader(file))[:: arguments.every]
    recordings = {
        zone: read_trace_recording(next(arguments.traces.glob(f"*1-node*__{zone}.json")))
        for zone in sorted({row["zone_gpu"] for row in rows})
    }
    up = {zone: ups(recording) for zone, recording in recordings.items()}
    study = load_scenario("cant-be-late")
    templates = {zone: Template(with_trace(study, recording)) for zone, recording in recordings.items()}
    failed = False
    for policy, column in COLUMNS.items():
        from_reference, from_rules, paid = [0.0], [0], 0.0
        began = time.process_time()
        for row in rows:
            zone, begin = row["zone_gpu"], int(row["start_tick_195s_in_spot_traces"])
            overhead_ms = round(float(row["restart_overhead_h"]) * HOUR_MS)
            window = window_at(
                up[zone],
                begin,
                float(row["spot_usd_per_hour"]),
                overhead_ms,
                round(float(row["deadline_h"]) * HOUR_MS),
            )
            result = run(scenario_at(templates[zone], policy, begin, window))
            spent = result.facts.spent_micros["job"]
            paid += spent / 1_000_000
            from_reference.append(abs(spent / 1_000_000 - float(row[column])))
            from_rules.append(abs(spent - cost_micros(policy, window)))
        seconds = time.process_time() - began
        print(
            f"{policy:17} {len(rows)} rows, mean ${paid / len(rows):.3f}; at most ${max(from_reference):.6f} from the"
            f" reference, {max(from_rules)} micro-dollars from the rules; {seconds:.1f} CPU s"
        )
        failed = failed or max(from_reference) > WITHIN_USD or max(from_rules) > 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
