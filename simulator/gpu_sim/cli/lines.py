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


def shortened(text: str, taken: int) -> str:
    """The text as a line has room for it, `taken` of whose characters stand before it."""
    room = max(_ROOM_MIN, get_terminal_size().columns - taken) if sys.stdout.isatty() else _ROOM_OF_FILES
    return shorten(text, room, placeholder="…")


def tell(lines: Iterable[str]) -> None:
    """Print lines."""
    for line in lines:
        click.echo(line.rstrip())
