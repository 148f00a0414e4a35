"""The ready file: whose it is, what it takes the place of, and what it leaves alone."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from gpu_sim.server.ready_file import ReadyFile, ReadyFileUnusable
from gpu_sim.server.serving import Ready

READY = Ready("http://127.0.0.1:1", "default", 1, "si_secret", 7)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The place of the ready file, in a folder with another file."""
    (tmp_path / "victim").write_text("precious")
    return tmp_path / "ready.json"


@pytest.fixture
def _open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_open_umask")
def test_only_its_owner_can_read_it_from_its_first_byte(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[int] = []
    fdopen = os.fdopen

    def seen(descriptor: int, mode: str) -> object:
        modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        return fdopen(descriptor, mode)

    monkeypatch.setattr(os, "fdopen", seen)
    file = ReadyFile(path)
    file.clear()
    file.write(READY)
    assert [*modes, stat.S_IMODE(path.stat().st_mode)] == [0o600, 0o600]
    file.remove()
    assert [each.name for each in path.parent.iterdir()] == ["victim"]


def test_an_earlier_server_s_and_an_empty_one_are_removed_before_a_start(path: Path) -> None:
    ReadyFile(path).write(READY)
    ReadyFile(path).clear()
    assert not path.exists()
    path.touch()
    ReadyFile(path).clear()
    assert not path.exists()


@pytest.mark.parametrize("content", ["# a plan", "{}", "[1]", "x" * 100_000])
def test_any_other_file_is_left_alone(path: Path, content: str) -> None:
    path.write_text(content)
    with pytest.raises(ReadyFileUnusable, match="no ready file of a server: it is left alone"):
        ReadyFile(path).clear()
    assert path.read_text() == content


@pytest.mark.parametrize("target", ["victim", "nothing", "ready.json"])
def test_a_symbolic_link_is_refused_and_so_is_its_target_left_alone(path: Path, target: str) -> None:
    path.symlink_to(target)
    with pytest.raises(ReadyFileUnusable, match="is a symbolic link: give the file itself"):
        ReadyFile(path).clear()
    assert path.is_symlink()
    assert sorted(each.name for each in path.parent.iterdir()) == ["ready.json", "victim"]
    assert path.with_name("victim").read_text() == "precious"


def test_a_link_that_came_meanwhile_is_replaced_and_not_followed(path: Path) -> None:
    file = ReadyFile(path)
    file.clear()
    path.symlink_to("victim")
    file.write(READY)
    assert not path.is_symlink()
    assert path.with_name("victim").read_text() == "precious"


def test_only_the_file_that_was_written_is_removed(path: Path) -> None:
    ours, later = ReadyFile(path), ReadyFile(path)
    ours.write(READY)
    later.write(READY)
    ours.remove()
    assert path.exists()
    later.remove()
    assert not path.exists()


def test_a_folder_that_takes_no_file_is_one_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ReadyFileUnusable, match=r"cannot be written: No such file or directory$"):
        ReadyFile(path / "in" / "no" / "folder").write(READY)
    ReadyFile(path).write(READY)

    def fail(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "unlink", fail)
    with pytest.raises(ReadyFileUnusable, match=r"cannot be written: Read-only file system$"):
        ReadyFile(path).clear()
