"""Files with secrets in them: nobody but their owner may read them, and no symbolic link leads to them."""

import os
import stat
from pathlib import Path

MODE = 0o600
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


def fault_of(path: Path) -> str | None:
    """The reason why a path cannot be that of a file of ours, if there is one: something else has the name already.
    Raises OSError where that cannot be seen."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(mode):
        return "is a symbolic link: give the file itself"
    if stat.S_ISDIR(mode):
        return "is a folder"
    return None if stat.S_ISREG(mode) else "is no regular file"


def open_private(path: Path, *, new: bool) -> int:
    """A descriptor to read and write the file by, which nobody else may from its first byte on; a `new` one must not be
    there yet. Raises OSError, also for a symbolic link."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _NO_LINK | (os.O_EXCL if new else 0), MODE)
    try:
        tighten(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def tighten(file: int | Path) -> None:
    """Take from everybody but the owner what rights they have to a file. Raises OSError."""
    found = os.stat(file)
    if found.st_mode & 0o077 and (not hasattr(os, "geteuid") or found.st_uid == os.geteuid()):
        os.chmod(file, MODE)


def inode(path: Path) -> tuple[int, int] | None:
    """The file that has the path now, not one that a link leads to; None without any."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
