"""The rows of a state file, how they are sealed, and the tables that they are in.

Rows of one table are numbered without a gap, and each is sealed together with the seal of the row before. The one row
of `head` is written anew by every commit and has the number and the seal of the last row of each table, and a seal over
all of that. So a row that was changed, deleted, added, moved, or that is another file's does not fit.
"""

from hashlib import blake2b
from typing import NamedTuple

import msgspec
from msgspec import Struct

FORMAT = 4
APPLICATION_ID = 0x67707573
MARK_BYTES = SEAL_BYTES = 16

SCHEMA = {
    "head": "CREATE TABLE head (id INTEGER PRIMARY KEY CHECK (id = 0), content BLOB NOT NULL, seal BLOB NOT NULL)",
    "run": "CREATE TABLE run (id INTEGER PRIMARY KEY CHECK (id = 0), mark BLOB NOT NULL, identity BLOB NOT NULL,"
    " base BLOB NOT NULL, ended_before INTEGER NOT NULL)",
    "tokens": "CREATE TABLE tokens (number INTEGER PRIMARY KEY, token TEXT NOT NULL, account TEXT NOT NULL,"
    " seal BLOB NOT NULL)",
    "inputs": "CREATE TABLE inputs (number INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, input BLOB NOT NULL,"
    " seal BLOB NOT NULL)",
    "parts": "CREATE TABLE parts (number INTEGER PRIMARY KEY, n INTEGER NOT NULL, at_ms INTEGER NOT NULL,"
    " events INTEGER NOT NULL, lines INTEGER NOT NULL, digest BLOB NOT NULL, content BLOB NOT NULL,"
    " seal BLOB NOT NULL)",
    "ended": "CREATE TABLE ended (number INTEGER PRIMARY KEY, rental BLOB NOT NULL, seal BLOB NOT NULL)",
    "snapshot": "CREATE TABLE snapshot (id INTEGER PRIMARY KEY CHECK (id = 0), n INTEGER NOT NULL,"
    " part INTEGER NOT NULL, held_rentals INTEGER NOT NULL, held_events INTEGER NOT NULL, state BLOB NOT NULL,"
    " inputs_seal BLOB NOT NULL)",
}
"""Each table by its name. No other index: SQLite would read it without looking at the rows."""

CHAINS = "tokens", "inputs", "parts", "ended"
"""The tables of numbered rows."""


class ChainEnd(NamedTuple):
    """The last row of a table: its number and its seal."""

    number: int
    seal: bytes


class ClockRow(Struct, frozen=True, array_like=True):
    """The clock when it was last written down: virtual ms, wall ms since 1970, its settings."""

    now_ms: int = 0
    wall_ms: int = 0
    settings: bytes = b""


class Head(Struct, frozen=True, array_like=True):
    """The state of the file as of its last commit."""

    file: bytes
    """A random mark of the file, so that another file's rows and count do not fit."""
    commits: int = 0
    before: bytes = b""
    """The seal of the head as the commit before left it."""
    is_open: bool = False
    """True from when a server opens the file until it closes it."""
    clock: ClockRow = ClockRow()
    run: bytes = b""
    """The seal of the run's row."""
    snapshot: bytes = b""
    """The seal of the snapshot's row; empty without one."""
    tokens: ChainEnd = ChainEnd(0, b"")
    inputs: ChainEnd = ChainEnd(0, b"")
    parts: ChainEnd = ChainEnd(0, b"")
    ended: ChainEnd = ChainEnd(0, b"")


class RunRow(Struct, frozen=True, array_like=True):
    """The beginning of a run: a random mark of it, its identity, the snapshot that it goes on from if any, and the
    number of rentals that had ended before its first."""

    mark: bytes
    identity: bytes
    base: bytes
    ended_before: int

    def start(self, table: str) -> ChainEnd:
        """The end of a table in which nothing is yet."""
        number = self.ended_before if table == "ended" else 0
        return ChainEnd(number, seal(table, self))


class Part(Struct, frozen=True, array_like=True):
    """A stretch of the journal: it ends after input `n` at `at_ms`, after so many events and other lines in all, with
    the digest of all lines by then."""

    number: int
    n: int
    at_ms: int
    events: int
    lines: int
    digest: bytes
    content: bytes


class SnapshotRow(Struct, frozen=True, array_like=True):
    """The state after input `n` and the journal's part number `part`; so many ended rentals and events were held."""

    n: int
    part: int
    held_rentals: int
    held_events: int
    state: bytes
    inputs_seal: bytes = b""
    """The seal of input `n`, which the next one is sealed with: input `n` itself is deleted."""


def seal(*values: object) -> bytes:
    """A digest of what a row holds: SQLite itself does not notice a changed byte."""
    return blake2b(encode(values), digest_size=SEAL_BYTES).digest()


encode = msgspec.msgpack.Encoder().encode
decode_head = msgspec.msgpack.Decoder(Head).decode
