"""`gpu-sim replay`: a journal run again."""

from typing import BinaryIO

import click

from .exit_codes import CannotTry
from .lines import echo


@click.command()
@click.argument("file", type=click.File("rb"))
@click.pass_context
def replay(ctx: click.Context, file: BinaryIO) -> None:
    """Run a downloaded journal again and say whether the bytes agree, and where they first differ."""
    from ..core.kernel.errors import JournalInvalid
    from ..core.replay import replay as run_again

    try:
        simulation, difference = run_again(file.read())
    except JournalInvalid as error:
        raise CannotTry(f"{file.name}: {error.param}: {error.message}") from None
    if difference is None:
        echo(f"{file.name}: the replay agrees, {len(simulation.events)} events")
        return
    echo(f"{file.name}: the replay differs first in line {difference.line}")
    # Cut, as the header of a journal lists a whole catalogue in one line.
    for label, line in (("recorded", difference.recorded), ("replayed", difference.replayed)):
        echo(f"  {label}: {'nothing' if line is None else line.decode(errors='replace').rstrip()[:1000]}")
    ctx.exit(1)
