"""The command line: arguments in, exit codes out.

Each command imports what it needs when it runs, so that none waits for what another one needs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from .. import __version__
from ..exit_signals import ExitSignals
from .calibrate import calibrate
from .contract import contract
from .exit_codes import BROKEN_OFF
from .lines import printable_lines
from .market import market
from .remote import snapshot, wait
from .replay import replay
from .run import run as run_command
from .scenarios import check, scenarios, schema
from .serve import serve
from .sweep import sweep
from .verify import verify


@contextmanager
def _printable_errors() -> Iterator[None]:
    """Make errors fit for a terminal: those of click itself, too, repeat arguments."""
    try:
        yield
    except click.ClickException as error:
        message = printable_lines(error.format_message())
        error.format_message = lambda: message  # type: ignore[method-assign]  # of this one error
        raise


class _Commands(click.Group):
    """A group whose commands, when broken off, print nothing about it: click would print an empty line."""

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        with _printable_errors():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with _printable_errors():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            raise SystemExit(BROKEN_OFF) from None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="gpu-sim")
def main() -> None:
    """A spot-GPU rental API on localhost, with a simulated market behind it and a clock that you can hold still."""


_local = (serve, check, scenarios, schema, replay, contract, calibrate, market, run_command, sweep)
for _command in (*_local, snapshot, wait, verify):
    main.add_command(_command)


def run(signals: ExitSignals) -> int:
    """Run the command that the arguments of this process name, and tell what keeps it from working; the exit code."""
    try:
        code = main(prog_name="gpu-sim", standalone_mode=False, obj=signals)
    except click.ClickException as error:
        if signals.number is None:
            error.show()
        return error.exit_code
    return code if isinstance(code, int) else 0
