"""`gpu-sim market`: a scenario's market run without a server and held against what was recorded of real ones."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from ..exit_signals import ExitSignals
from .exit_codes import CannotTry
from .lines import echo, print_lines
from .options import FOLDER, TRACE, DurationType, json_option
from .progress import needs_extra, progress
from .scenarios import load_scenario_or_end

if TYPE_CHECKING:
    from ..fidelity.market_check import MarketCheck, MarketCheckSettings


@click.command()
@click.argument("scenario_name", metavar="SCENARIO")
@click.option("--days", type=click.IntRange(1, 3650), default=45, show_default=True, help="How long each run is.")
@click.option("--seeds", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many runs.")
@click.option("--seed-first", type=int, default=1, show_default=True, help="The seed of the first run.")
@click.option(
    "--trace",
    "traces",
    multiple=True,
    type=TRACE,
    metavar="FILE",
    help="A recorded trace, named …__<region><letter>_<gpu>_<gpus>.json; may be given again. The market simulates its "
    "zone too, and what comes out is held against what was recorded.",
)
@click.option("--out", type=FOLDER, metavar="DIR", help="Write market.html, which needs no other file, and PNGs there.")
@click.option("--export", type=FOLDER, metavar="DIR", help="Write what was observed there as traces, in seed-N.")
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
@json_option("Print the table as JSON.")
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
        from ..fidelity.market_check import MarketCheckSettings
        from ..fidelity.traces.observation import LookSchedule
        from .tables.market_lines import market_document, market_lines
    _check_there(traces)
    # The default is for the scenario's own offers: zones of traces are looked at as their recorder did, unless the
    # option itself says otherwise.
    is_given = ctx.get_parameter_source("observe_every") is not ParameterSource.DEFAULT
    settings = MarketCheckSettings(
        scenario=load_scenario_or_end(scenario_name),
        days=days,
        seeds=range(seed_first, seed_first + seeds),
        looked=LookSchedule(gap, observe_every),
        traces=traces,
        trace_look_seconds=observe_every / 1000 if is_given else None,
        fleets=fleets,
        jobs=jobs,
        page=out,
        export=export,
    )
    check = _checked(settings, ctx.ensure_object(ExitSignals))
    if check.page is not None:
        # On stderr: with --json stdout is one document.
        echo(f"{check.page} is written", err=True)
    if as_json:
        echo(json.dumps(market_document(settings, check), indent=2, ensure_ascii=False))
    else:
        print_lines(market_lines(check))
    ctx.exit(1 if check.is_missed else 0)


def _check_there(traces: Sequence[Path]) -> None:
    """Raises CannotTry for what is no file."""
    from ..core.kernel.names import did_you_mean

    for file in traces:
        if file.is_dir():
            raise CannotTry(f"--trace {file}: this is a folder; name its files, with a --trace for each")
        if not file.is_file():
            others = [each.name for each in file.parent.glob("*.json")]
            raise CannotTry(f"--trace {file}: there is no such file{did_you_mean(file.name, others)}")


def _checked(settings: "MarketCheckSettings", signals: ExitSignals) -> "MarketCheck":
    """The check. Raises CannotTry, which names the option."""
    from ..fidelity.market_check import FolderUnusable, check_market
    from ..fidelity.traces.traces import TracesUnusable
    from ..scenario_files.problems import ScenarioError

    try:
        with needs_extra("market"):
            return check_market(settings, progress, signals)
    except ScenarioError as error:
        raise CannotTry(f"--trace {error}") from None
    except TracesUnusable as error:
        raise CannotTry(f"--trace: {error}") from None
    except FolderUnusable as error:
        raise CannotTry(f"{'--export' if error.folder == settings.export else '--out'} {error}") from None
    except OSError as error:
        raise CannotTry(f"{error.filename} cannot be written: {error.strerror}") from None
