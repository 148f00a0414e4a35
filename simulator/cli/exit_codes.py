"""How a command ends: 0 it held, 1 it did not, 2 it could not be tried, and 130 somebody broke it off."""

import click

BROKEN_OFF = 130
"""What shells take for an end by ^C: it is none of the three others."""


class CannotTry(click.ClickException):
    """What was asked for could not be tried."""

    exit_code = 2
