"""`gpu-sim sweep`: what it prints and writes, what it refuses, and how it goes on."""

import csv
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from gpu_sim import load_scenario, sweep
from gpu_sim.cli.main import main

FEW = "name: few\nextends: calm\nuntil: 3h\nrenters:\n  - {name: ann, policy: cheapest, jobs: {work: 2h}}\n"
SWEEP = (
    "sweep:\n  settings: {renters.ann.policy: [cheapest, most_reliable]}\n"
    "  seeds: 2\n  baseline: {renters.ann.policy: most_reliable}\n"
)


def write(folder: Path, text: str = FEW + SWEEP) -> Path:
    """A scenario of three hours on the calm market."""
    file = folder / "few.yaml"
    file.write_text(text)
    return file


def run(*arguments: object) -> Result:
    """The command in this process, with one worker."""
    return CliRunner().invoke(main, ["sweep", *map(str, arguments), "--jobs", "1"], catch_exceptions=False)


HOLDS = ("low-credit-jobs", "--seeds", 1, "--set", "renters.job.balance=50", "--set", "billing.hold_expiry=none")


def test_a_run_without_refusals_of_a_code_had_none_of_them(tmp_path: Path) -> None:
    """It counts in the mean, and the page has the metrics that are named."""
    refused, unseen = "total.refusals.insufficient_credit", "total.refusals.rate_limited"
    told = run(*HOLDS, "--metric", refused, "--metric", unseen, "--json", "--out", tmp_path)
    short, long = (row["metrics"] for row in json.loads(told.stdout)["combinations"])
    assert short[refused]["mean"] == short[unseen]["mean"] == long[unseen]["mean"] == 0
    assert long[refused]["mean"] > 0
    assert f"<h2>{refused}</h2>" in (tmp_path / "sweep.html").read_text()


@pytest.mark.parametrize(
    ("settings", "metric", "says"),
    [
        (["--set", "renters.job.count=2"], "renters.job-1.cost_usd", "results have the metrics of an entry of renters"),
        ([], "offers.spot|H200|here.cost_usd", "no run of this scenario has a metric"),
    ],
)
def test_a_metric_that_results_do_not_have_is_refused(settings: list[str], metric: str, says: str) -> None:
    """Before any run."""
    told = run("low-credit-jobs", "--seeds", 1, *settings, "--metric", metric)
    assert (told.exit_code, says in told.stderr) == (2, True)


def test_a_metric_of_what_nobody_rented_is_refused_after_the_runs(tmp_path: Path) -> None:
    """Runs have those of the providers that were rented or asked for, which nobody can know before."""
    told = run(write(tmp_path), "--metric", "providers.vast-ai.cost_usd")
    assert (told.exit_code, "in no run was anything rented or asked for there" in told.stderr) == (2, True)


