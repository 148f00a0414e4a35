"""`gpu-sim market`: a scenario's market run without a server and held against what was recorded of real ones."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

import click

from .cli_experiments import needs_extra, progress
from .cli_remote import CannotTry, DurationType
from .core.scenario import Scenario

_COLORS = {"held": "green", "missed": "red", "not shown": "bright_black"}
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.argument("scenario_name", metavar="SCENARIO")
@click.option("--days", type=click.IntRange(1, 3650), default=45, show_default=True, help="How long each run is.")
@click.option("--seeds", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many runs.")
@click.option("--seed-first", type=int, default=1, show_default=True, help="The seed of the first run.")
@click.option(
    "--trace",
    "traces",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A recorded trace to show beside, named …__<region><letter>_<gpu>_<gpus>.json; may be given again.",
)
@click.option(
    "--out", type=_FOLDER, metavar="DIR", help="Write market.html, which needs no other file, and PNGs there."
)
@click.option("--export", type=_FOLDER, metavar="DIR", help="Write what was observed there as traces, in seed-N.")
@click.option(
    "--gap", type=DurationType(), default="195s", show_default=True, metavar="DURATION", help="The tick of traces."
)
@click.option(
    "--observe-every",
    type=DurationType(),
    default="631s",
    show_default=True,
    metavar="DURATION",
    help="How often availability is looked at; what was seen is held until the next look.",
)
@click.option(
    "--fleets/--no-fleets",
    default=True,
    show_default=True,
    help="Whether to keep fleets on all offers; without, a run takes a tenth of the time and shows nothing of rentals.",
)
@click.option("--jobs", type=click.IntRange(1, 1024), help="How many processes; as many as cores unless given.")
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
@click.pass_context
def market(
    ctx: click.Context,
    scenario_name: str,
    days: int,
    seeds: int,
    seed_first: int,
    traces: tuple[Path, ...],
    out: Path | None,
    export: Path | None,
    gap: int,
    observe_every: int,
    fleets: bool,
    jobs: int | None,
    as_json: bool,
) -> None:
    """Run the market of SCENARIO without a server and hold it against real ones, statistic by statistic.

    Exit code 0: all that the scenario can show is within its tolerance, 1: some is not, 2: it could not be tried.
    """
    if gap < 1 or observe_every < 1:
        raise CannotTry("--gap and --observe-every are above 0s")
    with needs_extra("market"):
        from .experiments import many_seeds, validation
        from .experiments.observation import Recorder
        from .experiments.seed_run import Plan
    recorded = _read_recorded(traces)
    plan = Plan(_load(scenario_name), days, Recorder(gap, observe_every), export, fleets)
    each = range(seed_first, seed_first + seeds)
    try:
        for folder in (out, export):
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
        with progress(days * seeds, "days of a market") as on_days:
            runs = many_seeds.run_seeds(plan, each, jobs=jobs, on_days=on_days)
        rows = validation.judge(plan, runs, None if recorded is None else recorded.statistics)
        if out is not None:
            click.echo(f"{_write_page(out, plan, runs, rows, recorded)} is written", err=True)
    except OSError as error:
        raise CannotTry(f"{error.filename} cannot be written: {error.strerror}") from None
    if as_json:
        about = {"scenario": plan.scenario.name, "days": days, "seeds": [*each], "gap_ms": gap}
        told = about | {"observe_every_ms": observe_every, "rows": validation.as_json(rows)}
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        for line in _table(rows):
            click.echo(line)
    ctx.exit(1 if any(row.verdict == "missed" for row in rows) else 0)


def _load(name: str) -> Scenario:
    from .scenario_file import ScenarioError, load_scenario

    try:
        return load_scenario(name)
    except ScenarioError as error:
        raise CannotTry(str(error)) from None


def _read_recorded(files: tuple[Path, ...]) -> Any:
    from .experiments.recorded import read_recorded
    from .scenario_error import ScenarioError

    try:
        return read_recorded(files)
    except (ScenarioError, ValueError) as error:
        raise CannotTry(str(error)) from None


def _write_page(out: Path, plan: Any, runs: Any, rows: Any, recorded: Any) -> Path:
    with needs_extra("market"):
        from .experiments import page, plots
    return page.write_page(out, plan, [run.seed for run in runs], rows, plots.draw_all(plan, runs, recorded))


def _table(rows: Any) -> Iterator[str]:
    """The table in columns, the verdict last and in colour."""
    from .experiments.validation import column_names, columns, summary

    lines = [column_names(rows), *(columns(row, rows) for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]) - 1)]
    room = max(40, get_terminal_size().columns - sum(widths) - 2 * len(widths)) if sys.stdout.isatty() else 1_000
    for number, line in enumerate(lines):
        cells = "  ".join(f"{cell:<{width}}" for cell, width in zip(line[:-1], widths, strict=True))
        verdict = line[-1] if len(line[-1]) <= room else f"{line[-1][: room - 1]}…"
        color = _COLORS[rows[number - 1].verdict] if number else None
        yield f"{cells}  {click.style(verdict, fg=color)}"
    yield summary(rows)
