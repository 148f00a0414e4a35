"""The exit codes: 0 it held, 1 it did not, 2 it could not be tried, and 130 somebody broke it off."""

import click

BROKEN_OFF = 130
"""Shells take this for an end by ^C: it is none of the three others."""


class CannotTry(click.ClickException):
    """The command could not try what it was asked for."""

    exit_code = 2
