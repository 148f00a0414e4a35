"""Reading a state file: each row as it was written, or a refusal.

A file is checked as a whole before it is used: that the tables are ours, that SQLite finds its pages in order, and that
all rows are there that the head names, none more, each with its seal.
"""

import errno
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from ...private_files import fault_of
from .commit_count import CommitsMissing, check_count, count_path
from .refusals import StateUnusable, damaged, explained, one_line
from .rows import (
    APPLICATION_ID,
    CHAINS,
    FORMAT,
    SCHEMA,
    ChainEnd,
    Head,
    Part,
    RunRow,
    SnapshotRow,
    decode_head,
    seal,
)

_Row = TypeVar("_Row")
_NO_LINKS = errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS
"""Said by file systems without hard links, such as FAT."""
_INPUTS = "SELECT number, at_ms, input FROM inputs ORDER BY number"
_SNAPSHOT = "SELECT n, part, held_rentals, held_events, state, inputs_seal FROM snapshot"
_PARTS = "SELECT number, n, at_ms, events, lines, digest, content FROM parts"


Report = Callable[[str], object]
"""Hears in a line what the server's operator should know."""


def unheard(_: str) -> None:
    """A report to nobody."""


def log_path(path: Path) -> Path:
    """The place of a state file's write-ahead log."""
    return path.with_name(path.name + "-wal")


def is_there(path: Path) -> bool:
    """True where there is a file that may be a state file. Raises StateUnusable where the path is another thing's,
    where files are there that belong to no state file or to one that is gone, and where that cannot be seen."""
    if not hasattr(os, "pwrite"):
        raise StateUnusable(f"{path} cannot be used: state files need a POSIX system, such as Linux or macOS")
    with explained(path):
        beside = log_path(path), count_path(path)
        for each in (path, *beside):
            fault = fault_of(each)
            if fault is not None:
                raise StateUnusable(f"{each} {fault}")
        if not path.exists():
            left = next((each for each in beside if each.exists()), None)
            if left is not None:
                raise StateUnusable(f"{path} is missing, but {left.name}, which belongs to it, is there")
            return False
        if path.stat().st_size == 0:
            raise StateUnusable(f"{path} is empty: it is no state file, or what was in it is lost")
        journal = path.with_name(path.name + "-journal")
        if os.path.lexists(journal):  # SQLite would undo by it what it takes for an unfinished change
            raise StateUnusable(f"{journal} is there, which no state file has: it belongs to another database")
        return True


def link(file: Path, name: Path) -> None:
    """Give a file another name, which nothing must have. Raises OSError."""
    try:
        name.hardlink_to(file)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        reason = f"it needs a second name for a moment, and its file system gives it none ({error.strerror})"
        raise OSError(error.errno, reason) from None


def connect(path: Path) -> sqlite3.Connection:
    """A connection to a file that is there, which no other can have at the same time. Raises sqlite3.Error."""
    uri = f"file://{quote(os.fsencode(path.absolute()))}?mode=rw"
    db = sqlite3.connect(uri, uri=True, timeout=0, isolation_level=None, check_same_thread=False)
    # Exclusive before its first use: so the log's index is in memory, with no -shm file, and a second server gets none.
    db.execute("PRAGMA locking_mode=EXCLUSIVE")
    return db


