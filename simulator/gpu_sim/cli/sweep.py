"""`gpu-sim sweep`: a scenario's renters under many settings and seeds, and what differs between them."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from ..exit_signals import ExitSignals
from .exit_codes import CannotTry
from .lines import echo, print_lines
from .options import FILE, FOLDER, TRACE, json_option
from .progress import needs_extra, progress
from .scenarios import load_scenario_or_end

if TYPE_CHECKING:
    from ..core.scenario.experiment.sweep_settings import Value
    from ..core.scenario.scenario import Scenario
    from ..experiments.sweeps.plan import SweepPlan
    from ..experiments.sweeps.results import SweepResults
    from ..experiments.sweeps.settings import Setting


@click.command()
@click.argument("scenario_name", metavar="SCENARIO")
@click.option(
    "--set",
    "written",
    multiple=True,
    metavar="NAME=VALUES",
    help="Values of a setting by its dotted name: `renters.0.policy=cheapest,spot_hedge`, "
    "`market.interruptions.shared=0..1:5`. May be given again; wins over the scenario's `sweep`.",
)
@click.option("--seeds", type=click.IntRange(1, 1_000_000), help="How many seeds each combination is run under.")
@click.option("--seed-first", type=int, help="The first seed; the scenario's own unless given.")
@click.option("--baseline", "base", multiple=True, metavar="NAME=VALUE", help="What the others are compared with.")
@click.option("--trials", type=click.IntRange(1, 1_000_000), help="Draw so many combinations in place of all.")
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME",
    help="A metric to print and for the page; again for more.",
)
@click.option("--search", type=click.Choice(["optuna"]), help="Search for the best settings; needs --objective.")
@click.option("--objective", metavar="METRIC", help="The metric that a search makes least.")
@click.option("--maximize", is_flag=True, help="Let the search make it most.")
@click.option(
    "--trace",
    "traces",
    multiple=True,
    type=TRACE,
    metavar="FILE",
    help="A recorded trace that the first "
    "recording of the scenario's `market.replay.availability` is replaced by; may be given again.",
)
@click.option(
    "--results", type=FILE, metavar="FILE", help="The file that results are kept in: what is there is not run again."
)
@click.option(
    "--out", type=FOLDER, metavar="DIR", help="Write sweep.html, which needs no other file, and results.csv there."
)
@click.option("--parquet", is_flag=True, help="Write results.parquet there too; needs the extra frames.")
@click.option("--jobs", type=click.IntRange(1, 1024), help="How many processes; as many as cores unless given.")
@click.option(
    "--dask", metavar="ADDRESS", help="The scheduler of a Dask cluster that runs it; needs the extra cluster."
)
@json_option("Print the means and differences as JSON.")
@click.pass_context
def sweep(
    ctx: click.Context,
    scenario_name: str,
    written: tuple[str, ...],
    seeds: int | None,
    seed_first: int | None,
    base: tuple[str, ...],
    trials: int | None,
    metrics: tuple[str, ...],
    search: str | None,
    objective: str | None,
    maximize: bool,
    traces: tuple[Path, ...],
    results: Path | None,
    out: Path | None,
    parquet: bool,
    jobs: int | None,
    dask: str | None,
    as_json: bool,
) -> None:
    """Run the renters of SCENARIO under every combination of settings and every seed, all under the same luck.

    Exit code 0: all runs are there, 2: it could not be tried. What ^C breaks off goes on by the same command with the
    same --results.
    """
    from ..experiments.sweeps.settings import parse_setting

    if (search is None) != (objective is None) or (search is not None and trials is None):
        raise CannotTry("--search, --objective and --trials go together")
    if search is not None and (seed_first is not None or base or metrics or traces or out or dask or as_json):
        raise CannotTry("--search goes with --set, --seeds, --maximize, --results and --jobs alone")
    if maximize and search is None:
        raise CannotTry("--maximize goes with --search")
    if parquet and out is None:
        raise CannotTry("--parquet goes with --out")
    scenario = load_scenario_or_end(scenario_name)
    with _told():
        settings = [parse_setting(each) for each in written]
        if objective is not None:
            _search(
                ctx, scenario, settings, _Search(objective, trials or 1, maximize, seeds, results, jobs, scenario_name)
            )
            return
        plan = _plan(scenario, settings, base, seeds, seed_first, trials, traces, scenario_name)
        _check_metrics(plan, metrics)
        if out is not None:
            _check_out(out, parquet=parquet)
        swept = _swept(ctx, plan, results, jobs, dask)
        _tell(swept, metrics, as_json=as_json)
        if out is not None:
            _write(swept, out, metrics, parquet=parquet)
        swept.close()


class _Search(NamedTuple):
    """The options of a search."""

    objective: str
    trials: int
    maximize: bool
    seeds: int | None
    results: Path | None
    jobs: int | None
    called: str


@contextmanager
def _told() -> Iterator[None]:
    """Raises CannotTry in place of what keeps a sweep from being tried."""
    from ..experiments.policies.problems import PolicyNotFound, PolicyUnfit
    from ..experiments.runs.policy_failed import PolicyFailed, RunImpossible
    from ..experiments.sweeps.cluster import ClusterUnreachable
    from ..experiments.sweeps.results_file import ResultsUnusable
    from ..experiments.sweeps.settings import SettingUnusable
    from ..scenario_files.problems import ScenarioError

    try:
        yield
    except SettingUnusable as error:
        raise CannotTry(f"--set {error}") from None
    except ResultsUnusable as error:
        raise CannotTry(f"--results {error}") from None
    except ClusterUnreachable as error:
        raise CannotTry(f"--dask {error}") from None
    except ScenarioError as error:
        raise CannotTry(f"--trace {error}") from None
    except (RunImpossible, PolicyFailed, PolicyNotFound, PolicyUnfit) as error:
        raise CannotTry(str(error)) from None


def _plan(
    scenario: "Scenario",
    settings: "Sequence[Setting]",
    base: Sequence[str],
    seeds: int | None,
    seed_first: int | None,
    trials: int | None,
    traces: Sequence[Path],
    called: str,
) -> "SweepPlan":
    from ..experiments.sweeps.plan import sweep_plan
    from ..experiments.sweeps.settings import parse_setting
    from ..scenario_files.recordings import read_trace_recording

    baseline: dict[str, Value] = {}
    for name, values in map(parse_setting, base):
        if len(values) > 1 or name in baseline:
            raise CannotTry(f"--baseline {name}: the baseline has one value of a setting, not several")
        baseline[name] = values[0]
    names = [file.name for file in traces]
    for name in names:
        if names.count(name) > 1:
            raise CannotTry(f"--trace {name}: two traces of this name could not be told apart in the results")
    return sweep_plan(
        scenario,
        settings=settings,
        seeds=seeds,
        seed_first=seed_first,
        baseline=baseline or None,
        trials=trials,
        traces={file.name: read_trace_recording(file) for file in traces},
        called=called,
    )


def _check_metrics(plan: "SweepPlan", metrics: Sequence[str]) -> None:
    """Raises CannotTry for a metric that no run has, before any run is made."""
    from ..experiments.runs.judgement.metric_names import metric_name

    for name in metrics:
        problem: object = None
        for point in plan.points:
            found = metric_name(point.scenario, name)
            if isinstance(found, str):
                problem = found
                continue
            several = (f"renters.{spec.name}" for spec in point.scenario.renters if name.startswith("renters."))
            if found.about in several or not name.startswith("renters."):
                break
            problem = f"{name}: results have the metrics of an entry of renters, and not of each that its count makes"
        else:
            raise CannotTry(f"--metric {problem}")


def _check_out(folder: Path, *, parquet: bool) -> None:
    """Raises CannotTry where nothing could be written, before any run is made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotTry(f"--out {error.filename}: {error.strerror}") from None
    if parquet:
        with needs_extra("sweep --parquet", "frames"):
            import polars  # noqa: F401  # only whether it is there


