"""The durable form of a world: its commands in order, committed before they are applied, in one SQLite file.

A run is recovered from the latest snapshot and the commands after it. Journal lines and ended rentals up to the
snapshot are rows written once. Only `World` uses this; nothing here knows what a command means.
"""

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from msgspec import Struct
from msgspec.structs import astuple

from .core.errors import Refusal

Sync = Literal["normal", "full"]

FORMAT = 1
APPLICATION_ID = 0x67707573
_SCHEMA = """
CREATE TABLE run (id INTEGER PRIMARY KEY CHECK (id = 0), identity BLOB NOT NULL, base BLOB NOT NULL);
CREATE TABLE clock (id INTEGER PRIMARY KEY CHECK (id = 0), now_ms INTEGER NOT NULL, wall_ms INTEGER NOT NULL,
    settings BLOB NOT NULL);
CREATE TABLE tokens (token TEXT PRIMARY KEY, account TEXT NOT NULL);
CREATE TABLE inputs (n INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, input BLOB NOT NULL);
CREATE TABLE parts (number INTEGER PRIMARY KEY, n INTEGER NOT NULL, at_ms INTEGER NOT NULL, events INTEGER NOT NULL,
    lines INTEGER NOT NULL, digest BLOB NOT NULL, content BLOB NOT NULL);
CREATE TABLE ended (number INTEGER PRIMARY KEY, rental BLOB NOT NULL);
CREATE TABLE snapshot (id INTEGER PRIMARY KEY CHECK (id = 0), n INTEGER NOT NULL, part INTEGER NOT NULL,
    state BLOB NOT NULL);
"""
_RUN_TABLES = ("run", "clock", "tokens", "inputs", "parts", "ended", "snapshot")
_IN_USE = sqlite3.SQLITE_BUSY


class StateUnusable(Exception):  # named as the refusals are: by what it says
    """The state file cannot be used, for the reason that the message gives. It was left as it is."""


class StateUnavailable(Refusal):
    """The state file takes nothing: a full disk, or one that fails. Nothing was applied; try again once there is
    room."""

    code = "state_unavailable"


class ClockRow(Struct, frozen=True):
    """Where the clock was when it was last written down: virtual ms, wall ms since 1970, its settings."""

    now_ms: int
    wall_ms: int
    settings: bytes


class Part(Struct, frozen=True):
    """A stretch of the journal: it ends after input `n` at `at_ms`, after so many events and other lines in all, with
    the digest of all lines by then."""

    number: int
    n: int
    at_ms: int
    events: int
    lines: int
    digest: bytes
    content: bytes


class SnapshotRow(Struct, frozen=True):
    """The state after input `n` and the journal's part number `part`."""

    n: int
    part: int
    state: bytes


