"""Sweeps with what extras bring: frames, Parquet, a search, a notebook. Slow, for the first tier is without them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from gpu_sim.experiments.sweeps.search import search_settings
from gpu_sim.experiments.sweeps.settings import Setting
from gpu_sim.experiments.sweeps.sweep import sweep

from tests.experiments.sweeps.test_sweep import SMALL, VARIED

pytestmark = pytest.mark.slow


def test_frames_have_the_rows_of_the_results(tmp_path: Path) -> None:
    """Those of pandas, of Polars and of a Parquet file."""
    import polars  # noqa: PLC0415  # the first tier collects this file without it

    with sweep(SMALL, VARIED, seeds=2, jobs=1) as results:
        rows = list(results.rows())
        results.write_parquet(tmp_path / "r.parquet")
        frames = [results.to_polars(), polars.read_parquet(tmp_path / "r.parquet")]
        of_pandas = results.to_pandas()
    # A metric that only some runs have, such as refusals by code, is null in the others.
    columns = dict.fromkeys(name for row in rows for name in row)
    for frame in frames:
        assert frame.to_dicts() == [columns | row for row in rows]
    for name in ("renters.a.policy", "seed", "total.cost_usd"):
        assert of_pandas[name].tolist() == [row[name] for row in rows]


def test_a_search_goes_the_same_way_each_time_and_its_trials_are_runs_of_a_sweep(tmp_path: Path) -> None:
    """Rows of the file of results, with the mean that the sweep finds."""
    policies = Setting("renters.a.policy", tuple(VARIED["renters.a.policy"]))
    path = tmp_path / "r.db"
    found, again = (
        search_settings(SMALL, [policies], objective="total.cost_usd", trials=6, seeds=2, results=path, jobs=1)
        for _ in range(2)
    )
    assert found == again
    assert len(found) == 6
    assert len({each.settings["renters.a.policy"] for each in found}) > 1
    with sweep(SMALL, VARIED, seeds=2, results=path, jobs=1) as results:
        means = results.means("total.cost_usd")
        points = results.plan.points
    swept = {point.settings["renters.a.policy"]: mean[0] for point, mean in zip(points, means, strict=True) if mean}
    assert [each.mean for each in found] == [swept[each.settings["renters.a.policy"]] for each in found]


_NOTEBOOK = """
import marimo

app = marimo.App()


@app.cell
def _():
    from gpu_sim import load_scenario, sweep

    return load_scenario, sweep


@app.cell
def _(load_scenario, sweep):
    results = sweep(load_scenario("cant-be-late"), {"renters.job.policy": ["greedy", "on_demand"]}, seeds=1, jobs=1)
    frame = results.to_polars()
    print(*frame["renters.job.policy"], frame["total.cost_usd"].min() > 0)
    return


if __name__ == "__main__":
    app.run()
"""


def test_a_notebook_of_marimo_runs_as_a_program(tmp_path: Path) -> None:
    """From a scenario to a frame in three lines."""
    notebook = tmp_path / "notebook.py"
    notebook.write_text(_NOTEBOOK)
    environment = os.environ | {"PYTHONPATH": str(Path("simulator").resolve())}
    ran = subprocess.run([sys.executable, str(notebook)], capture_output=True, text=True, check=False, env=environment)
    assert (ran.returncode, ran.stdout) == (0, "greedy on_demand greedy on_demand True\n"), ran.stderr
