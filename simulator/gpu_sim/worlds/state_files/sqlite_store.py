"""A state file that is written: the inputs of a world in order, committed before they are applied, in one SQLite file.

A run is recovered from the latest snapshot and the commands after it. Journal lines and ended rentals up to the
snapshot are rows written once. Only `StateFile` uses this; nothing here knows what a command means.
"""

import os
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from msgspec.structs import astuple, replace

from ...private_files import open_private, tighten
from .commit_count import CommitCount
from .refusals import StateUnavailable, StateUnusable, explained, in_use
from .rows import (
    APPLICATION_ID,
    FORMAT,
    MARK_BYTES,
    SCHEMA,
    ChainEnd,
    ClockRow,
    Head,
    Part,
    RunRow,
    SnapshotRow,
    encode,
    seal,
)
from .state_reader import StateReader, connect, link, log_path

Sync = Literal["normal", "full"]


class SqliteStore:
    """One state file, open to be written. It is locked: no two servers write to one."""

    def __init__(self, path: Path, *, sync: Sync, pages_max: int | None = None) -> None:
        self.path = path
        self._db = connect(path)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute(f"PRAGMA synchronous={sync.upper()}")
        if pages_max is not None:
            self._db.execute(f"PRAGMA max_page_count={pages_max}")
        self.reader = StateReader(path, self._db)
        self._head = self._next = Head(secrets.token_bytes(MARK_BYTES))
        """The head as the latest commit left it, and as the next one will."""
        self._head_seal = b""
        self._head_is_known = True
        """False while a commit is under way: broken off, nobody knows which head the file has."""
        self._count: CommitCount | None = None

    # Opening

    @classmethod
    def create(
        cls, path: Path, begin: Callable[["SqliteStore"], None], *, sync: Sync = "normal", pages_max: int | None = None
    ) -> "SqliteStore":
        """A new file, which is complete before it gets its name: `begin` writes the run's start. Raises StateUnusable,
        also where there is a file by now."""
        with explained(path):
            part = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
            try:
                os.close(open_private(part, new=True))
                new = cls(part, sync="full")  # whatever is asked for later: a file with a name is a whole one
                try:
                    new._make_tables()
                    begin(new)
                finally:
                    new._db.close()
                try:
                    link(part, path)  # unlike a renaming it never takes the place of a file
                except FileExistsError:
                    raise StateUnusable(f"{path} was made by another server meanwhile") from None
            finally:
                for each in (part, log_path(part)):
                    each.unlink(missing_ok=True)
        return cls.open(path, new._head, sync=sync, pages_max=pages_max)

    @classmethod
    def open(cls, path: Path, expected: Head, *, sync: Sync = "normal", pages_max: int | None = None) -> "SqliteStore":
        """The file at a path, of which the head was found to be this one. Raises StateUnusable for a file that is in
        use, that cannot be written, or that another server has written meanwhile."""
        with explained(path):
            for each in filter(Path.exists, (path, log_path(path))):
                tighten(each)
            store = cls(path, sync=sync, pages_max=pages_max)
            try:
                store._begin(expected)
            except BaseException:
                store._give_up()
                raise
            return store

    def _make_tables(self) -> None:
        for statement in SCHEMA.values():
            self._db.execute(statement)
        self._db.execute(f"PRAGMA application_id={APPLICATION_ID}")
        self._db.execute(f"PRAGMA user_version={FORMAT}")

    def _begin(self, expected: Head) -> None:
        self._head, self._head_seal = self.reader.sealed_head()
        if self._head != expected:
            raise in_use(self.path)
        # The count is there before anything is committed that it would have to count.
        self._count = CommitCount(self.path)
        self._count.begin(self._head, self._head_seal)
        with self.transaction():
            self._next = replace(self._next, is_open=True)
        # So that a copy of the file alone is known not to be all.
        self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _give_up(self) -> None:
        self._db.close()
        if self._count is not None:
            if self._count.is_new and not self._head.is_open:
                self._count.remove()
            else:
                self._count.close()

    def close(self) -> None:
        """Checkpoint and close: afterwards the file is complete and alone."""
        try:
            with suppress(StateUnavailable), self.transaction():  # a full disk: the file is found as after a kill
                self._next = replace(self._next, is_open=False)
        finally:
            self._db.close()
        if self._count is None:
            return
        if self._head.is_open or log_path(self.path).exists():
            self._count.close()
        else:
            self._count.remove()

    # Writing

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written within the block, or nothing. Raises StateUnavailable."""
        try:
            if not self._head_is_known:
                self._head, self._head_seal = self.reader.sealed_head()
            self._next, self._head_is_known = self._head, False
            self._db.execute("BEGIN IMMEDIATE")
            yield
            head = replace(self._next, commits=self._head.commits + 1, before=self._head_seal)
            content = encode(head)
            head_seal = seal(content)
            self._db.execute("REPLACE INTO head VALUES (0, ?, ?)", (content, head_seal))
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise StateUnavailable(f"the state file takes nothing: {error}") from None
        except BaseException:
            self._roll_back()
            raise
        self._head, self._head_seal = head, head_seal
        self._head_is_known = True
        if self._count is not None:
            self._count.write(head, head_seal)

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def begin_run(self, identity: bytes, base: bytes, ended_before: int) -> None:
        """Forget everything, and begin a run of this identity, before which so many rentals had ended; `base` is a
        snapshot that it goes on from, if any."""
        for table in SCHEMA:
            self._db.execute(f"DELETE FROM {table}")  # noqa: S608  # the names are ours
        run = RunRow(secrets.token_bytes(MARK_BYTES), identity, base, ended_before)
        self._db.execute("INSERT INTO run VALUES (0, ?, ?, ?, ?)", astuple(run))
        self._next = replace(
            self._next,
            run=seal(run),
            snapshot=b"",
            tokens=run.start("tokens"),
            inputs=run.start("inputs"),
            parts=run.start("parts"),
            ended=run.start("ended"),
        )

    def write_input(self, at_ms: int, input_: bytes) -> None:
        """The next input, at a virtual instant."""
        number, before = self._next.inputs
        sealed = seal(before, number + 1, at_ms, input_)
        self._db.execute("INSERT INTO inputs VALUES (?, ?, ?, ?)", (number + 1, at_ms, input_, sealed))
        self._next = replace(self._next, inputs=ChainEnd(number + 1, sealed))

    def write_clock(self, clock: ClockRow) -> None:
        """Where the clock is."""
        self._next = replace(self._next, clock=clock)

    def write_token(self, token: str, account: str) -> None:
        """Whose a token is."""
        number, before = self._next.tokens
        sealed = seal(before, number + 1, token, account)
        self._db.execute("INSERT INTO tokens VALUES (?, ?, ?, ?)", (number + 1, token, account, sealed))
        self._next = replace(self._next, tokens=ChainEnd(number + 1, sealed))

    def write_part(self, part: Part) -> None:
        """The journal's latest lines."""
        sealed = seal(self._next.parts.seal, *astuple(part))
        self._db.execute("INSERT INTO parts VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*astuple(part), sealed))
        self._next = replace(self._next, parts=ChainEnd(part.number, sealed))

    def write_snapshot(self, snapshot: SnapshotRow, ended: Iterable[tuple[int, bytes]]) -> None:
        """A snapshot after the latest input, and the rentals that ended since the last one, numbered; the inputs up to
        there are needed no more."""
        last = self._next.ended
        for number, rental in ended:
            last = ChainEnd(number, seal(last.seal, number, rental))
            self._db.execute("INSERT INTO ended VALUES (?, ?, ?)", (number, rental, last.seal))
        assert snapshot.n == self._next.inputs.number, (snapshot.n, self._next.inputs)
        row = replace(snapshot, inputs_seal=self._next.inputs.seal)
        self._db.execute("REPLACE INTO snapshot VALUES (0, ?, ?, ?, ?, ?, ?)", astuple(row))
        self._db.execute("DELETE FROM inputs")
        self._next = replace(self._next, ended=last, snapshot=seal(row))
