"""The count of commits beside a state file: what a kill leaves is found, and a log that lost anything is refused."""

import os
from pathlib import Path

import pytest
from gpu_sim.worlds.state_files.refusals import StateUnusable
from gpu_sim.worlds.state_files.sqlite_store import SqliteStore
from gpu_sim.worlds.state_files.state_reader import inspected, is_there

from ...support.state_files import begin, files_of, leave, opened, put_back, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file, its log and its count as a killed server leaves them after five inputs."""
    path = tmp_path / "state.db"
    store = SqliteStore.create(path, begin)
    for _ in range(5):
        write(store)
    leave(store)
    return path


def beside(path: Path, what: str) -> Path:
    """The file's log or its count."""
    return path.with_name(path.name + what)


def inputs_in(path: Path) -> int:
    """The number of inputs that are found."""
    with inspected(path) as reader:
        return len(list(reader.inputs()))


def refused(path: Path, says: str) -> None:
    """The file is refused with that, and all files are left as they were."""
    before = files_of(path)
    with pytest.raises(StateUnusable, match=says) as reason, inspected(path):
        pass
    assert "\n" not in str(reason.value)
    assert files_of(path) == before


def test_what_a_kill_leaves_is_found_and_looking_changes_nothing(path: Path) -> None:
    before = files_of(path)
    assert inputs_in(path) == 5
    assert files_of(path) == before
    assert {file.name for file in before} == {"state.db", "state.db-wal", "state.db-count"}


def test_a_file_that_was_closed_is_alone(path: Path) -> None:
    opened(path).close()
    assert [file.name for file in files_of(path)] == ["state.db"]
    assert inputs_in(path) == 5


def test_a_file_whose_log_sqlite_took_in_by_itself_goes_on(path: Path) -> None:
    """As at the end of a process that did not close it."""
    store = opened(path)
    write(store)
    store._db.close()
    assert not beside(path, "-wal").exists()
    assert inputs_in(path) == 6
    opened(path).close()


