"""The journal: accepted commands and events in order, as objects that are encoded only on export.

It has a line for each command and event, at virtual ms since the start, after a header and, on export, before an end
line. It names accounts, never tokens or worlds. Advances and refusals leave no line.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import chain
from operator import itemgetter
from typing import TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from .billing.ledger import Entry
from .commands import Command
from .events import Event
from .faults.lines import FaultLine
from .kernel.clock import YEAR_MS, format_instant
from .kernel.errors import JournalInvalid
from .kernel.quantities import (
    DRAWN_BEGIN,
    NO_RETRY_AFTER,
    Availability,
    Bound,
    Natural,
    RecordingBegin,
    RetryAfter,
    Share,
)
from .kernel.randomness import PPM
from .scenario.scenario import Scenario, canonical

FORMAT = 3
"""The header leaves defaults out: another default of a scenario's field is another format. A table of all defaults,
beside the tests of `scenario`, shows when that is so."""

_QUANTITY_MAX = 10**18
_SPAN_MS_MAX = 10_000 * YEAR_MS

Recorded = Event | Entry
"""The lines that have a `seq`: events, and among them the ledger's entries."""

_encode = msgspec.json.Encoder(enc_hook=int).encode


class Mark(Struct, frozen=True, order=True):
    """A place in a journal: the numbers of events and of other lines before it."""

    events: Natural = 0
    lines: Natural = 0


class RestoredFrom(Struct, frozen=True):
    """The run that a restored journal continues: virtual ms, number of events, and the digest of its lines."""

    at: int
    events: int
    digest: str


class Header(Struct, frozen=True, omit_defaults=True):
    """The first line: format, seed, start of virtual time, and the scenario in canonical form."""

    journal: int
    seed: int
    start: str
    scenario: Scenario
    restored_from: RestoredFrom | None = None


class JournalCommand(Struct, frozen=True):
    """A command of a journal, or a decision about faults, and its time in ms since the start."""

    at: int
    command: Command | FaultLine


class Journal:
    """Commands and events in the order in which they came. `events` are the latest; `dropped` is the number of those
    before them, so that number i of the list has `seq` dropped + i + 1."""

    __slots__ = ("_digest", "_digested", "_header", "_lines", "_lines_dropped", "began", "dropped", "events")

    def __init__(self, scenario: Scenario, seed: int, start_epoch_ms: int) -> None:
        self._header = Header(FORMAT, seed, format_instant(start_epoch_ms), canonical(scenario))
        self.began = self._digested = Mark()
        self._digest = b""
        self._lines: list[tuple[int, int, Struct]] = []
        self._lines_dropped = 0
        self.events: list[Recorded] = []
        self.dropped = 0

    @property
    def end(self) -> Mark:
        """The place of the next line."""
        return Mark(self.dropped + len(self.events), self._lines_dropped + len(self._lines))

    @property
    def is_whole(self) -> bool:
        """True while all lines since the header are held."""
        return self.dropped <= self.began.events and self._lines_dropped <= self.began.lines

    def accept(self, at_ms: int, line: Struct) -> None:
        """Write a command before its events, or another decision of that instant."""
        self._lines.append((self.dropped + len(self.events), at_ms, line))

    def export(self, now_ms: int) -> Iterator[bytes]:
        """The lines of the journal, each with its line feed; it must be whole."""
        assert self.is_whole
        yield self.header()
        yield from self.lines(self.began)
        yield end_line(now_ms)

    def header(self) -> bytes:
        """The first line."""
        return _encode(self._header) + b"\n"

    def lines(self, since: Mark, until: Mark | None = None) -> Iterator[bytes]:
        """The lines between two places, all of which must be held; without `until`, to the end at the first `next`."""
        until = self.end if until is None else until
        written = since.events
        assert written >= self.dropped, "dropped already"
        assert since.lines >= self._lines_dropped, "dropped already"
        events = iter(self.events[written - self.dropped : until.events - self.dropped])
        lines = self._lines[since.lines - self._lines_dropped : until.lines - self._lines_dropped]
        for position, at_ms, line in chain(lines, ((until.events, 0, None),)):
            for seq in range(written, position):
                yield b'{"seq":%d,' % (seq + 1) + _encode(next(events))[1:] + b"\n"
            written = position
            if line is not None:
                yield b'{"at":%d,' % at_ms + _encode(line)[1:] + b"\n"

    @property
    def lines_held(self) -> int:
        """The number of lines that are held, events aside."""
        return len(self._lines)

    def drop(self, *, events: int, lines: int) -> list[Recorded]:
        """Drop all but the latest `events`, and of the other lines those before them and all but the latest `lines`.
        Returns the events dropped."""
        count = max(0, len(self.events) - events)
        before = self._after_event(self.dropped + count)
        lines_count = max(before.lines - self._lines_dropped, len(self._lines) - lines)
        if lines_count:  # dropped lines cannot be hashed any more, so all up to there are hashed first
            position = self._lines[lines_count - 1][0]
            before = max(before, Mark(position, self._lines_dropped + lines_count))
        if before > self._digested:
            self._digest_to(before)
        gone = self.events[:count]
        del self.events[:count]
        del self._lines[:lines_count]
        self.dropped += count
        self._lines_dropped += lines_count
        return gone

    def digest(self) -> bytes:
        """The digest of all lines so far, header included: each is hashed together with the digest before it, so that
        lines can be dropped once they are in it."""
        self._digest_to(self.end)
        return self._digest

    def digest_some(self, events: int) -> bool:
        """Do a part of the work of `digest`; True where some is left."""
        if self._digested.events + events >= self.end.events:
            return False
        self._digest_to(self._after_event(self._digested.events + events))
        return True

    def _digest_to(self, place: Mark) -> None:
        digest = self._digest or chain_digest(b"", (self.header(),))
        self._digest = chain_digest(digest, self.lines(self._digested, place))
        self._digested = place

    def _after_event(self, events: int) -> Mark:
        """The place right after so many events."""
        return Mark(events, self._lines_dropped + bisect_left(self._lines, events, key=itemgetter(0)))

    def state(self) -> "JournalState":
        """Its part of a snapshot."""
        return JournalState(self.end, self.digest().hex(), self._header.restored_from)

    def begin_from(self, at_ms: int, state: "JournalState") -> None:
        """Begin a new journal that continues another run at `at_ms`, none of whose lines are held."""
        restored_from = RestoredFrom(at_ms, state.end.events, state.digest)
        self.resume(JournalState(Mark(state.end.events), "", restored_from), [])

    def resume(self, state: "JournalState", latest: list[Recorded]) -> None:
        """Continue the journal of this same run after a restart; of the events up to there, `latest` are held."""
        end = state.end
        self._header = replace(self._header, restored_from=state.restored_from)
        self.began = Mark() if state.restored_from is None else Mark(state.restored_from.events)
        self._lines, self._lines_dropped = [], end.lines
        self.events[:] = latest  # the same list: the parts of a simulation hold its `append`
        self.dropped = end.events - len(latest)
        self._digested, self._digest = end, bytes.fromhex(state.digest)


