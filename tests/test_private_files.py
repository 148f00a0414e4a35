"""Files with secrets in them: whose they are, and what is not followed."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from gpu_sim.private_files import fault_of, inode, open_private, tighten


def rights(path: Path) -> int:
    """The rights to a file."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def _open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def test_a_new_file_is_its_owner_s_whatever_the_umask(tmp_path: Path) -> None:
    os.close(open_private(tmp_path / "new", new=True))
    assert rights(tmp_path / "new") == 0o600
    with pytest.raises(FileExistsError):
        open_private(tmp_path / "new", new=True)


def test_a_file_that_others_may_read_is_taken_from_them_and_a_stricter_one_stays(tmp_path: Path) -> None:
    file = tmp_path / "old"
    file.write_text("x")
    for before, after in ((0o644, 0o600), (0o604, 0o600), (0o400, 0o400)):
        file.chmod(before)
        tighten(file)
        assert rights(file) == after
    file.chmod(0o666)
    os.close(open_private(file, new=False))
    assert (rights(file), file.read_text()) == (0o600, "x")


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "target")
    for new in (True, False):
        with pytest.raises(OSError, match="link"):
            open_private(link, new=new)
    assert not (tmp_path / "target").exists()
    (tmp_path / "target").touch()
    assert inode(link) != inode(tmp_path / "target")


def test_a_path_of_something_else_has_its_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    assert fault_of(tmp_path / "file") is None
    assert fault_of(tmp_path / "nothing") is None
    assert fault_of(tmp_path) == "is a folder"
    assert fault_of(tmp_path / "link") == "is a symbolic link: give the file itself"
    assert fault_of(Path("/dev/null")) == "is no regular file"
    assert inode(tmp_path / "nothing") is None
