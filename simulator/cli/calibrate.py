"""`gpu-sim calibrate`: a scenario whose market behaves like recorded traces."""

from collections.abc import Iterator, Sequence
from functools import partial
from math import isnan
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import click

from ..core.scenario import Scenario
from .exit_codes import CannotTry
from .options import DurationType
from .progress import needs_extra, progress

_STATISTICS = (
    "up_weibull_k",
    "up_mean_h",
    "up_median_h",
    "hazard_ratio",
    "down_median_h",
    "down_p90_h",
    "phi_same_region",
    "phi_other_region",
    "co_interruption_lift",
    "all_zones_down",
    "fano_zone 1h",
    "fano_zone 6h",
    "fano_zone 24h",
    "fano_all 24h",
    "fail_given_fail 15min",
    "fail_given_fail 60min",
    "fail_given_fail 240min",
    "fail_given_fail 1440min",
)

_AGAINST = ("statistic", "recorded", "simulated", "tolerance", "verdict")


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="TRACE...", type=click.Path(path_type=Path))
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default="calibrated.yaml",
    show_default=True,
    metavar="FILE",
    help="The scenario to write; what was there is overwritten.",
)
@click.option(
    "--observe-every",
    type=DurationType(),
    metavar="DURATION",
    help="How often the recorder looked; found from the traces unless given.",
)
@click.option(
    "--shape",
    type=click.Choice(["fit", "shipped"]),
    help="Fit the shape of availability, or keep the shipped one; fitted where the traces show it unless given.",
)
@click.option(
    "--seeds",
    type=click.IntRange(0, 1_000),
    default=10,
    show_default=True,
    help="How often to run the scenario and compare its statistics with the recorded ones.",
)
@click.option(
    "--against",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A trace of another zone, to which no shape is fitted; may be given again. Those zones are run in a market of "
    "that shape, with only availability and rate from their traces, and what comes out is held against the traces.",
)
@click.pass_context
def calibrate(
    ctx: click.Context,
    files: tuple[Path, ...],
    output: Path,
    observe_every: int | None,
    shape: Any,
    seeds: int,
    against: tuple[Path, ...],
) -> None:
    """Write a scenario whose offers are up, go down and come back as the zones of these traces did.

    A file is one zone, named …__<region><letter>_<gpu>_<gpus>.json. Exit code 0: it is written, 1: no market of this
    kind behaves like these traces, or what is given by --against is missed, 2: it could not be tried.
    """
    if observe_every == 0:
        raise CannotTry("--observe-every is above 0s")
    if against and not seeds:
        raise CannotTry("--against needs --seeds above 0")
    _check_output(output)
    with needs_extra("calibrate"):
        from ..experiments import fitted_scenario
    from ..core.calibration import CannotCalibrate
    from ..scenario_file import parse_scenario

    traces, held_out = _read(files, against)
    try:
        market = _calibrated(traces, observe_every, shape)
        text = _written(market, output)
        scenario = parse_scenario(text, origin=str(output), folder=None)
        others = _held_out(scenario, held_out, market) if held_out else None
    except CannotCalibrate as error:
        click.echo(str(error), err=True)
        ctx.exit(1)
    told = *_looks(market), *_shape(market), *fitted_scenario.told_of_losses(market)
    for line in (*_zones(market.zones, market.interruptions), *told):
        click.echo(line)
    if seeds and market.measured:
        with progress(seeds * fitted_scenario.days_to_run(market), "days of a market") as on_days:
            runs = fitted_scenario.run_again(market, scenario, range(1, seeds + 1), partial(on_days, 1))
        for line in _statistics(market, runs):
            click.echo(line)
    missed = others is not None and _against(others, held_out, market, seeds)
    try:
        output.write_text(text)
    except OSError as error:
        raise CannotTry(f"{output} cannot be written: {error.strerror}") from None
    click.echo(f"{output} is written")
    ctx.exit(1 if missed else 0)


def _check_output(output: Path) -> None:
    """Before all the work, whether there is a place to write to. Raises CannotTry."""
    if not output.parent.is_dir():
        raise CannotTry(f"--output {output} cannot be written: {output.parent} is no folder")


def _read(files: Sequence[Path], against: Sequence[Path]) -> tuple[Any, Any]:
    """The traces to fit to and those held out. Raises CannotTry where the latter do not go with the others."""
    from ..experiments.held_out import refuse_unlike
    from ..experiments.traces import read_trace
    from ..scenario_error import ScenarioError

    option = ""
    try:
        traces = [read_trace(file) for file in files]
        option = "--against: "
        held_out = [read_trace(file) for file in against]
        if held_out:
            refuse_unlike(traces, held_out)
    except (ScenarioError, ValueError) as error:
        raise CannotTry(f"{option}{error}") from None
    return traces, held_out