def test_a_log_cut_short_at_any_byte_is_refused_or_has_everything(path: Path) -> None:
    log = beside(path, "-wal")
    content = log.read_bytes()
    frame = 24 + 4096
    cuts = {0, 1, 31, 32, 33, *range(32, len(content), frame // 4)}
    whole = [cut for cut in sorted(cuts) if is_whole(path, log, content[:cut])]
    assert whole == []
    log.write_bytes(content)
    assert inputs_in(path) == 5


def is_whole(path: Path, log: Path, content: bytes) -> bool:
    """True if nothing is missing with such a log; otherwise the file is refused."""
    log.write_bytes(content)
    try:
        assert inputs_in(path) == 5
    except StateUnusable:
        return False
    return True


def test_a_log_without_its_last_commit_is_refused_with_the_number(path: Path) -> None:
    log = beside(path, "-wal")
    log.write_bytes(log.read_bytes()[:-1])
    refused(path, r"-wal is cut short.* the last 1 commit is not there \(--accept-loss goes on with what is there\)$")


@pytest.mark.parametrize("kept", ["-wal", "-count", ""])
def test_a_copy_of_some_of_the_files_is_refused(path: Path, tmp_path: Path, kept: str) -> None:
    copy = tmp_path / "copy" / "state.db"
    copy.parent.mkdir()
    copy.write_bytes(path.read_bytes())
    if kept:
        beside(copy, kept).write_bytes(beside(path, kept).read_bytes())
    refused(copy, "-count is missing or empty" if kept != "-count" else "the last 5 commits are not there")


@pytest.mark.parametrize("content", [b"", bytes(56)])
def test_an_empty_count_is_as_none(path: Path, content: bytes) -> None:
    """A kill right after it was made leaves it beside a closed file."""
    beside(path, "-count").write_bytes(content)
    refused(path, "-count is missing or empty")
    opened(path, accept_loss=True).close()
    beside(path, "-count").write_bytes(content)
    opened(path).close()
    assert list(files_of(path)) == [path]


@pytest.mark.parametrize("left", ["-wal", "-count"])
def test_what_is_left_of_a_file_makes_no_new_run(path: Path, left: str) -> None:
    path.unlink()
    for each in {"-wal", "-count"} - {left}:
        beside(path, each).unlink()
    with pytest.raises(StateUnusable, match=f"is missing, but state.db{left}"):
        is_there(path)
    assert [file.name for file in files_of(path)] == [f"state.db{left}"]


def test_a_commit_that_the_count_does_not_have_yet_is_there(path: Path) -> None:
    """A kill between the two."""
    count = beside(path, "-count").read_bytes()
    store = opened(path)
    store.close()
    put_back(path, {path: path.read_bytes(), beside(path, "-count"): count})
    assert inputs_in(path) == 5
    store = opened(path)
    before = beside(path, "-count").read_bytes()
    write(store)
    leave(store)
    beside(path, "-count").write_bytes(before)
    assert inputs_in(path) == 6


def test_the_count_of_another_course_of_the_same_file_is_refused(path: Path) -> None:
    before = files_of(path)
    counts = []
    for size in (1, 2):
        store = opened_whole(path, before)
        with store.transaction():
            store.write_input(0, b"x" * size)
        leave(store)
        counts.append(beside(path, "-count").read_bytes())
    beside(path, "-count").write_bytes(counts[0])
    refused(path, "do not belong together")


def test_a_count_that_was_changed_is_refused(path: Path) -> None:
    count = beside(path, "-count")
    content = count.read_bytes()
    for at in range(len(content)):
        count.write_bytes(content[:at] + bytes((content[at] ^ 1,)) + content[at + 1 :])
        refused(path, "-count is damaged")
    count.write_bytes(content[:-1])
    refused(path, "-count is damaged")


def test_log_and_count_of_another_file_are_refused(path: Path, tmp_path: Path) -> None:
    other = SqliteStore.create(tmp_path / "other.db", begin)
    for _ in range(9):
        write(other)
    for what, says in (("-count", "belongs to another file"), ("-wal", "an older copy or another file's")):
        beside(path, what).write_bytes(beside(tmp_path / "other.db", what).read_bytes())
        refused(path, says)
    other.close()


def test_an_older_log_beside_a_newer_file_is_refused(path: Path) -> None:
    older = files_of(path)
    store = opened(path)
    for _ in range(400):
        write(store)
    leave(store)
    newer = files_of(path)
    put_back(path, newer | {beside(path, "-wal"): older[beside(path, "-wal")]})
    refused(path, "an older copy or another file's")
    store = opened_whole(path, newer)
    store.close()
    put_back(path, files_of(path) | {each: older[each] for each in older if each != path})
    refused(path, "an older copy or another file's")


def opened_whole(path: Path, files: dict[Path, bytes]) -> SqliteStore:
    """The store of these files."""
    put_back(path, files)
    return opened(path)


def test_a_loss_that_is_accepted_is_told_and_the_file_goes_on(path: Path) -> None:
    log = beside(path, "-wal")
    log.write_bytes(log.read_bytes()[:-1])
    told: list[str] = []
    with inspected(path, accept_loss=True, report=told.append) as reader:
        assert len(list(reader.inputs())) == 4
        head = reader.head()
    assert len(told) == 1
    assert told[0].endswith("the last 1 commit is not there: going on with what is there")
    store = SqliteStore.open(path, head)
    write(store)
    leave(store)
    assert inputs_in(path) == 5
    beside(path, "-count").unlink()
    opened(path, accept_loss=True).close()
    assert inputs_in(path) == 5


def test_what_a_kill_during_the_look_leaves_is_in_nobody_s_way(path: Path) -> None:
    for name in (".state.db-look", ".state.db-look-wal"):
        path.with_name(name).write_bytes(b"of another start")
    assert inputs_in(path) == 5
    assert not any("look" in file.name for file in files_of(path))


def test_a_count_that_cannot_be_written_holds_nothing_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(path)

    def fail(*_: object) -> int:
        raise OSError(5, "broken")

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", fail)
        write(store)
    leave(store)
    assert inputs_in(path) == 6
