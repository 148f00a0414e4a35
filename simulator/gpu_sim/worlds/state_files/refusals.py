"""The two ways in which a state file says no, and how errors of SQLite and of the system become one of them."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...core.kernel.errors import Refusal
from ...terminal_text import printable

_IN_USE = sqlite3.SQLITE_BUSY


class StateUnusable(Exception):  # named as the refusals are: by what it says
    """The state file cannot be used, for the reason that the message gives. It was left as it is."""


class StateUnavailable(Refusal):
    """The state file takes nothing: a full disk, or one that fails. Nothing was applied; try again once there is
    room."""

    code = "state_unavailable"


def in_use(path: Path) -> StateUnusable:
    """The refusal of a file that another server has."""
    return StateUnusable(f"{path} is in use by another server")


def damaged(path: Path, reason: object) -> StateUnusable:
    """The refusal of a file in which something is not as it was written."""
    return StateUnusable(f"{path} is damaged: {reason}")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an error of SQLite or the system at a start into a StateUnusable that names the file."""
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == _IN_USE:
            raise in_use(path) from None
        raise StateUnusable(f"{path} cannot be used: {one_line(error)}") from None
    except StateUnavailable as unavailable:
        raise StateUnusable(f"{path} cannot be used: {unavailable.message}") from None
    except OSError as error:
        raise StateUnusable(f"{path} cannot be used: {error.strerror or error}") from None


def one_line(text: object) -> str:
    """A text in one line, with what a terminal would act on escaped: a damaged file may put anything there."""
    return printable(" ".join(str(text).split()))