def test_it_tells_means_differences_and_independent_runs_and_writes_each_run(tmp_path: Path) -> None:
    """As text, as JSON of the same runs out of the file, and as CSV."""
    kept, out = tmp_path / "r.db", tmp_path / "out"
    told = run(write(tmp_path), "--results", kept, "--metric", "total.cost_usd", "--out", out)
    assert told.exit_code == 0
    assert told.stdout.startswith("few: 2 combinations under 2 seeds; means ± 95 %\n")
    assert "over the baseline" in told.stdout
    with sweep(load_scenario(str(write(tmp_path))), results=kept, jobs=1) as results:
        rows = list(results.rows())
        costs, against = results.means("total.cost_usd"), results.against_baseline("total.cost_usd")
    document = json.loads(run(write(tmp_path), "--results", kept, "--metric", "total.cost_usd", "--json").stdout)
    first = document["combinations"][0]
    assert (first["settings"], document["seeds"]) == ({"renters.ann.policy": "cheapest"}, [1, 2])
    assert costs[0] is not None
    assert against[0] is not None
    assert first["metrics"]["total.cost_usd"]["mean"] == costs[0][0]
    assert first["metrics"]["total.cost_usd"]["over_baseline"]["mean"] == against[0].mean
    with (out / "results.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    assert [(row["renters.ann.policy"], row["seed"]) for row in written] == [
        (row["renters.ann.policy"], str(row["seed"])) for row in rows
    ]
    assert [float(row["total.cost_usd"]) for row in written] == [row["total.cost_usd"] for row in rows]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--set", "renters.ann.polcy=greedy"], 'did you mean "policy"'),
        (["--set", "renters.ann.policy"], "write it as name=value"),
        (["--metric", "total.cost_us"], 'did you mean "total.cost_usd"'),
        (["--baseline", "renters.ann.policy=greedy"], "is none of its values"),
        (["--set", "renters.ann.policy=nobody", "--baseline", "renters.ann.policy=nobody"], "nobody"),
        (["--parquet"], "--parquet goes with --out"),
        (["--search", "optuna"], "--search, --objective and --trials go together"),
        (["--maximize"], "--maximize goes with --search"),
        (["--search", "optuna", "--trials", "1", "--objective", "x", "--json"], "--search goes with --set"),
    ],
)
def test_what_cannot_be_tried_is_refused_before_anything_is_run(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    """By the option that says it, with exit code 2 and no result."""
    refused = run(write(tmp_path), "--results", tmp_path / "r.db", *arguments)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert said in refused.stderr


def test_results_of_another_scenario_are_refused_untouched(tmp_path: Path) -> None:
    """To the byte, with the file's name."""
    kept = tmp_path / "r.db"
    run(write(tmp_path), "--results", kept)
    before = kept.read_bytes()
    refused = run(write(tmp_path, FEW.replace("2h", "1h") + SWEEP), "--results", kept)
    assert (refused.exit_code, kept.read_bytes()) == (2, before)
    assert f"--results {kept}: its results are of scenario" in refused.stderr


def test_what_ctrl_c_breaks_off_is_kept_and_goes_on(tmp_path: Path) -> None:
    """Exit code 130, a line that says how; the same command then has each run once."""
    kept, file = tmp_path / "r.db", write(tmp_path, FEW.replace("3h", "7d"))
    # By far more runs than are made before the signal comes.
    command = [sys.executable, "-m", "gpu_sim", "sweep", str(file), "--seeds", "100000", "--jobs", "2"]
    process = subprocess.Popen(
        [*command, "--results", str(kept)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": "simulator"},
    )
    try:
        while not (count := _runs_in(kept)):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, told = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, out) == (130, "")
    there = _seeds_in(kept)
    said = re.search(r"broken off; (\d+) of 100000 runs are in (.*): the same command goes on there", told)
    assert said is not None, told
    # The signal may come after a result was written and before it was counted.
    assert count <= len(there)
    assert int(said[1]) <= len(there)
    assert said[2] == str(kept)
    again = run(file, "--seeds", 2, "--results", kept)
    assert (again.exit_code, _seeds_in(kept)) == (0, there | {1, 2})


def _runs_in(path: Path) -> int:
    """The number of runs in a file of results."""
    return len(_seeds_in(path))


def _seeds_in(path: Path) -> set[int]:
    """The seeds of the runs in a file of results, from beside whoever writes it; none before it is one."""
    if not path.exists():
        return set()
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return {seed for (seed,) in database.execute("SELECT seed FROM runs")}
    except sqlite3.OperationalError:
        return set()
    finally:
        database.close()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["--baseline", "renters.ann.policy=cheapest,most_reliable"],
            "--baseline renters.ann.policy: the baseline has",
        ),
        (["--baseline", "a=1", "--baseline", "a=2"], "--baseline a: the baseline has one value"),
        (["--set", "renters.ann.gpus=1", "--set", "renters.ann.gpus=2"], "--set renters.ann.gpus: it is given twice"),
        (["--set", "seed=1,2"], "--set seed: each combination runs under the seeds of the sweep"),
        (["--seed-first", str(2**63)], "seed: the seeds of a sweep are from"),
        (["--out", "/proc/nowhere"], "--out /proc/nowhere: No such file or directory"),
        (["--trace", "a/same.json", "--trace", "b/same.json"], "--trace same.json: two traces of this name"),
    ],
)
def test_what_would_be_passed_over_or_lost_is_refused_before_any_run(
    tmp_path: Path, arguments: list[str], says: str
) -> None:
    """Nothing is kept of what could not be told or written."""
    kept = tmp_path / "r.db"
    refused = run(write(tmp_path), "--results", kept, *arguments)
    assert refused.exit_code == 2
    assert says in refused.stderr
    assert not kept.exists()
