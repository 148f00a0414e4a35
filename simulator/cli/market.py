"""`gpu-sim market`: a scenario's market run without a server and held against what was recorded of real ones."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

import click
from click.core import ParameterSource

from ..core.scenario import Scenario
from .exit_codes import CannotTry
from .options import DurationType
from .progress import needs_extra, progress

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
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A recorded trace, named …__<region><letter>_<gpu>_<gpus>.json; may be given again. The market plays its zone "
    "too, and what comes out is held against what was recorded.",
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
    help="How often availability is looked at; what was seen is held until the next look. Zones of "
    "traces are looked at as often as their recorder did, which is found from them unless given.",
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
        from ..experiments import table, validation
        from ..experiments.observation import Recorder
        from ..experiments.seed_run import Plan
    recorded = _read_recorded(traces)
    plan = Plan(_load(scenario_name), days, Recorder(gap, observe_every), _made("--export", export), fleets)
    is_told = ctx.get_parameter_source("observe_every") is not ParameterSource.DEFAULT
    markets = _markets_of(plan, recorded, observe_every / 1000 if is_told else None)
    _made("--out", out)
    try:
        runs, beside = _run(plan, markets, range(seed_first, seed_first + seeds), jobs)
        rows = validation.judge(plan, runs, None if recorded is None else recorded.statistics, beside)
        if out is not None:
            click.echo(f"{_write_page(out, plan, runs, rows, recorded, beside)} is written", err=True)
    except OSError as error:
        raise CannotTry(f"{error.filename} cannot be written: {error.strerror}") from None
    if as_json:
        about = {"scenario": plan.scenario.name, "days": days, "seeds": [run.seed for run in runs], "gap_ms": gap}
        told = about | {"observe_every_ms": observe_every} | _about_zones(beside) | {"rows": table.as_json(rows)}
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        for line in (*_table(rows), *([beside.why] if beside.why else [])):
            click.echo(line)
    ctx.exit(1 if any(row.verdict == "missed" for row in rows) else 0)


def _made(option: str, folder: Path | None) -> Path | None:
    """The folder that an option names, made if need be."""
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotTry(f"{option} {folder} cannot be written: {error.strerror}") from None
    return folder


def _run(plan: Any, markets: Any, seeds: range, jobs: int | None) -> Any:
    """The runs of the scenario's own offers, and those of recorded zones and fleets."""
    from ..experiments.many_seeds import run_seeds
    from ..experiments.trace_market import Beside, Played

    with progress((plan.days + markets.days) * len(seeds), "days of a market") as on_days:

        def run(each: Any) -> Any:
            return run_seeds(each, seeds, jobs=jobs, on_days=on_days)

        own = run(plan)
        zones = None if markets.zones is None else Played(markets.zones, run(markets.zones.plan))
        fleets = tuple(Played(each, run(each.plan)) for each in markets.fleets)
    return own, Beside(zones, fleets, markets.why)


def _markets_of(plan: Any, recorded: Any, look_seconds: float | None) -> Any:
    """The markets of recorded zones and fleets."""
    from ..core.calibration import CannotCalibrate
    from ..experiments.trace_market import play_recorded

    export = None if plan.export is None else plan.export / "played"
    try:
        return play_recorded(plan.scenario, recorded, look_seconds, fleets=plan.fleets, export=export)
    except (ValueError, CannotCalibrate) as error:
        others = "" if len(recorded.zones) < 2 else "; without this trace the others can be played"
        raise CannotTry(f"--trace: {error}{others}") from None


def _about_zones(beside: Any) -> dict[str, object]:
    """What was made of recorded zones, for programs."""
    left_out = {"not_played": beside.why} if beside.why else {}
    if beside.zones is None:
        return left_out
    plan = beside.zones.market.plan
    looked = {"gap_ms": plan.looked.gap_ms, "observe_every_ms": plan.looked.observe_every_ms}
    return {"played": {"zones": [str(zone) for zone in plan.zones], "ticks": plan.ticks} | looked} | left_out


def _load(name: str) -> Scenario:
    from ..scenario_file import ScenarioError, load_scenario

    try:
        return load_scenario(name)
    except ScenarioError as error:
        raise CannotTry(str(error)) from None


def _read_recorded(files: tuple[Path, ...]) -> Any:
    from ..core.names import did_you_mean
    from ..experiments.recorded import read_recorded
    from ..scenario_error import ScenarioError

    for file in files:
        if file.is_dir():
            raise CannotTry(f"--trace {file}: this is a folder; name its files, with a --trace for each")
        if not file.is_file():
            beside = [each.name for each in file.parent.glob("*.json")]
            raise CannotTry(f"--trace {file}: there is no such file{did_you_mean(file.name, beside)}")
    try:
        return read_recorded(files)
    except (ScenarioError, ValueError) as error:
        raise CannotTry(f"--trace {error}" if isinstance(error, ScenarioError) else f"--trace: {error}") from None


def _write_page(out: Path, plan: Any, runs: Any, rows: Any, recorded: Any, beside: Any) -> Path:
    with needs_extra("market"):
        from ..experiments import page, plots
    pictures = plots.draw_all(plan, runs, recorded, beside)
    return page.write_page(out, plan, [run.seed for run in runs], rows, pictures, beside)


def _table(rows: Any) -> Iterator[str]:
    """The table in columns, the verdict last and in colour."""
    from ..experiments.table import column_names, columns, summary

    lines = [column_names(rows), *(columns(row, rows) for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]) - 1)]
    room = max(40, get_terminal_size().columns - sum(widths) - 2 * len(widths)) if sys.stdout.isatty() else 1_000
    for number, line in enumerate(lines):
        cells = "  ".join(f"{cell:<{width}}" for cell, width in zip(line[:-1], widths, strict=True))
        verdict = line[-1] if len(line[-1]) <= room else f"{line[-1][: room - 1]}…"
        color = _COLORS[rows[number - 1].verdict] if number else None
        yield f"{cells}  {click.style(verdict, fg=color)}"
    yield summary(rows)
