"""Lines on a terminal: nothing unprintable reaches it, cells stand below each other, verdicts are in colour, and the
last cell is cut where the line would break."""

import errno
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from shutil import get_terminal_size
from textwrap import shorten

import click

from ..terminal_text import printable
from .exit_codes import CannotTry

_COLORS = {
    "held": "green",
    "missed": "red",
    "failed": "red",
    "differs": "yellow",
    "not shown": "bright_black",
    "not applicable": "bright_black",
}
_our_codes = re.compile(r"(\x1b\[(?:0|1|31|32|33|90)m)")
"""Matches the codes of colours and bold letters that the lines of tables have."""
_ROOM_MIN = 40
_ROOM_OF_FILES = 1_000
"""The most characters of a last cell that goes to no screen."""


def in_columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A line for each row, its cells as wide as the widest of their column."""
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))


def in_color(text: str, verdict: str) -> str:
    """The text in the colour of a verdict."""
    return click.style(text, fg=_COLORS[verdict])


def shortened(text: str, used: int) -> str:
    """The text cut to the room of a line, of which `used` characters are taken already."""
    room = max(_ROOM_MIN, get_terminal_size().columns - used) if sys.stdout.isatty() else _ROOM_OF_FILES
    return shorten(printable(" ".join(text.split())), room, placeholder="…")


def printable_lines(text: str) -> str:
    """The text of one or more lines with all else that is not fit for a terminal escaped."""
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in text.split("\n"))


def echo(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print a text. All that commands print and that may hold a name out of a file, an answer or the command line goes
    through here."""
    _write(printable_lines(text), err=err, nl=nl)


def print_lines(lines: Iterable[str]) -> None:
    """Print the lines of a table, in their colours and without spaces at their ends."""
    for line in lines:
        parts = _our_codes.split(line.rstrip())
        _write("".join(part if _our_codes.fullmatch(part) else printable_lines(part) for part in parts))


def _write(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Raises CannotTry where the output takes nothing; that nobody reads it any more is for click."""
    try:
        click.echo(text, err=err, nl=nl)
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise
        raise CannotTry(f"the output cannot be written: {error.strerror}") from None