def _calibrated(traces: Any, observe_every: int | None, shape: Any) -> Any:
    from ..experiments.fitting import looks_max
    from ..experiments.trace_calibration import calibrate_traces

    every = None if observe_every is None else observe_every / 1000
    try:
        with progress(looks_max(), "shapes looked at") as on_looks:
            return calibrate_traces(traces, every, shape, partial(on_looks, 1))
    except ValueError as error:
        raise CannotTry(str(error)) from None


def _written(market: Any, output: Path) -> str:
    """The text of the scenario."""
    from ..experiments.fitted_scenario import write_scenario
    from ..scenario_file import ScenarioError

    try:
        return write_scenario(market, output.stem)
    except ScenarioError as error:
        raise CannotTry(f"the names of these traces make no scenario: {error}") from None


def _held_out(scenario: Scenario, held_out: Any, market: Any) -> Any:
    """The market of the scenario with the zones held out alone, looked at as often as those fitted. Raises
    CannotCalibrate, which names the option."""
    from ..core.calibration import CannotCalibrate
    from ..experiments.trace_market import play_traces

    try:
        return play_traces(scenario, held_out, market.look_seconds)
    except CannotCalibrate as error:
        raise CannotCalibrate(f"--against: {error}") from None


def _against(others: Any, held_out: Any, market: Any, seeds: int) -> bool:
    """Run the zones held out, print how they came out, and answer whether a row was missed."""
    from ..experiments.held_out import judge_held_out
    from ..experiments.table import column_names, columns, summary

    with progress(seeds * others.plan.days, "days of zones held out") as on_days:
        rows = judge_held_out(others, held_out, range(1, seeds + 1), on_days)
    click.echo()
    for line in (*_zones(others.zones, market.interruptions, "held out"), *_kept(others.zones, market)):
        click.echo(line)
    told = [dict(zip(column_names(rows), columns(row, rows), strict=True)) for row in rows]
    click.echo()
    for line in _columns([_AGAINST, *([cells[name] for name in _AGAINST] for cells in told)]):
        click.echo(line)
    click.echo(summary(rows))
    return any(row.verdict == "missed" for row in rows)


def _zones(zones: Any, interruptions: Any, head: str = "zone") -> Iterator[str]:
    """The zones with their rates in an hour of being up, and what a scenario says of them."""
    from ..experiments.fitted_scenario import probability
    from ..notation import format_share

    rows = [(head, "available", "recorded /h", "really /h", "probability")]
    for zone in zones:
        if zone.recorded is None:
            rows.append((str(zone.name), "always", "", "", "0%"))
        else:
            rates = f"{zone.recorded.per_hour:.4f}", f"{zone.rates.lost:.4f}"
            chance = format_share(probability(zone.rates.lost, interruptions))
            rows.append((str(zone.name), format_share(zone.recorded.availability), *rates, chance))
    yield from _columns(rows)


def _looks(market: Any) -> Iterator[str]:
    """What looks have to do with the rates of a market's zones."""
    yield f"looked at every {market.look_seconds:.1f} s: what came and went in between is in the real rates"
    yield from _kept(market.zones, market)


def _kept(zones: Any, market: Any) -> Iterator[str]:
    """Of some zones those whose rate is the recorded one, and how much of it would be seen in a market."""
    from ..experiments.deprobing import seen_per_hour

    for zone in zones:
        if not zone.deprobed:
            seen = seen_per_hour(zone.rates, market.shape, market.look_seconds / 3600)
            yield (
                f"{zone.name}: was down for about a look at a time, and no rate is seen so often; its rate is the one "
                f"recorded, of which {seen:.4f} /h would be seen"
            )


def _shape(market: Any) -> Iterator[str]:
    from ..core.realism import Shape
    from ..experiments.fitted_scenario import shape_as_written

    yield ""
    if not market.fitted:
        yield "the shape is the shipped one"
        return
    found, shipped = shape_as_written(market.shape), shape_as_written(Shape())
    yield from _columns(
        [("shape", "fitted", "shipped"), *((name, str(found[name]), str(shipped[name])) for name in found)]
    )
    if market.left_out:
        yield f"fitted without {', '.join(map(str, market.left_out))}, whose real rates cannot be told"


def _statistics(market: Any, runs: Any) -> Iterator[str]:
    """What was recorded beside mean and standard deviation of what came out."""
    from ..experiments.statistics import measure

    recorded, simulated = measure(market.measured).by_name(), [run.by_name() for run in runs]
    rows = [("statistic", "recorded", f"simulated, {len(runs)} seeds")]
    for name in _STATISTICS:
        values = [run[name] for run in simulated if not isnan(run[name])]
        if values and not isnan(recorded[name]):
            spread = f" ± {stdev(values):.2g}" if len(values) > 1 else ""
            rows.append((name, f"{recorded[name]:.3g}", f"{fmean(values):.3g}{spread}"))
    yield ""
    yield from _columns(rows)


def _columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
