"""A state file's tables: the inputs of a world in order, committed before they are applied, in one SQLite file.

A run is recovered from the latest snapshot and the commands after it. Journal lines and ended rentals up to the
snapshot are rows written once. Only `StateFile` and `recover` use this; nothing here knows what a command means.
"""

import os
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from itertools import count
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import astuple

from ...core.kernel.errors import Refusal

Sync = Literal["normal", "full"]

FORMAT = 2
APPLICATION_ID = 0x67707573
_SCHEMA = """
CREATE TABLE run (id INTEGER PRIMARY KEY CHECK (id = 0), identity BLOB NOT NULL, base BLOB NOT NULL);
CREATE TABLE life (id INTEGER PRIMARY KEY CHECK (id = 0), is_open INTEGER NOT NULL);
CREATE TABLE clock (id INTEGER PRIMARY KEY CHECK (id = 0), now_ms INTEGER NOT NULL, wall_ms INTEGER NOT NULL,
    settings BLOB NOT NULL);
CREATE TABLE tokens (token TEXT PRIMARY KEY, account TEXT NOT NULL);
CREATE TABLE inputs (n INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, input BLOB NOT NULL, seal BLOB NOT NULL);
CREATE TABLE parts (number INTEGER PRIMARY KEY, n INTEGER NOT NULL, at_ms INTEGER NOT NULL, events INTEGER NOT NULL,
    lines INTEGER NOT NULL, digest BLOB NOT NULL, content BLOB NOT NULL);
CREATE TABLE ended (number INTEGER PRIMARY KEY, rental BLOB NOT NULL, seal BLOB NOT NULL);
CREATE TABLE snapshot (id INTEGER PRIMARY KEY CHECK (id = 0), n INTEGER NOT NULL, part INTEGER NOT NULL,
    held_rentals INTEGER NOT NULL, held_events INTEGER NOT NULL, state BLOB NOT NULL, seal BLOB NOT NULL);
"""
_RUN_TABLES = ("run", "clock", "tokens", "inputs", "parts", "ended", "snapshot")
_IN_USE = sqlite3.SQLITE_BUSY
_WAL_HEADER_BYTES = 32
_FRAME_HEADER_BYTES = 24


class StateUnusable(Exception):  # named as the refusals are: by what it says
    """The state file cannot be used, for the reason that the message gives. It was left as it is."""


class StateUnavailable(Refusal):
    """The state file takes nothing: a full disk, or one that fails. Nothing was applied; try again once there is
    room."""

    code = "state_unavailable"


class ClockRow(Struct, frozen=True):
    """The clock when it was last written down: virtual ms, wall ms since 1970, its settings."""

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
    """The state after input `n` and the journal's part number `part`; so many ended rentals and events were held."""

    n: int
    part: int
    held_rentals: int
    held_events: int
    state: bytes