def _swept(
    ctx: click.Context, plan: "SweepPlan", results: Path | None, jobs: int | None, dask: str | None
) -> "SweepResults":
    """The results of the plan, as far as the signals of this process let it come."""
    from ..experiments.sweeps.cluster import cluster_of
    from ..experiments.sweeps.sweep import run_plan

    signals = ctx.ensure_object(ExitSignals)
    total = len(plan.points) * len(plan.seeds)
    where = "kept nowhere: give --results FILE" if results is None else f"in {results}: the same command goes on there"
    there = 0
    with needs_extra("sweep --dask", "cluster"), cluster_of(dask) as executor, progress(total, "runs") as step:

        def more(runs: int) -> None:
            nonlocal there
            there += runs
            signals.message = f"broken off; {there} of {total} runs are {where}"
            step(runs)

        more(0)
        # With a cluster as many tasks are under way as would keep this machine busy several times over.
        workers = jobs or (os.cpu_count() or 1) * (1 if executor is None else 8)
        return run_plan(plan, results=results or ":memory:", executor=executor, jobs=workers, on_runs=more)


def _search(ctx: click.Context, scenario: "Scenario", settings: "list[Setting]", wanted: _Search) -> None:
    from .tables.sweep_lines import search_lines

    with needs_extra("sweep --search", "search"), progress(wanted.trials, "trials") as step:
        from ..experiments.sweeps.search import search_settings

        try:
            found = search_settings(
                scenario,
                settings,
                objective=wanted.objective,
                trials=wanted.trials,
                maximize=wanted.maximize,
                seeds=wanted.seeds,
                results=wanted.results or ":memory:",
                jobs=wanted.jobs,
                on_trial=step,
                called=wanted.called,
            )
        except KeyError:
            raise CannotTry(f"--objective {wanted.objective}: runs of this scenario have no such metric") from None
    print_lines(search_lines(found, wanted.objective, maximize=wanted.maximize))


def _tell(swept: "SweepResults", metrics: Sequence[str], *, as_json: bool) -> None:
    """Print the means and differences. Raises CannotTry for a metric that no run has."""
    from ..experiments.runs.metric_table import REFUSALS
    from .tables.sweep_lines import sweep_document, sweep_lines, usual_metrics

    known = swept.metric_names()
    # Of providers and offers a run has those that were rented or asked for, which shows only now.
    for name in metrics:
        if name not in known and f".{REFUSALS}" not in name:
            raise CannotTry(f"--metric {name}: in no run was anything rented or asked for there")
    shown = list(metrics) or usual_metrics(known)
    if as_json:
        echo(json.dumps(sweep_document(swept, shown), indent=2))
    else:
        print_lines(sweep_lines(swept, shown))


def _write(swept: "SweepResults", folder: Path, metrics: Sequence[str], *, parquet: bool) -> None:
    """The table of all runs, and the page."""
    from ..experiments.report.sweep_page import write_sweep_page
    from ..output_file import write_file

    table = StringIO()
    swept.write_csv(table)
    try:
        page = write_sweep_page(swept, folder, metrics=metrics)
        write_file(folder / "results.csv", table.getvalue().encode())
        if parquet:
            with needs_extra("sweep --parquet", "frames"):
                swept.write_parquet(folder / "results.parquet")
    except OSError as error:
        raise CannotTry(f"--out {error.filename}: {error.strerror}") from None
    echo(f"{page} is written", err=True)
