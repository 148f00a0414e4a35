"""The state file: new, found again, damaged, foreign, in use, full."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.store import ClockRow, Part, SnapshotRow, StateUnavailable, StateUnusable, Store

CLOCK = ClockRow(0, 1, b"{}")


def begin(store: Store) -> None:
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
def store(path: Path) -> Iterator[Store]:
    """A new state file, open."""
    opened = Store.open(path, begin)
    yield opened
    opened.close()


def test_a_new_file_has_the_start_of_the_run(store: Store) -> None:
    assert store.run() == (b"identity", b"")
    assert store.clock() == CLOCK
    assert list(store.tokens().items()) == [("si_b", "bob"), ("si_a", "alice")]
    assert store.snapshot() is None
    assert not list(store.inputs())
    assert not list(store.parts())


def test_a_new_file_gets_its_name_only_when_it_is_complete(path: Path) -> None:
    def fail(store: Store) -> None:
        assert not path.exists()
        raise KeyError

    with pytest.raises(KeyError):
        Store.open(path, fail)
    assert list(path.parent.iterdir()) == []


def test_what_was_committed_is_found_again(path: Path) -> None:
    first = Store.open(path, begin)
    with first.transaction():
        first.write_input(1, 10, b"one")
        first.write_input(2, 20, b"two")
        first.write_clock(ClockRow(20, 3, b"{}"))
    first.close()

    def never(store: Store) -> None:
        raise AssertionError("the run has begun")

    again = Store.open(path, never)
    assert list(again.inputs()) == [(1, 10, b"one"), (2, 20, b"two")]
    assert again.clock().now_ms == 20
    again.close()


def write_and_fail(store: Store) -> None:
    with store.transaction():
        store.write_input(1, 10, b"one")
        raise KeyError


def write_twice(store: Store) -> None:
    with store.transaction():
        store.write_input(1, 10, b"one")
        store.write_input(1, 10, b"again")


def test_a_transaction_is_whole_or_not_at_all(store: Store) -> None:
    with pytest.raises(KeyError):
        write_and_fail(store)
    with pytest.raises(StateUnavailable):
        write_twice(store)
    assert list(store.inputs()) == []


def test_a_snapshot_takes_the_place_of_the_inputs_before_it(store: Store) -> None:
    part = Part(1, 2, 20, 5, 2, b"digest", b"lines\n")
    with store.transaction():
        for n in (1, 2, 3):
            store.write_input(n, 10 * n, b"")
        store.write_part(part)
        store.write_snapshot(SnapshotRow(2, 1, b"state"), [(1, b"r1"), (2, b"r2"), (3, b"r3")])
    assert [n for n, _, _ in store.inputs()] == [3]
    assert store.snapshot() == SnapshotRow(2, 1, b"state")
    assert store.latest_ended(2) == [b"r2", b"r3"]
    assert list(store.parts()) == [store.part(1)] == [part]
    assert list(store.parts(after=1)) == []


def test_a_run_that_begins_anew_forgets_the_one_before(store: Store) -> None:
    with store.transaction():
        store.write_input(1, 10, b"one")
        store.write_part(Part(1, 1, 10, 1, 1, b"", b""))
        store.write_snapshot(SnapshotRow(1, 1, b"state"), [(1, b"r1")])
        store.begin_run(b"identity", b"base")
    assert store.run() == (b"identity", b"base")
    assert store.snapshot() is None
    assert not list(store.inputs())
    assert not list(store.parts())
    assert not store.latest_ended(9)


def test_two_servers_cannot_have_one_file(store: Store, path: Path) -> None:
    with pytest.raises(StateUnusable, match="in use by another server"):
        Store.open(path, begin)
    assert store.run() == (b"identity", b"")


def test_a_file_that_is_no_database_is_left_alone(path: Path) -> None:
    path.write_bytes(b"a letter to my bank\n" * 100)
    with pytest.raises(StateUnusable, match="not a database"):
        Store.open(path, begin)
    assert path.read_bytes().startswith(b"a letter")


def test_a_foreign_database_is_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE inputs (x)")
    other.close()
    with pytest.raises(StateUnusable, match="no state file of gpu-sim"):
        Store.open(path, begin)


def test_a_file_of_another_format_is_refused(path: Path) -> None:
    Store.open(path, begin).close()
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version=99")
    other.close()
    with pytest.raises(StateUnusable, match="format 99, not 1"):
        Store.open(path, begin)


def test_an_empty_file_is_no_new_run(path: Path) -> None:
    path.touch()
    with pytest.raises(StateUnusable, match="is empty"):
        Store.open(path, begin)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_torn_file_is_refused(path: Path, share: float) -> None:
    store = Store.open(path, begin)
    with store.transaction():
        for n in range(2_000):
            store.write_input(n, n, b"x" * 100)
    store.close()
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(StateUnusable, match=r"damaged|malformed"):
        Store.open(path, begin)


def test_a_file_with_a_page_of_noise_is_refused(path: Path) -> None:
    store = Store.open(path, begin)
    with store.transaction():
        for n in range(2_000):
            store.write_input(n, n, b"x" * 100)
    store.close()
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = bytes(range(256)) * 16
    path.write_bytes(content)
    with pytest.raises(StateUnusable, match=r"damaged|malformed"):
        Store.open(path, begin)


@pytest.mark.parametrize("where", ["no/such/folder/state.db", "."])
def test_a_path_that_cannot_be_written_is_refused(tmp_path: Path, where: str) -> None:
    with pytest.raises(StateUnusable, match="cannot be used"):
        Store.open(tmp_path / where, begin)


def write(store: Store, n: int) -> None:
    with store.transaction():
        store.write_input(n, 0, b"x" * 1_000)


def fill(store: Store) -> int:
    """Write until the file is full; how often it took something."""
    for written in range(1_000):
        try:
            write(store, written)
        except StateUnavailable:
            return written
    raise AssertionError("the file is never full")


def test_a_full_file_takes_nothing_and_takes_again_once_there_is_room(path: Path) -> None:
    store = Store.open(path, begin, pages_max=20)
    written = fill(store)
    assert len(list(store.inputs())) == written > 0
    store._db.execute("PRAGMA max_page_count=10000")
    write(store, written)
    assert len(list(store.inputs())) == written + 1
    store.close()