class SqliteStore:
    """One open state file. It is locked: no two servers write to one."""

    def __init__(self, path: Path, *, sync: Sync = "normal", pages_max: int | None = None) -> None:
        self.path = path
        self._sync = sync
        self._pages_max = pages_max
        self._db = self._connect(path)

    # Opening

    @classmethod
    def open(
        cls, path: Path, begin: Callable[["SqliteStore"], None], *, sync: Sync = "normal", pages_max: int | None = None
    ) -> "SqliteStore":
        """The state file at a path. A new one is complete before it gets its name: `begin` writes the run's start.

        Raises StateUnusable for a file that is damaged, foreign, in use, or that cannot be written.
        """
        with explained(path):
            wal = _log_of(path)
            if not path.exists():
                if wal.exists():
                    raise StateUnusable(f"{path} is missing, but {wal.name}, which belongs to it, is there")
                cls._create(path, begin)
            elif path.stat().st_size == 0:
                raise StateUnusable(f"{path} is empty: it is no state file, or what was in it is lost")
            had_wal = wal.exists()
            written = _commits_in(wal)
            store = cls(path, sync=sync, pages_max=pages_max)
            try:
                store._check(had_wal=had_wal, commits=written)
            except BaseException:
                store._db.close()
                raise
            return store

    @classmethod
    def _create(cls, path: Path, begin: Callable[["SqliteStore"], None]) -> None:
        part = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
        try:
            new = cls(part, sync="full")  # whatever is asked for later: a file with a name is a whole one
            try:
                new._db.executescript(_SCHEMA)
                new._db.execute("INSERT INTO life VALUES (0, 0)")
                new._db.execute(f"PRAGMA application_id={APPLICATION_ID}")
                new._db.execute(f"PRAGMA user_version={FORMAT}")
                begin(new)
            finally:
                new.close()
            with suppress(FileExistsError):  # another server was quicker: whoever opens it first has it
                os.link(part, path)  # unlike a renaming it never takes the place of a file
        finally:
            part.unlink(missing_ok=True)

    def _connect(self, path: Path) -> sqlite3.Connection:
        db = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        # Exclusive before WAL: so the log's index is in memory, with no -shm file, and a second server is refused.
        db.execute("PRAGMA locking_mode=EXCLUSIVE")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute(f"PRAGMA synchronous={self._sync.upper()}")
        if self._pages_max is not None:
            db.execute(f"PRAGMA max_page_count={self._pages_max}")
        return db

    def _check(self, *, had_wal: bool, commits: int) -> None:
        (found,) = self._db.execute("PRAGMA application_id").fetchone()
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if found != APPLICATION_ID:
            raise StateUnusable(f"{self.path} is no state file of gpu-sim")
        if version != FORMAT:
            raise StateUnusable(f"{self.path} has format {version}, not {FORMAT}, the one that this version reads")
        problems = [text for (text,) in self._db.execute("PRAGMA quick_check(3)")]
        if problems != ["ok"]:
            raise StateUnusable(f"{self.path} is damaged: {'; '.join(problems)}")
        (is_open,) = self._row("SELECT is_open FROM life")
        if is_open and not had_wal:
            raise StateUnusable(f"{self.path}-wal is missing: what was committed last is in it, and is lost without it")
        # Before the first write of ours, which would go over the frames that a damaged log hides.
        _, found, _ = self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if commits > found:
            raise StateUnusable(f"{self.path}-wal is damaged: of what was committed last not all can be read")
        self._db.execute("UPDATE life SET is_open = 1")  # takes the lock, and says at once where nothing can be written
        self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        """Checkpoint and close: afterwards the file is complete and has no `-wal`."""
        with suppress(sqlite3.Error):  # a full disk: the file is found as after a kill
            self._db.execute("UPDATE life SET is_open = 0")
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
        self._db.execute("INSERT INTO inputs VALUES (?, ?, ?, ?)", (n, at_ms, input_, seal(n, at_ms, input_)))

    def write_clock(self, clock: ClockRow) -> None:
        """Put the clock's row in place of the one before."""
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
        rows = ((number, rental, seal(number, rental)) for number, rental in ended)
        self._db.executemany("INSERT INTO ended VALUES (?, ?, ?)", rows)
        sealed = (*astuple(snapshot), seal(*astuple(snapshot)))
        self._db.execute("REPLACE INTO snapshot VALUES (0, ?, ?, ?, ?, ?, ?)", sealed)
        self._db.execute("DELETE FROM inputs WHERE n <= ?", (snapshot.n,))

    # Reading

    def run(self) -> tuple[bytes, bytes]:
        """The identity of the run, and the snapshot that it went on from, empty for none. Raises StateUnusable."""
        identity, base = self._row("SELECT identity, base FROM run")
        return identity, base

    def clock(self) -> ClockRow:
        """The clock when it was last written down. Raises StateUnusable."""
        return ClockRow(*self._row("SELECT now_ms, wall_ms, settings FROM clock"))

    def tokens(self) -> dict[str, str]:
        """Accounts by token, in the order in which they came."""
        return dict(self._db.execute("SELECT token, account FROM tokens ORDER BY rowid"))

    def snapshot(self) -> SnapshotRow | None:
        """The latest snapshot. Raises StateUnusable for a damaged one."""
        row = self._db.execute("SELECT n, part, held_rentals, held_events, state, seal FROM snapshot").fetchone()
        return None if row is None else SnapshotRow(*self._unsealed(row, "a snapshot"))

    def inputs(self, after: int) -> Iterator[tuple[int, int, bytes]]:
        """The inputs after number `after`: number, virtual ms, input. Raises StateUnusable where one is missing or
        damaged."""
        for row in self._db.execute("SELECT n, at_ms, input, seal FROM inputs WHERE n > ? ORDER BY n", (after,)):
            n, at_ms, input_ = self._unsealed(row, "an input")
            after += 1
            if n != after:
                raise StateUnusable(f"{self.path} is damaged: input {after} is missing")
            yield n, at_ms, input_

    def parts(self, *, after: int = 0) -> Iterator[Part]:
        """The stretches of the journal after that number."""
        for row in self._db.execute("SELECT * FROM parts WHERE number > ? ORDER BY number", (after,)):
            yield Part(*row)

    def part(self, number: int) -> Part:
        """The stretch of the journal of that number. Raises StateUnusable."""
        part = Part(*self._row("SELECT * FROM parts WHERE number = ?", number))
        if not isinstance(part.content, bytes):
            raise StateUnusable(f"{self.path} is damaged: the journal in it has been changed")
        return part

    def latest_ended(self, count: int) -> list[bytes]:
        """The latest so many ended rentals of the snapshot, in the order in which they ended. Raises StateUnusable."""
        rows = self._db.execute("SELECT number, rental, seal FROM ended ORDER BY number DESC LIMIT ?", (count,))
        return [self._unsealed(row, "a rental")[1] for row in rows][::-1]

    def _row(self, query: str, *values: object) -> tuple[Any, ...]:
        row: tuple[Any, ...] | None = self._db.execute(query, values).fetchone()
        if row is None:
            raise StateUnusable(f"{self.path} is damaged: what it should hold is not there")
        return row

    def _unsealed(self, row: tuple[Any, ...], kind: str) -> tuple[Any, ...]:
        *values, found = row
        if seal(*values) != found:
            raise StateUnusable(f"{self.path} is damaged: {kind} in it has been changed")
        return tuple(values)


