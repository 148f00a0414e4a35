"""`gpu-sim calibrate`: a scenario whose market behaves like recorded traces."""

from collections.abc import Iterator, Sequence
from functools import partial
from math import isnan
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import click

from .cli_experiments import needs_extra, progress
from .cli_remote import CannotTry, DurationType

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
@click.pass_context
def calibrate(
    ctx: click.Context, files: tuple[Path, ...], output: Path, observe_every: int | None, shape: Any, seeds: int
) -> None:
    """Write a scenario whose offers are up, go down and come back as the zones of these traces did.

    A file is one zone, named …__<region><letter>_<gpu>_<gpus>.json. Exit code 0: it is written, 1: no market of this
    kind behaves like these traces, 2: it could not be tried.
    """
    if observe_every == 0:
        raise CannotTry("--observe-every is above 0s")
    with needs_extra("calibrate"):
        from .experiments import fitted_scenario
    from .core.calibration import CannotCalibrate
    from .scenario_file import ScenarioError, parse_scenario

    try:
        market = _calibrated(files, observe_every, shape)
    except CannotCalibrate as error:
        click.echo(str(error), err=True)
        ctx.exit(1)
    try:
        text = fitted_scenario.write_scenario(market, output.stem)
    except ScenarioError as error:
        raise CannotTry(f"the names of these traces make no scenario: {error}") from None
    for line in (*_zones(market), *_shape(market), *fitted_scenario.told_of_losses(market)):
        click.echo(line)
    if seeds and market.measured:
        scenario = parse_scenario(text, origin=str(output), folder=None)
        with progress(seeds * fitted_scenario.days_to_run(market), "days of a market") as on_days:
            runs = fitted_scenario.run_again(market, scenario, range(1, seeds + 1), partial(on_days, 1))
        for line in _statistics(market, runs):
            click.echo(line)
    try:
        output.write_text(text)
    except OSError as error:
        raise CannotTry(f"{output} cannot be written: {error.strerror}") from None
    click.echo(f"{output} is written")


def _calibrated(files: Sequence[Path], observe_every: int | None, shape: Any) -> Any:
    from .experiments.fitting import looks_max
    from .experiments.trace_calibration import calibrate_traces
    from .experiments.traces import read_trace
    from .scenario_error import ScenarioError

    try:
        traces = [read_trace(file) for file in files]
        every = None if observe_every is None else observe_every / 1000
        with progress(looks_max(), "shapes looked at") as on_looks:
            return calibrate_traces(traces, every, shape, partial(on_looks, 1))
    except (ScenarioError, ValueError) as error:
        raise CannotTry(str(error)) from None


def _zones(market: Any) -> Iterator[str]:
    """The zones with their rates in an hour of being up, and what the scenario says of them."""
    from .experiments.fitted_scenario import probability
    from .notation import format_share

    rows = [("zone", "available", "recorded /h", "really /h", "probability")]
    for zone in market.zones:
        if zone.recorded is None:
            rows.append((str(zone.name), "always", "", "", "0%"))
        else:
            rates = f"{zone.recorded.per_hour:.4f}", f"{zone.rates.lost:.4f}"
            chance = format_share(probability(zone.rates.lost, market.interruptions))
            rows.append((str(zone.name), format_share(zone.recorded.availability), *rates, chance))
    yield from _columns(rows)
    yield f"looked at every {market.look_seconds:.1f} s: what came and went in between is in the real rates"
    yield from _kept(market.zones, market.look_seconds, market.shape)


def _kept(zones: Any, look_seconds: float, shape: Any) -> Iterator[str]:
    """The zones whose rate is the recorded one, and how much of it would be seen."""
    from .experiments.deprobing import seen_per_hour

    for zone in zones:
        if not zone.deprobed:
            seen = seen_per_hour(zone.rates, shape, look_seconds / 3600)
            yield (
                f"{zone.name}: was down for about a look at a time, and no rate is seen so often; its rate is the one "
                f"recorded, of which {seen:.4f} /h would be seen"
            )


def _shape(market: Any) -> Iterator[str]:
    from .core.realism import Shape
    from .experiments.fitted_scenario import shape_as_written

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
    from .experiments.statistics import measure

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
