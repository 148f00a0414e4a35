"""The command line: arguments in, exit codes out.

Each command imports what it needs when it runs, so that none waits for what another one needs.
"""

from typing import Any

import click

from .. import __version__
from .calibrate import calibrate
from .contract import contract
from .exit_codes import BROKEN_OFF
from .market import market
from .remote import snapshot, wait
from .replay import replay
from .scenarios import check, scenarios, schema
from .serve import serve
from .verify import verify


class _Commands(click.Group):
    """A group whose commands, when interrupted, end with the exit code that shells expect."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        # Caught here: click would make an Abort of it, with exit code 1, which says that something did not hold.
        except KeyboardInterrupt:
            click.echo("\nbroken off", err=True)
            ctx.exit(BROKEN_OFF)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="gpu-sim")
def main() -> None:
    """A spot-GPU rental API on localhost, with a simulated market behind it and a clock that you can hold still."""


for _command in (serve, check, scenarios, schema, replay, contract, snapshot, wait, verify, calibrate, market):
    main.add_command(_command)