class JournalState(Struct, frozen=True, omit_defaults=True):
    """The end of a journal, the digest of its lines so far, and the run that it continues, if it does."""

    end: Mark
    digest: str
    restored_from: RestoredFrom | None = None


def end_line(now_ms: int) -> bytes:
    """The last line of an exported journal."""
    return b'{"at":%d,"end":true}\n' % now_ms


def chain_digest(digest: bytes, lines: Iterable[bytes]) -> bytes:
    """The digest after these lines, given the one before them."""
    for line in lines:
        digest = blake2b(digest + line, digest_size=16).digest()
    return digest


class _End(Struct, frozen=True, forbid_unknown_fields=True):
    at: int
    end: bool


class _At(Struct, frozen=True):
    at: int


_T = TypeVar("_T")


def parse(journal: bytes) -> tuple[Header, list[JournalCommand], int]:
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
        JournalCommand(_decode(line, _At, number).at, _decode(line, kind, number))
        for number, line in enumerate(lines[1:-1], 2)
        if not line.startswith(b'{"seq":') and (kind := _kind(line)) is not None
    ]
    if end.at > _SPAN_MS_MAX:
        raise JournalInvalid("the journal ends after the end of the calendar", param=f"line {len(lines)}")
    return header, decided, end.at


def decode_event(line: bytes) -> Recorded:
    """The event of a line that has a `seq`."""
    return _decode_event(line)


_AnyCommand: type[Command] = Command  # type: ignore[assignment]  # a union of tagged structs is a type to msgspec
_AnyFaultLine: type[FaultLine] = FaultLine  # type: ignore[assignment]  # a union of tagged structs is a type to msgspec


def _kind(line: bytes) -> type[Command] | type[FaultLine] | None:
    """The type of a line that is no event. Looking for the bare key is enough: within a text its quotes are escaped."""
    if b'"command":' in line:
        return _AnyCommand
    return _AnyFaultLine if b'"fault":' in line else None


def _decode(line: bytes, type_: type[_T], number: int) -> _T:
    try:
        return msgspec.json.decode(line, type=type_, dec_hook=plain_quantity)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise JournalInvalid(str(error), param=f"line {number}") from None


_LEAST: dict[type, int] = {RetryAfter: NO_RETRY_AFTER, RecordingBegin: DRAWN_BEGIN, Bound: -_QUANTITY_MAX}


def plain_quantity(type_: type[_T], value: object) -> _T:
    """The `dec_hook` of msgspec for quantities that are written as integers. Raises ValueError."""
    most = PPM if type_ in (Share, Availability) else _QUANTITY_MAX
    least = _LEAST.get(type_, 0)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"expected an integer from {least} to {most}")
    return type_(value)  # type: ignore[call-arg]  # the quantities of a scenario are all subclasses of int


_AnyEvent: type[Recorded] = Recorded  # type: ignore[assignment]  # a union of tagged structs is a type to msgspec
_decode_event = msgspec.json.Decoder(_AnyEvent, dec_hook=plain_quantity).decode
