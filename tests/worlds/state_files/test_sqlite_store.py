"""The state file: new, found again, damaged, foreign, in use, full."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from gpu_sim.worlds.state_files.sqlite_store import (
    ClockRow,
    Part,
    SnapshotRow,
    SqliteStore,
    StateUnavailable,
    StateUnusable,
)

CLOCK = ClockRow(0, 1, b"{}")


def begin(store: SqliteStore) -> None:
    """The start of a run."""
    with store.transaction():
        store.begin_run(b"identity", b"")
        store.write_clock(CLOCK)
        store.write_token("si_b", "bob")
        store.write_token("si_a", "alice")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is to be."""
    return tmp_path / "state.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    """A new state file, open."""
    opened = SqliteStore.open(path, begin)
    yield opened
    opened.close()


def test_a_new_file_has_the_start_of_the_run(store: SqliteStore) -> None:
    assert store.run() == (b"identity", b"")
    assert store.clock() == CLOCK
    assert list(store.tokens().items()) == [("si_b", "bob"), ("si_a", "alice")]
    assert store.snapshot() is None
    assert not list(store.inputs(0))
    assert not list(store.parts())


def test_a_new_file_gets_its_name_only_when_it_is_complete(path: Path) -> None:
    def fail(store: SqliteStore) -> None:
        assert not path.exists()
        raise KeyError

    with pytest.raises(KeyError):
        SqliteStore.open(path, fail)
    assert list(path.parent.iterdir()) == []


def test_what_was_committed_is_found_again(path: Path) -> None:
    first = SqliteStore.open(path, begin)
    with first.transaction():
        first.write_input(1, 10, b"one")
        first.write_input(2, 20, b"two")
        first.write_clock(ClockRow(20, 3, b"{}"))
    first.close()

    def never(store: SqliteStore) -> None:
        raise AssertionError("the run has begun")

    again = SqliteStore.open(path, never)
    assert list(again.inputs(0)) == [(1, 10, b"one"), (2, 20, b"two")]
    assert again.clock().now_ms == 20
    again.close()


def write_and_fail(store: SqliteStore) -> None:
    with store.transaction():
        store.write_input(1, 10, b"one")
        raise KeyError


def write_twice(store: SqliteStore) -> None:
    with store.transaction():
        store.write_input(1, 10, b"one")
        store.write_input(1, 10, b"again")


def test_a_transaction_is_whole_or_not_at_all(store: SqliteStore) -> None:
    with pytest.raises(KeyError):
        write_and_fail(store)
    with pytest.raises(StateUnavailable):
        write_twice(store)
    assert list(store.inputs(0)) == []


def test_a_snapshot_takes_the_place_of_the_inputs_before_it(store: SqliteStore) -> None:
    part = Part(1, 2, 20, 5, 2, b"digest", b"lines\n")
    with store.transaction():
        for n in (1, 2, 3):
            store.write_input(n, 10 * n, b"")
        store.write_part(part)
        store.write_snapshot(SnapshotRow(2, 1, 3, 5, b"state"), [(1, b"r1"), (2, b"r2"), (3, b"r3")])
    assert [n for n, _, _ in store.inputs(2)] == [3]
    assert store.snapshot() == SnapshotRow(2, 1, 3, 5, b"state")
    assert store.latest_ended(2) == [b"r2", b"r3"]
    assert list(store.parts()) == [store.part(1)] == [part]
    assert list(store.parts(after=1)) == []


def test_a_run_that_begins_anew_forgets_the_one_before(store: SqliteStore) -> None:
    with store.transaction():
        store.write_input(1, 10, b"one")
        store.write_part(Part(1, 1, 10, 1, 1, b"", b""))
        store.write_snapshot(SnapshotRow(1, 1, 1, 1, b"state"), [(1, b"r1")])
        store.begin_run(b"identity", b"base")
    assert store.run() == (b"identity", b"base")
    assert store.snapshot() is None
    assert not list(store.inputs(0))
    assert not list(store.parts())
    assert not store.latest_ended(9)


def test_two_servers_cannot_have_one_file(store: SqliteStore, path: Path) -> None:
    with pytest.raises(StateUnusable, match="in use by another server"):
        SqliteStore.open(path, begin)
    assert store.run() == (b"identity", b"")


def test_a_file_that_is_no_database_is_left_alone(path: Path) -> None:
    path.write_bytes(b"a letter to my bank\n" * 100)
    with pytest.raises(StateUnusable, match="not a database"):
        SqliteStore.open(path, begin)
    assert path.read_bytes().startswith(b"a letter")


def test_a_foreign_database_is_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE inputs (x)")
    other.close()
    with pytest.raises(StateUnusable, match="no state file of gpu-sim"):
        SqliteStore.open(path, begin)


def test_a_file_of_another_format_is_refused(path: Path) -> None:
    SqliteStore.open(path, begin).close()
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version=99")
    other.close()
    with pytest.raises(StateUnusable, match="format 99, not 2"):
        SqliteStore.open(path, begin)


def test_an_empty_file_is_no_new_run(path: Path) -> None:
    path.touch()
    with pytest.raises(StateUnusable, match="is empty"):
        SqliteStore.open(path, begin)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_torn_file_is_refused(path: Path, share: float) -> None:
    store = SqliteStore.open(path, begin)
    with store.transaction():
        for n in range(2_000):
            store.write_input(n, n, b"x" * 100)
    store.close()
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(StateUnusable, match=r"damaged|malformed"):
        SqliteStore.open(path, begin)


def test_a_file_with_a_page_of_noise_is_refused(path: Path) -> None:
    store = SqliteStore.open(path, begin)
    with store.transaction():
        for n in range(2_000):
            store.write_input(n, n, b"x" * 100)
    store.close()
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = bytes(range(256)) * 16
    path.write_bytes(content)
    with pytest.raises(StateUnusable, match=r"damaged|malformed"):
        SqliteStore.open(path, begin)


@pytest.mark.parametrize("where", ["no/such/folder/state.db", "."])
def test_a_path_that_cannot_be_written_is_refused(tmp_path: Path, where: str) -> None:
    with pytest.raises(StateUnusable, match="cannot be used"):
        SqliteStore.open(tmp_path / where, begin)


def write(store: SqliteStore, n: int) -> None:
    with store.transaction():
        store.write_input(n + 1, 0, b"x" * 1_000)


def fill(store: SqliteStore) -> int:
    """Write until the file is full; how often it took something."""
    for written in range(1_000):
        try:
            write(store, written)
        except StateUnavailable:
            return written
    raise AssertionError("the file is never full")


def test_a_full_file_takes_nothing_and_takes_again_once_there_is_room(path: Path) -> None:
    store = SqliteStore.open(path, begin, pages_max=24)
    written = fill(store)
    assert len(list(store.inputs(0))) == written > 0
    store._db.execute("PRAGMA max_page_count=10000")
    write(store, written)
    assert len(list(store.inputs(0))) == written + 1
    store.close()


# What a kill leaves, and what may have become of it


def left_by_a_kill(path: Path, commits: int = 5) -> Path:
    """A file and its log as a killed server leaves them; the log's path."""
    store = SqliteStore.open(path, begin)
    for n in range(commits):
        write(store, n)
    wal = path.with_name(path.name + "-wal")
    left = path.read_bytes(), wal.read_bytes()
    store.close()
    path.write_bytes(left[0])
    wal.write_bytes(left[1])
    return wal


