"""`gpu-sim calibrate`: a scenario whose market behaves like recorded traces."""

from pathlib import Path
from typing import Literal

import click

from ..output_file import why_unwritable, write_file
from .exit_codes import CannotTry
from .lines import echo, print_lines
from .options import FILE, TRACE, DurationType
from .progress import needs_extra, progress


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="TRACE...", type=TRACE)
@click.option(
    "--output",
    type=FILE,
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
    type=TRACE,
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
    shape: Literal["fit", "shipped"] | None,
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
    if reason := why_unwritable(output):  # said before all the work
        raise CannotTry(f"--output {output} cannot be written: {reason}")
    with needs_extra("calibrate"):
        from ..fidelity import calibration
        from ..fidelity.traces.traces import TracesUnusable
        from .tables.calibration_lines import calibration_lines
    from ..core.market.availability_rates import CannotCalibrate

    settings = calibration.CalibrationSettings(
        files=files,
        name=output.stem,
        look_seconds=None if observe_every is None else observe_every / 1000,
        shape=shape,
        seeds=range(1, seeds + 1),
        against=against,
    )
    try:
        found = calibration.calibrate(settings, progress)
    except TracesUnusable as error:
        option = "--against: " if isinstance(error, calibration.HeldOutUnusable) else ""
        raise CannotTry(f"{option}{error}") from None
    except CannotCalibrate as error:
        # Exit code 1: it was tried, and no market is like these traces.
        option = "--against: " if isinstance(error, calibration.CannotSimulateHeldOut) else ""
        echo(f"{option}{error}", err=True)
        ctx.exit(1)
    print_lines(calibration_lines(found))  # before the file: a file that cannot be written costs no result
    try:
        write_file(output, found.text.encode())
    except OSError as error:
        raise CannotTry(f"{output} cannot be written: {error.strerror}") from None
    echo(f"{output} is written")
    ctx.exit(1 if found.is_missed else 0)