class Store:
    """One open state file. It is locked: no two servers write to one."""

    def __init__(self, path: Path, *, sync: Sync = "normal", pages_max: int | None = None) -> None:
        self.path = path
        self._sync = sync
        self._pages_max = pages_max
        self._db = self._connect(path)

    # Opening

    @classmethod
    def open(
        cls, path: Path, begin: Callable[["Store"], None], *, sync: Sync = "normal", pages_max: int | None = None
    ) -> "Store":
        """The state file at a path. A new one is complete before it gets its name: `begin` writes the run's start.

        Raises StateUnusable for a file that is damaged, foreign, in use, or that cannot be written.
        """
        with _explained(path):
            if not path.exists():
                cls._create(path, begin)
            elif path.stat().st_size == 0:
                raise StateUnusable(f"{path} is empty: it is no state file, or what was in it is lost")
            store = cls(path, sync=sync, pages_max=pages_max)
            store._check()
            return store

    @classmethod
    def _create(cls, path: Path, begin: Callable[["Store"], None]) -> None:
        part = path.with_name(f".{path.name}.{os.getpid()}")
        part.unlink(missing_ok=True)
        try:
            new = cls(part, sync="full")
            try:
                new._db.executescript(_SCHEMA)
                new._db.execute(f"PRAGMA application_id={APPLICATION_ID}")
                new._db.execute(f"PRAGMA user_version={FORMAT}")
                begin(new)
            finally:
                new.close()
            part.rename(path)
        finally:
            part.unlink(missing_ok=True)

    def _connect(self, path: Path) -> sqlite3.Connection:
        db = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA locking_mode=EXCLUSIVE")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute(f"PRAGMA synchronous={self._sync.upper()}")
        if self._pages_max is not None:
            db.execute(f"PRAGMA max_page_count={self._pages_max}")
        return db

    def _check(self) -> None:
        (found,) = self._db.execute("PRAGMA application_id").fetchone()
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if found != APPLICATION_ID:
            raise StateUnusable(f"{self.path} is no state file of gpu-sim")
        if version != FORMAT:
            raise StateUnusable(f"{self.path} has format {version}, not {FORMAT}, the one that this version reads")
        problems = [text for (text,) in self._db.execute("PRAGMA quick_check(3)")]
        if problems != ["ok"]:
            raise StateUnusable(f"{self.path} is damaged: {'; '.join(problems)}")
        self._db.execute("BEGIN IMMEDIATE")  # takes the lock, and says at once where the file cannot be written
        self._db.execute("ROLLBACK")

    def close(self) -> None:
        """Let the file go, with everything in it and nothing beside it."""
        self._db.close()

    # Writing

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written within the block, or nothing. Raises StateUnavailable."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise StateUnavailable(f"the state file takes nothing: {error}") from None
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def begin_run(self, identity: bytes, base: bytes) -> None:
        """Forget everything, and begin a run of this identity; `base` is a snapshot that it goes on from, if any."""
        for table in _RUN_TABLES:
            self._db.execute(f"DELETE FROM {table}")  # noqa: S608  # the names are ours
        self._db.execute("INSERT INTO run VALUES (0, ?, ?)", (identity, base))

    def write_input(self, n: int, at_ms: int, input_: bytes) -> None:
        """Input number n at a virtual instant."""
        self._db.execute("INSERT INTO inputs VALUES (?, ?, ?)", (n, at_ms, input_))

    def write_clock(self, clock: ClockRow) -> None:
        """Where the clock is, in place of where it was."""
        self._db.execute("REPLACE INTO clock VALUES (0, ?, ?, ?)", astuple(clock))

    def write_token(self, token: str, account: str) -> None:
        """Whose a token is."""
        self._db.execute("INSERT INTO tokens VALUES (?, ?)", (token, account))

    def write_part(self, part: Part) -> None:
        """The journal's latest lines."""
        self._db.execute("INSERT INTO parts VALUES (?, ?, ?, ?, ?, ?, ?)", astuple(part))

    def write_snapshot(self, snapshot: SnapshotRow, ended: Iterable[tuple[int, bytes]]) -> None:
        """A snapshot, and the rentals that ended since the last one, numbered; the inputs up to there are needed no
        more."""
        self._db.executemany("INSERT INTO ended VALUES (?, ?)", ended)
        self._db.execute("REPLACE INTO snapshot VALUES (0, ?, ?, ?)", astuple(snapshot))
        self._db.execute("DELETE FROM inputs WHERE n <= ?", (snapshot.n,))

    # Reading

    def run(self) -> tuple[bytes, bytes]:
        """The identity of the run, and the snapshot that it went on from, empty for none."""
        identity, base = self._db.execute("SELECT identity, base FROM run").fetchone()
        return identity, base

    def clock(self) -> ClockRow:
        """Where the clock was."""
        return ClockRow(*self._db.execute("SELECT now_ms, wall_ms, settings FROM clock").fetchone())

    def tokens(self) -> dict[str, str]:
        """Accounts by token, in the order in which they came."""
        return dict(self._db.execute("SELECT token, account FROM tokens ORDER BY rowid"))

    def snapshot(self) -> SnapshotRow | None:
        """The latest snapshot."""
        row = self._db.execute("SELECT n, part, state FROM snapshot").fetchone()
        return None if row is None else SnapshotRow(*row)

    def inputs(self) -> Iterator[tuple[int, int, bytes]]:
        """The inputs after the latest snapshot: number, virtual ms, input."""
        yield from self._db.execute("SELECT n, at_ms, input FROM inputs ORDER BY n")

    def parts(self, *, after: int = 0) -> Iterator[Part]:
        """The stretches of the journal after that number."""
        for row in self._db.execute("SELECT * FROM parts WHERE number > ? ORDER BY number", (after,)):
            yield Part(*row)

    def part(self, number: int) -> Part:
        """The stretch of the journal of that number."""
        return Part(*self._db.execute("SELECT * FROM parts WHERE number = ?", (number,)).fetchone())

    def latest_ended(self, count: int) -> list[bytes]:
        """The latest so many ended rentals of the snapshot, in the order in which they ended."""
        rows = self._db.execute("SELECT rental FROM ended ORDER BY number DESC LIMIT ?", (count,))
        return [rental for (rental,) in rows][::-1]


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Say what the trouble with a file is."""
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == _IN_USE:
            raise StateUnusable(f"{path} is in use by another server") from None
        raise StateUnusable(f"{path} cannot be used: {error}") from None
    except OSError as error:
        raise StateUnusable(f"{path} cannot be used: {error.strerror}") from None
