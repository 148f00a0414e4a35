"""Problems of a scenario, its catalogue or a trace, and their places."""

from pathlib import Path
from typing import TypeAlias

from msgspec import Struct

from ..terminal_text import printable

FieldPath: TypeAlias = tuple[str | int, ...]
"""The way from a document's root to a value: keys and, in lists, indexes."""


class FilePlace(Struct, frozen=True):
    """A place in a file; lines and columns count from 1."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)


class Problem(Struct, frozen=True):
    """A problem with a field and its place; `field` is empty where no field is concerned."""

    file: str
    line: int | None
    column: int | None
    field: str
    message: str

    def __str__(self) -> str:
        where = FilePlace(self.file, self.line, self.column)
        text = f"{where}: {self.field}: {self.message}" if self.field else f"{where}: {self.message}"
        return printable(text)  # names in a file may hold anything, escape sequences of terminals too


class ScenarioError(Exception):
    """A scenario, its catalogue or a trace cannot be used, for these `problems`; the text has a line for each."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


def spell(path: FieldPath) -> str:
    """A path as messages show it: ("timeline", 2, "at") -> "timeline[2].at"."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def problem_at(place: FilePlace, path: FieldPath, message: str) -> Problem:
    """A problem with the field of this path at this place."""
    return Problem(place.file, place.line, place.column, spell(path), message)


def read_text(path: Path, bytes_max: int) -> str:
    """The text of a file in UTF-8. Raises ScenarioError where it cannot be read or is larger than allowed."""
    try:
        with path.open("rb") as file:
            # One byte more than allowed shows that a file is too large, however large it is.
            content = file.read(bytes_max + 1)
    except OSError as error:
        raise ScenarioError(problem_at(FilePlace(str(path)), (), f"cannot be read: {error.strerror}")) from None
    if len(content) > bytes_max:
        raise ScenarioError(problem_at(FilePlace(str(path)), (), f"larger than the {bytes_max} bytes allowed"))
    try:
        # Some editors begin a file with a byte order mark, which is no part of its text.
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = FilePlace(str(path), content.count(b"\n", 0, error.start) + 1)
        raise ScenarioError(problem_at(place, (), "this is not UTF-8")) from None
