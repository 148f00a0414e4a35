"""The journal: accepted commands and events in order, as objects; encoded only on export.

A line per command and event, at virtual ms since the start, between a header and, on export, an end line.
It names accounts, never tokens or worlds. Advances and refusals leave no line.
"""

from collections.abc import Iterator
from typing import TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from .clock import YEAR_MS, format_instant
from .commands import Command
from .errors import JournalInvalid
from .events import Event
from .faults import FaultLine
from .ledger import Entry
from .quantities import Share
from .randomness import PPM
from .scenario import Scenario, without_tokens

FORMAT = 1
_QUANTITY_MAX = 10**18
_SPAN_MS_MAX = 10_000 * YEAR_MS

Recorded = Event | Entry
"""All that has a `seq`: events, and among them the ledger's entries."""

_encode = msgspec.json.Encoder(enc_hook=int).encode


class Header(Struct, frozen=True):
    """The first line: format, seed, start of virtual time, and the scenario in canonical form."""

    journal: int
    seed: int
    start: str
    scenario: Scenario


class Line(Struct, frozen=True):
    """A command of a journal, or what was decided about faults, and at how many ms since the start that was."""

    at: int
    command: Command | FaultLine


class Journal:
    """Commands and events as they came. Event number i of the list has `seq` i + 1."""

    __slots__ = ("_header", "_lines", "events")

    def __init__(self, scenario: Scenario, seed: int, start_epoch_ms: int) -> None:
        self._header = Header(FORMAT, seed, format_instant(start_epoch_ms), without_tokens(scenario))
        self._lines: list[tuple[int, int, Struct]] = []
        self.events: list[Recorded] = []

    def accept(self, at_ms: int, line: Struct) -> None:
        """Write down a command before its events, or what else was decided at that instant."""
        self._lines.append((len(self.events), at_ms, line))

    def export(self, now_ms: int) -> Iterator[bytes]:
        """The lines of the journal, each with its line feed."""
        yield _encode_header(self._header) + b"\n"
        written = 0
        for position, at_ms, line in (*self._lines, (len(self.events), 0, None)):
            for seq in range(written, position):
                yield b'{"seq":%d,' % (seq + 1) + _encode(self.events[seq])[1:] + b"\n"
            written = position
            if line is not None:
                yield b'{"at":%d,' % at_ms + _encode(line)[1:] + b"\n"
        yield b'{"at":%d,"end":true}\n' % now_ms


def _encode_header(header: Header) -> bytes:
    """Without faults the scenario is written as before there were any: the bytes of old seeds do not change."""
    scenario = asdict(header.scenario)
    if not scenario["faults"]:
        del scenario["faults"]
    return _encode(asdict(header) | {"scenario": scenario})


class _End(Struct, frozen=True, forbid_unknown_fields=True):
    at: int
    end: bool


class _At(Struct, frozen=True):
    at: int


_T = TypeVar("_T")


def parse(journal: bytes) -> tuple[Header, list[Line], int]:
    """Header, commands and decisions, and end (ms) of an exported journal.

    Raises JournalInvalid with the line that is wrong.
    """
    lines = journal.splitlines()
    if len(lines) < 2:
        raise JournalInvalid("a journal has at least a header and an end line", param="line 1")
    header = _decode(lines[0], Header, 1)
    if header.journal != FORMAT:
        raise JournalInvalid(f"format {header.journal} is not format {FORMAT}, the one read here", param="line 1")
    end = _decode(lines[-1], _End, len(lines))
    decided = [
        Line(_decode(line, _At, number).at, _decode(line, kind, number))
        for number, line in enumerate(lines[1:-1], 2)
        if not line.startswith(b'{"seq":') and (kind := _kind(line)) is not None
    ]
    if end.at > _SPAN_MS_MAX:
        raise JournalInvalid("the journal ends after the end of the calendar", param=f"line {len(lines)}")
    return header, decided, end.at


_AnyCommand: type[Command] = Command  # type: ignore[assignment]  # a union of tagged structs is a type to msgspec
_AnyFaultLine: type[FaultLine] = FaultLine  # type: ignore[assignment]  # likewise


def _kind(line: bytes) -> type[Command] | type[FaultLine] | None:
    """What a line that is no event is to be read as; within a text a quote would have a backslash before it."""
    if b'"command":' in line:
        return _AnyCommand
    return _AnyFaultLine if b'"fault":' in line else None


def _decode(line: bytes, type_: type[_T], number: int) -> _T:
    try:
        return msgspec.json.decode(line, type=type_, dec_hook=_quantity)
    except msgspec.MsgspecError as error:
        raise JournalInvalid(str(error), param=f"line {number}") from None


def _quantity(type_: type[_T], value: object) -> _T:
    most = PPM if type_ is Share else _QUANTITY_MAX
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise ValueError(f"expected an integer from 0 to {most}")
    return type_(value)  # type: ignore[call-arg]  # the quantities of a scenario are all subclasses of int
