"""The results of a sweep in one SQLite file: rows by the keys of their runs. The first counts, a second must be equal.

Each batch is one transaction, so that a process that is killed leaves whole rows only.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

FORMAT = 1


class Row(Struct, frozen=True):
    """The result of one run: its key, the settings that it was run under as JSON, its seed, and its metrics as JSON."""

    key: str
    settings: bytes
    seed: int
    metrics: bytes


class ResultsUnusable(Exception):
    """The file holds no results of this sweep; nothing of it was changed."""


class ResultsFile:
    """An open file of results; `close` it, or use it as a context. `path` may be `:memory:`."""

    def __init__(self, path: Path | str, scenario: str, version: str) -> None:
        """Open the file, or make it. Raises ResultsUnusable for one of another format, scenario or version."""
        self._path = path
        try:
            self._database = sqlite3.connect(path, isolation_level=None)
        except sqlite3.Error as error:
            raise ResultsUnusable(f"{path}: {error}") from None
        try:
            self._open(scenario, version)
        except (sqlite3.Error, ResultsUnusable) as error:
            self._database.close()
            raise ResultsUnusable(f"{path}: {error}") from None

    def _open(self, scenario: str, version: str) -> None:
        wanted = {"format": str(FORMAT), "scenario": scenario, "version": version}
        # One step: of two sweeps that begin at once, one makes the file and the other finds it.
        self._database.execute("BEGIN IMMEDIATE")
        tables = {name for (name,) in self._database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not tables:
            self._database.execute("CREATE TABLE sweep (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
            self._database.executemany("INSERT INTO sweep VALUES (?, ?)", wanted.items())
            self._database.execute(
                "CREATE TABLE runs (number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, settings BLOB NOT NULL,"
                " seed INTEGER NOT NULL, metrics BLOB NOT NULL)"
            )
        elif not {"sweep", "runs"} <= tables:
            self._database.execute("ROLLBACK")
            raise ResultsUnusable("this is an SQLite file of something else")
        known = dict(self._database.execute("SELECT name, value FROM sweep"))
        for name, value in wanted.items():
            if known.get(name) != value:
                self._database.execute("ROLLBACK")
                raise ResultsUnusable(f"its results are of {name} {known.get(name)}, not of {value}; give another file")
        self._database.execute("COMMIT")

    def __enter__(self) -> "ResultsFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def has(self, key: str) -> bool:
        """True if the run of that key is there."""
        return self._database.execute("SELECT 1 FROM runs WHERE key = ?", (key,)).fetchone() is not None

    def add(self, rows: Iterable[Row]) -> None:
        """Add rows in one transaction. Raises ResultsUnusable where one is there already and differs."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            for row in rows:
                self._add(row)
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def _add(self, row: Row) -> None:
        known = self._database.execute("SELECT settings, seed, metrics FROM runs WHERE key = ?", (row.key,)).fetchone()
        if known is None:
            self._database.execute(
                "INSERT INTO runs (key, settings, seed, metrics) VALUES (?, ?, ?, ?)",
                (row.key, row.settings, row.seed, row.metrics),
            )
        elif known != (row.settings, row.seed, row.metrics):
            raise ResultsUnusable(
                f"the run {row.key} (seed {row.seed}) has another result than the one that is there:"
                " a run is not a pure function of its scenario, settings and seed"
            )

    def __len__(self) -> int:
        """The number of runs that are there."""
        count: int = self._database.execute("SELECT count(*) FROM runs").fetchone()[0]
        return count

    def rows(self) -> Iterator[Row]:
        """All of them, by settings and seed, whatever the order in which they came."""
        found = self._database.execute("SELECT key, settings, seed, metrics FROM runs ORDER BY settings, seed, key")
        for key, settings, seed, metrics in found:
            yield Row(key, settings, seed, metrics)
