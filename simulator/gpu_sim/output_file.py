"""A file that a command writes: it is there whole, or as it was before."""

import os
import stat
from pathlib import Path


def write_file(path: Path, content: bytes) -> None:
    """Write a file, in place of one that is there. Raises OSError, which names this path, and then nothing has changed.

    What is no regular file, such as a pipe, is written as it is. The process may be killed in here: then
    `remove_part` removes what it has left.
    """
    try:
        if _is_special(path):
            path.write_bytes(content)
        else:
            _replace(path.resolve(), content)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def remove_part(folder: Path, pid: int) -> None:
    """Remove what a process that was killed has left of a file in a folder."""
    _part(folder, pid).unlink(missing_ok=True)


def why_unwritable(path: Path) -> str | None:
    """The reason why a file can certainly not be written, None unless there is one. Nothing is changed."""
    target = path.resolve()
    if path.is_dir():
        return "Is a directory"
    if _is_special(path):
        places = [path]
    elif not target.parent.is_dir():
        return f"{path.parent} is no folder"
    else:
        places = [target.parent, *([target] if target.exists() else [])]
    return None if all(os.access(place, os.W_OK) for place in places) else "Permission denied"


def _is_special(path: Path) -> bool:
    """True for what is there and no regular file. A link such as `/dev/stdout` leads to a pipe that has no path."""
    return path.exists() and not path.is_file()


def _replace(target: Path, content: bytes) -> None:
    """Write a part beside the file, then give it the file's name."""
    part = _part(target.parent, os.getpid())
    mode = None
    if target.exists():
        target.open("ab").close()  # one that must not be written is not replaced either
        mode = stat.S_IMODE(target.stat().st_mode)
    try:
        part.write_bytes(content)
        if mode is not None:
            part.chmod(mode)
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _part(folder: Path, pid: int) -> Path:
    """Its name is short, whatever the file's is: a longer one than that might be too long."""
    return folder / f".gpu-sim-{pid}.part"