def test_what_a_kill_leaves_is_found(path: Path) -> None:
    left_by_a_kill(path)
    store = SqliteStore.open(path, begin)
    assert len(list(store.inputs(0))) == 5
    store.close()


def test_an_unfinished_transaction_at_the_end_of_the_log_is_none(path: Path) -> None:
    wal = left_by_a_kill(path)
    content = wal.read_bytes()
    wal.write_bytes(content[:-2_000])
    store = SqliteStore.open(path, begin)
    assert len(list(store.inputs(0))) == 4
    store.close()


def test_a_file_without_the_log_that_belongs_to_it_is_refused(path: Path) -> None:
    wal = left_by_a_kill(path)
    wal.unlink()
    with pytest.raises(StateUnusable, match="-wal is missing"):
        SqliteStore.open(path, begin)


def test_a_copy_without_the_log_is_refused(path: Path, tmp_path: Path) -> None:
    left_by_a_kill(path)
    copy = tmp_path / "copy.db"
    copy.write_bytes(path.read_bytes())
    with pytest.raises(StateUnusable, match="-wal is missing"):
        SqliteStore.open(copy, begin)


def test_a_log_without_its_file_makes_no_new_run(path: Path) -> None:
    wal = left_by_a_kill(path)
    path.unlink()
    with pytest.raises(StateUnusable, match="is missing"):
        SqliteStore.open(path, begin)
    assert not path.exists()
    assert wal.exists()


def test_a_log_that_is_damaged_before_its_end_is_refused(path: Path) -> None:
    wal = left_by_a_kill(path)
    content = bytearray(wal.read_bytes())
    content[32 + 24 + 100] ^= 1
    wal.write_bytes(content)
    with pytest.raises(StateUnusable, match="-wal is damaged"):
        SqliteStore.open(path, begin)


def test_a_file_that_another_server_makes_meanwhile_is_not_replaced(path: Path) -> None:
    first: list[SqliteStore] = []

    def begin_late(store: SqliteStore) -> None:
        first.append(SqliteStore.open(path, begin))
        begin(store)

    with pytest.raises(StateUnusable, match="in use by another server"):
        SqliteStore.open(path, begin_late)
    write(first[0], 0)
    first[0].close()
    store = SqliteStore.open(path, begin)
    assert len(list(store.inputs(0))) == 1
    store.close()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("UPDATE inputs SET at_ms = 7 WHERE n = 2", "an input in it has been changed"),
        ("UPDATE inputs SET input = x'00' WHERE n = 2", "an input in it has been changed"),
        ("DELETE FROM inputs WHERE n = 2", "input 2 is missing"),
    ],
)
def test_a_changed_or_missing_input_is_noticed(store: SqliteStore, change: str, says: str) -> None:
    for n in range(3):
        write(store, n)
    store._db.execute(change)
    with pytest.raises(StateUnusable, match=says):
        list(store.inputs(0))


def test_a_changed_snapshot_or_rental_is_noticed(store: SqliteStore) -> None:
    with store.transaction():
        store.write_snapshot(SnapshotRow(0, 0, 1, 0, b"state"), [(1, b"rental")])
    store._db.execute("UPDATE snapshot SET state = x'00'")
    store._db.execute("UPDATE ended SET rental = x'00'")
    with pytest.raises(StateUnusable, match="a snapshot in it has been changed"):
        store.snapshot()
    with pytest.raises(StateUnusable, match="a rental in it has been changed"):
        store.latest_ended(1)


@pytest.mark.parametrize("table", ["run", "clock"])
def test_a_row_that_is_not_there_is_noticed(store: SqliteStore, table: str) -> None:
    store._db.execute(f"DELETE FROM {table}")
    with pytest.raises(StateUnusable, match="is damaged"):
        getattr(store, table)()