def is_there(path: Path) -> bool:
    """True where there is a file, or a log that belongs to one. Raises StateUnusable where that cannot be seen."""
    with explained(path):
        return path.exists() or _log_of(path).exists()


def _log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def seal(*values: object) -> bytes:
    """A digest of what a row holds: SQLite itself does not notice a changed byte."""
    digest = blake2b(digest_size=8)
    for value in values:
        digest.update(value if isinstance(value, bytes) else f"{value}\0".encode())
    return digest.digest()


def _commits_in(wal: Path) -> int:
    """The number of frames of a write-ahead log, by their headers, up to its last but one commit, which counts too.

    A process that is killed leaves at most the frames of one transaction unfinished, its commit at the very end. So
    SQLite finds at least so many sound ones, unless the log was damaged; then it would silently take the rest for free
    space. The log's format is that of SQLite's documentation: a header of 32 bytes with the page size at 8 and the
    salts at 16, then frames with 24 bytes of header, the size of the database after a commit at 4 and the salts at 8.
    """
    if not wal.exists() or wal.stat().st_size < _WAL_HEADER_BYTES:
        return 0
    commits = [0, 0]
    with wal.open("rb") as file:
        header = file.read(_WAL_HEADER_BYTES)
        page_bytes, salts = int.from_bytes(header[8:12], "big"), header[16:24]
        for number in count(1):
            frame = file.read(_FRAME_HEADER_BYTES)
            if frame[8:16] != salts:
                return commits[-2]
            if any(frame[4:8]):
                commits.append(number)
            file.seek(page_bytes, os.SEEK_CUR)
    raise AssertionError("numbers do not end")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an error of SQLite or the system into a StateUnusable that names the file."""
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == _IN_USE:
            raise StateUnusable(f"{path} is in use by another server") from None
        raise StateUnusable(f"{path} cannot be used: {error}") from None
    except OSError as error:
        raise StateUnusable(f"{path} cannot be used: {error.strerror}") from None
