"""Tables on a terminal: cells below each other, verdicts in colour, the last cell cut where the line would break."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from shutil import get_terminal_size
from textwrap import shorten

import click

_COLORS = {
    "held": "green",
    "missed": "red",
    "failed": "red",
    "differs": "yellow",
    "not shown": "bright_black",
    "not applicable": "bright_black",
}
_ROOM_MIN = 40
_ROOM_OF_FILES = 1_000
"""The most characters of a last cell that goes to no screen."""


def in_columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A line for each row, its cells as wide as the widest of their column."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))


def in_color(text: str, verdict: str) -> str:
    """The text in the colour of a verdict."""
    return click.style(text, fg=_COLORS[verdict])


def shortened(text: str, used: int) -> str:
    """The text cut to the room of a line, of which `used` characters are taken already."""
    room = max(_ROOM_MIN, get_terminal_size().columns - used) if sys.stdout.isatty() else _ROOM_OF_FILES
    return shorten(text, room, placeholder="…")


def print_lines(lines: Iterable[str]) -> None:
    """Print lines, without spaces at their ends."""
    for line in lines:
        click.echo(line.rstrip())