class StateReader:
    """The rows of one state file that is open. Every method raises StateUnusable for what is damaged."""

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        self.path = path
        self._db = db

    # The file as a whole

    def check_tables(self) -> None:
        """Check that this is a state file, and that SQLite finds its pages in order."""
        (found,) = self._db.execute("PRAGMA application_id").fetchone()
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if found != APPLICATION_ID:
            raise StateUnusable(f"{self.path} is no state file of gpu-sim")
        if version != FORMAT:
            raise StateUnusable(f"{self.path} has format {version}, not {FORMAT}, the one that this version reads")
        problems = [text for (text,) in self._db.execute("PRAGMA quick_check(3)")]
        if problems != ["ok"]:
            raise damaged(self.path, one_line("; ".join(problems)))
        tables = set(self._db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master"))
        if tables != {("table", name, name, sql) for name, sql in SCHEMA.items()}:
            raise damaged(self.path, "its tables are not those of a state file")

    def check_rows(self) -> None:
        """Check that all rows are there that the head names, none more, each as it was written."""
        head, run, snapshot = self.head(), self.run(), self.snapshot()
        for table in CHAINS:
            start = run.start(table)
            if table == "inputs" and snapshot is not None:
                start = ChainEnd(snapshot.n, snapshot.inputs_seal)
            self._check_chain(table, start, getattr(head, table))

    def _check_chain(self, table: str, start: ChainEnd, end: ChainEnd) -> None:
        number, latest = start
        for *values, found in self._db.execute(f"SELECT * FROM {table} ORDER BY number"):  # noqa: S608  # a name of ours
            number += 1
            if values[0] != number:
                raise damaged(self.path, f"row {number:,} of {table} is missing")
            latest = seal(latest, *values)
            if latest != found:
                raise damaged(self.path, f"row {number:,} of {table} has been changed or is another file's")
        if (number, latest) != end:
            raise damaged(self.path, f"{table} ends with row {number:,}, not with {end.number:,} as it was written")

    # Rows

    def head(self) -> Head:
        """The state of the file as of its last commit."""
        return self.sealed_head()[0]

    def sealed_head(self) -> tuple[Head, bytes]:
        """The head and its seal."""
        content, found = self._row("SELECT content, seal FROM head", tuple[bytes, bytes])
        if seal(content) != found:
            raise damaged(self.path, "its head has been changed")
        try:
            return decode_head(content), found
        except msgspec.MsgspecError as error:
            raise damaged(self.path, f"its head: {error}") from None

    def run(self) -> RunRow:
        """The beginning of the run."""
        run = self._row("SELECT mark, identity, base, ended_before FROM run", RunRow)
        if seal(run) != self.head().run:
            raise damaged(self.path, "the beginning of its run has been changed")
        return run

    def tokens(self) -> dict[str, str]:
        """Tokens by account, in the order in which they came."""
        rows = self._db.execute("SELECT account, token FROM tokens ORDER BY number")
        return dict(self._typed(row, tuple[str, str]) for row in rows)

    def snapshot(self) -> SnapshotRow | None:
        """The latest snapshot."""
        expected = self.head().snapshot
        rows = self._db.execute(_SNAPSHOT).fetchall()
        if not rows and not expected:
            return None
        if len(rows) != 1 or seal(row := self._typed(rows[0], SnapshotRow)) != expected:
            raise damaged(self.path, "its snapshot has been changed")
        return row

    def inputs(self) -> Iterator[tuple[int, int, bytes]]:
        """The inputs after the snapshot: number, virtual ms, input."""
        for row in self._db.execute(_INPUTS):
            yield self._typed(row, tuple[int, int, bytes])

    def parts(self, *, after: int = 0) -> Iterator[Part]:
        """The stretches of the journal after that number."""
        for row in self._db.execute(f"{_PARTS} WHERE number > ? ORDER BY number", (after,)):
            yield self._typed(row, Part)

    def part(self, number: int) -> Part:
        """The stretch of the journal of that number."""
        return self._row(f"{_PARTS} WHERE number = ?", Part, number)

    def latest_ended(self, count: int) -> list[bytes]:
        """The latest so many ended rentals of the snapshot, in the order in which they ended."""
        rows = self._db.execute("SELECT rental FROM ended ORDER BY number DESC LIMIT ?", (count,)).fetchall()
        return [self._typed(row, tuple[bytes])[0] for row in reversed(rows)]

    def _row(self, query: str, kind: type[_Row], *values: object) -> _Row:
        row = self._db.execute(query, values).fetchone()
        if row is None:
            raise damaged(self.path, "what it should hold is not there")
        return self._typed(row, kind)

    def _typed(self, row: Any, kind: type[_Row]) -> _Row:
        """The row with columns of the types that were written. SQLite itself takes any in any column."""
        try:
            return msgspec.convert(row, kind, builtin_types=(bytes,))
        except msgspec.ValidationError as error:
            raise damaged(self.path, error) from None


@contextmanager
def inspected(path: Path, *, accept_loss: bool = False, report: Report = unheard) -> Iterator[StateReader]:
    """The state file, checked and open to be read; its files stay byte for byte as they are. Raises StateUnusable, for
    missing commits only where their loss is not accepted; otherwise that is reported."""
    with explained(path):
        in_file = _head_in_file(path)
        with _opened_aside(path) as db:
            reader = StateReader(path, db)
            reader.check_tables()
            head, head_seal = reader.sealed_head()
            # What is in the file has come there from the log, which starts anew only when all of it has.
            if in_file is not None and (in_file.file != head.file or in_file.commits > head.commits):
                raise StateUnusable(
                    f"{log_path(path)} is cut short, an older copy or another file's: {path.name} has more than it"
                )
            try:
                check_count(path, head, head_seal)
            except CommitsMissing as missing:
                if not accept_loss:
                    raise StateUnusable(f"{missing} (--accept-loss goes on with what is there)") from None
                report(f"{missing}: going on with what is there")
            reader.check_rows()
            yield reader


def _head_in_file(path: Path) -> Head | None:
    """The head in the file itself, its log left aside, as far as it can be read: a kill may have come while the log was
    being written into the file."""
    with suppress(sqlite3.DatabaseError, StateUnusable), _opened_aside(path, with_log=False) as db:
        return StateReader(path, db).head()
    return None


@contextmanager
def _opened_aside(path: Path, *, with_log: bool = True) -> Iterator[sqlite3.Connection]:
    """A connection that leaves the files as they are.

    SQLite writes the log into the file and deletes it when it closes one, but not where the file has lost the name by
    which it was opened. So it is opened by names of their own for it and its log, which are taken away again at once.
    """
    aside = path.with_name(f".{path.name}-look")
    log, log_aside = log_path(path), log_path(aside)
    names = aside, log_aside
    _unlink(names)  # a kill may have left them
    try:
        link(path, aside)
        if with_log and log.exists():
            link(log, log_aside)
        with closing(connect(aside)) as db:
            try:
                # The first use opens the log and takes the lock; to begin to write says if that is possible at all.
                db.execute("BEGIN IMMEDIATE")
                db.execute("ROLLBACK")
            finally:  # before it is closed
                _unlink(names)
            yield db
    finally:
        _unlink(names)


def _unlink(names: Iterable[Path]) -> None:
    for name in names:
        name.unlink(missing_ok=True)
