"""A file that is written whole or not at all."""

import os
import signal
import stat
from functools import partial
from pathlib import Path

import pytest
from gpu_sim.output_file import remove_part, why_unwritable, write_file


def names(folder: Path) -> list[str]:
    """The names in a folder, hidden ones too."""
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("before", [None, b"old and longer"])
def test_it_is_written_and_nothing_else_is(tmp_path: Path, before: bytes | None) -> None:
    file = tmp_path / "file"
    if before is not None:
        file.write_bytes(before)
        file.chmod(0o640)
    write_file(file, b"new")
    assert (file.read_bytes(), names(tmp_path)) == (b"new", ["file"])
    assert before is None or stat.S_IMODE(file.stat().st_mode) == 0o640


@pytest.mark.parametrize("step", ["write_bytes", "replace"])
@pytest.mark.parametrize("before", [None, b"old"])
def test_broken_off_it_is_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, before: bytes | None
) -> None:
    file = tmp_path / "file"
    if before is not None:
        file.write_bytes(before)

    def break_off(path: Path, *_: object) -> None:
        if step == "write_bytes":
            with path.open("wb") as part:
                part.write(b"ne")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, step, break_off)
        with pytest.raises(KeyboardInterrupt):
            write_file(file, b"new")
    assert names(tmp_path) == ([] if before is None else ["file"])
    assert before is None or file.read_bytes() == before


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path: Path) -> None:
    link, file = tmp_path / "link", tmp_path / "file"
    link.symlink_to(file)
    write_file(link, b"new")
    assert (link.is_symlink(), file.read_bytes()) == (True, b"new")


def test_what_is_no_regular_file_is_written_as_it_is() -> None:
    write_file(Path(os.devnull), b"new")
    assert Path(os.devnull).is_char_device()


def test_a_pipe_that_a_link_in_dev_leads_to_is_written() -> None:
    reading, writing = os.pipe()
    try:
        pipe = Path(f"/dev/fd/{writing}")
        assert why_unwritable(pipe) is None
        write_file(pipe, b"new")
        assert os.read(reading, 10) == b"new"
    finally:
        os.close(reading)
        os.close(writing)


def test_what_cannot_be_written_is_told_by_its_own_name(tmp_path: Path) -> None:
    file = tmp_path / "none" / "file"
    with pytest.raises(FileNotFoundError) as told:
        write_file(file, b"new")
    assert told.value.filename == str(file)
    assert why_unwritable(file) == f"{file.parent} is no folder"
    assert why_unwritable(tmp_path) == "Is a directory"
    assert why_unwritable(tmp_path / "file") is None
    assert names(tmp_path) == []


def test_a_name_as_long_as_the_system_takes_can_be_written(tmp_path: Path) -> None:
    file = tmp_path / ("x" * 255)
    write_file(file, b"new")
    assert file.read_bytes() == b"new"


def test_what_a_killed_process_leaves_can_be_removed(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    child = os.fork()
    if child == 0:
        kill = partial(os.kill, os.getpid(), signal.SIGKILL)
        Path.replace = lambda *_: kill()  # type: ignore[assignment,method-assign]  # in the child alone
        write_file(tmp_path / "file", b"new")
    os.waitpid(child, 0)
    assert len(names(tmp_path)) == 2
    remove_part(tmp_path, child)
    assert names(tmp_path) == ["file"]
