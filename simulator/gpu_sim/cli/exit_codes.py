"""The exit codes: 0 it held, 1 it did not, 2 it could not be tried, and 130 or 143 somebody broke it off.

130 and 143 are what shells say of SIGINT and SIGTERM. On both `verify` ends
with 2, and `serve`, once it is ready, with 0.
"""

import click

BROKEN_OFF = 130
"""Without a signal that says more: shells take it for an end by ^C."""


class CannotTry(click.ClickException):
    """The command could not try what it was asked for."""

    exit_code = 2
