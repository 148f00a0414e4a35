"""The tables of a state file: new, found again, damaged, foreign, in use, full."""

import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from gpu_sim.worlds.state_files.commit_count import CommitCount
from gpu_sim.worlds.state_files.refusals import StateUnavailable, StateUnusable
from gpu_sim.worlds.state_files.rows import ClockRow, Part, SnapshotRow
from gpu_sim.worlds.state_files.sqlite_store import SqliteStore
from gpu_sim.worlds.state_files.state_reader import inspected, is_there

from ...support.state_files import CLOCK_ROW, begin, files_of, fill, opened, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is to be."""
    return tmp_path / "state.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    """A new state file, open."""
    new = SqliteStore.create(path, begin)
    yield new
    new.close()


def test_a_new_file_has_the_start_of_the_run(store: SqliteStore) -> None:
    run = store.reader.run()
    assert (run.identity, run.base, run.ended_before) == (b"identity", b"", 0)
    assert store.reader.head().clock == CLOCK_ROW
    assert list(store.reader.tokens().items()) == [("bob", "si_b"), ("alice", "si_a")]
    assert store.reader.snapshot() is None
    assert not list(store.reader.inputs())
    assert not list(store.reader.parts())


def test_a_new_file_gets_its_name_only_when_it_is_complete(path: Path) -> None:
    def fail(store: SqliteStore) -> None:
        assert not path.exists()
        raise KeyError

    with pytest.raises(KeyError):
        SqliteStore.create(path, fail)
    assert list(path.parent.iterdir()) == []


def test_what_was_committed_is_found_again(path: Path) -> None:
    first = SqliteStore.create(path, begin)
    with first.transaction():
        first.write_input(10, b"one")
        first.write_input(20, b"two")
        first.write_clock(ClockRow(20, 3, b"{}"))
    first.close()
    with inspected(path) as reader:
        assert list(reader.inputs()) == [(1, 10, b"one"), (2, 20, b"two")]
        assert reader.head().clock.now_ms == 20


def write_and_fail(store: SqliteStore) -> None:
    with store.transaction():
        store.write_input(10, b"one")
        raise KeyError


def write_twice(store: SqliteStore) -> None:
    with store.transaction():
        store.write_input(10, b"one")
        store.write_part(Part(1, 1, 10, 1, 1, b"", b""))
        store.write_part(Part(1, 1, 10, 1, 1, b"", b""))


def test_a_transaction_is_whole_or_not_at_all(path: Path) -> None:
    store = SqliteStore.create(path, begin)
    with pytest.raises(KeyError):
        write_and_fail(store)
    with pytest.raises(StateUnavailable):
        write_twice(store)
    assert list(store.reader.inputs()) == []
    write(store)
    store.close()
    with inspected(path) as reader:
        assert len(list(reader.inputs())) == 1


def test_a_commit_that_was_made_but_broken_off_before_anybody_knew_is_built_upon(
    path: Path,
) -> None:
    store = SqliteStore.create(path, begin)
    known = store._head
    write(store)
    store._head, store._head_is_known = known, False  # as an interruption right after COMMIT leaves them
    write(store)
    store.close()
    with inspected(path) as reader:
        assert [n for n, _, _ in reader.inputs()] == [1, 2]


def test_a_snapshot_takes_the_place_of_the_inputs_before_it(path: Path) -> None:
    store = SqliteStore.create(path, begin)
    part = Part(1, 2, 20, 5, 2, b"digest", b"lines\n")
    with store.transaction():
        for n in (1, 2):
            store.write_input(10 * n, b"")
        store.write_part(part)
        store.write_snapshot(SnapshotRow(2, 1, 3, 5, b"state"), [(1, b"r1"), (2, b"r2"), (3, b"r3")])
    write(store)
    store.close()
    with inspected(path) as reader:
        assert [n for n, _, _ in reader.inputs()] == [3]
        row = reader.snapshot()
        assert row is not None
        assert (row.n, row.part, row.held_rentals, row.held_events, row.state) == (2, 1, 3, 5, b"state")
        assert reader.latest_ended(2) == [b"r2", b"r3"]
        assert list(reader.parts()) == [reader.part(1)] == [part]
        assert list(reader.parts(after=1)) == []


def test_a_run_that_begins_anew_forgets_the_one_before(path: Path) -> None:
    store = SqliteStore.create(path, begin)
    with store.transaction():
        store.write_input(10, b"one")
        store.write_part(Part(1, 1, 10, 1, 1, b"", b""))
        store.write_snapshot(SnapshotRow(1, 1, 1, 1, b"state"), [(1, b"r1")])
    with store.transaction():
        store.begin_run(b"identity", b"base", 5)
        store.write_clock(CLOCK_ROW)
    store.close()
    with inspected(path) as reader:
        assert (reader.run().base, reader.run().ended_before) == (b"base", 5)
        assert reader.snapshot() is None
        assert not list(reader.inputs())
        assert not list(reader.parts())
        assert not reader.latest_ended(9)
        assert not reader.tokens()


def test_two_servers_cannot_have_one_file(store: SqliteStore, path: Path) -> None:
    before = files_of(path)
    with pytest.raises(StateUnusable, match="in use by another server"):
        opened(path)
    assert files_of(path) == before
    write(store)
    assert len(list(store.reader.inputs())) == 1


def test_a_file_that_another_server_wrote_between_reading_and_opening_is_refused(path: Path) -> None:
    SqliteStore.create(path, begin).close()
    with inspected(path) as reader:
        head = reader.head()
    quicker = opened(path)
    write(quicker)
    quicker.close()
    with pytest.raises(StateUnusable, match="in use by another server"):
        SqliteStore.open(path, head)
    opened(path).close()


def test_a_file_that_is_no_database_is_left_alone(path: Path) -> None:
    path.write_bytes(b"a letter to my bank\n" * 100)
    with pytest.raises(StateUnusable, match="not a database"):
        opened(path)
    assert path.read_bytes().startswith(b"a letter")


def test_a_foreign_database_is_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE inputs (x)")
    other.close()
    before = files_of(path)
    with pytest.raises(StateUnusable, match="no state file of gpu-sim"):
        opened(path)
    assert files_of(path) == before


@pytest.mark.parametrize("version", [3, 99])
def test_a_file_of_another_format_is_refused(path: Path, version: int) -> None:
    SqliteStore.create(path, begin).close()
    with sqlite3.connect(path) as other:
        other.execute(f"PRAGMA user_version={version}")
    other.close()
    with pytest.raises(StateUnusable, match=f"format {version}, not 4"):
        opened(path)


def test_an_empty_file_is_no_new_run(path: Path) -> None:
    path.touch()
    with pytest.raises(StateUnusable, match="is empty"):
        is_there(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_torn_file_is_refused(path: Path, share: float) -> None:
    store = SqliteStore.create(path, begin)
    with store.transaction():
        for n in range(2_000):
            store.write_input(n, b"x" * 100)
    store.close()
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(StateUnusable, match=r"damaged|malformed"):
        opened(path)


def test_a_file_with_a_page_of_noise_is_refused(path: Path) -> None:
    store = SqliteStore.create(path, begin)
    with store.transaction():
        for n in range(2_000):
            store.write_input(n, b"x" * 100)
    store.close()
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = bytes(range(256)) * 16
    path.write_bytes(content)
    with pytest.raises(StateUnusable, match=r"damaged|malformed"):
        opened(path)


# Names and rights


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StateUnusable, match=r"cannot be used: No such file or directory$"):
        SqliteStore.create(tmp_path / "no" / "such" / "folder" / "state.db", begin)


@pytest.mark.parametrize("beside", ["", "-wal", "-count"])
@pytest.mark.parametrize(
    ("kind", "says"),
    [("folder", "is a folder"), ("link", "is a symbolic link"), ("loop", "is a symbolic link"), ("pipe", "no regular")],
)
def test_what_is_no_file_of_ours_is_refused_and_left_alone(path: Path, beside: str, kind: str, says: str) -> None:
    name = path.with_name(path.name + beside)
    target = path.with_name("target")
    if kind == "folder":
        name.mkdir()
    elif kind == "pipe":
        os.mkfifo(name)
    else:
        name.symlink_to(target if kind == "link" else name)
    before = sorted(path.parent.iterdir())
    with pytest.raises(StateUnusable, match=says):
        is_there(path)
    assert sorted(path.parent.iterdir()) == before


def test_a_journal_of_another_database_is_not_played_into_the_file(path: Path) -> None:
    SqliteStore.create(path, begin).close()
    path.with_name("state.db-journal").write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7")
    with pytest.raises(StateUnusable, match="-journal is there"):
        is_there(path)


def rights(path: Path) -> set[int]:
    """Those of the state file and of all beside it."""
    return {stat.S_IMODE(file.stat().st_mode) for file in files_of(path)}


def test_only_its_owner_can_read_a_state_file_and_what_is_beside_it(path: Path) -> None:
    before = os.umask(0)
    try:
        seen: list[set[int]] = []

        def look(store: SqliteStore) -> None:
            begin(store)
            seen.append(rights(path))  # while it has no name yet

        store = SqliteStore.create(path, look)
        write(store)
        assert [*seen, rights(path)] == [{0o600}, {0o600}]
        assert len(files_of(path)) == 3
        store.close()
        path.chmod(0o644)
        again = opened(path)
        write(again)
        assert rights(path) == {0o600}
        again.close()
    finally:
        os.umask(before)


# A full disk


def test_a_full_file_takes_nothing_and_takes_again_once_there_is_room(path: Path) -> None:
    store = SqliteStore.create(path, begin, pages_max=24)
    written = fill(store)
    assert len(list(store.reader.inputs())) == written > 0
    store._db.execute("PRAGMA max_page_count=10000")
    write(store)
    store.close()
    with inspected(path) as reader:
        assert len(list(reader.inputs())) == written + 1


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), sqlite3.OperationalError("disk is full")])
def test_a_start_on_a_full_disk_is_one_line_and_changes_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    SqliteStore.create(path, begin).close()
    before = files_of(path)

    def fail(*_: object) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(CommitCount, "begin", fail)
        with pytest.raises(StateUnusable, match=r"state.db cannot be used: .*(No space|full)[^\n]*$"):
            opened(path)
    assert files_of(path) == before
    opened(path).close()


def test_a_new_file_on_a_full_disk_is_one_line_and_leaves_nothing(path: Path) -> None:
    def fill_up(store: SqliteStore) -> None:
        store._db.execute("PRAGMA max_page_count=1")
        begin(store)
        fill(store)
        write(store)

    with pytest.raises(StateUnusable, match=r"state.db cannot be used: the state file takes nothing: .* full$"):
        SqliteStore.create(path, fill_up)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize(("number", "said"), [(30, "told"), (1, r"it needs a second name .* \(told\)")])
def test_a_file_system_that_takes_nothing_is_one_line(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int, said: str
) -> None:
    other = path.with_name("other.db")
    SqliteStore.create(path, begin).close()
    before = files_of(path)

    def fail(*_: object) -> None:
        raise OSError(number, "told")

    monkeypatch.setattr(os, "link", fail)
    with pytest.raises(StateUnusable, match=rf"state.db cannot be used: {said}$"):
        opened(path)
    with pytest.raises(StateUnusable, match=rf"other.db cannot be used: {said}$"):
        SqliteStore.create(other, begin)
    assert files_of(path) == before
    assert list(path.parent.iterdir()) == [path]
