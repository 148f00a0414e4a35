"""The number of a state file's commits in a small file beside it: a log that was cut short shows by it.

SQLite takes a log that ends early for one whose last transactions never came. The count is written after each commit
and before the answer leaves, so it never says more than was committed, and no less than was acknowledged.
"""

import os
import struct
from contextlib import suppress
from pathlib import Path

from ...private_files import open_private
from .rows import MARK_BYTES, SEAL_BYTES, Head, seal

_COUNT = struct.Struct(f">{MARK_BYTES}sQ{SEAL_BYTES}s")
"""The mark of the file that is counted, its commits, and the seal of its head after the last of them; then a seal of
these three follows."""


def count_path(path: Path) -> Path:
    """The place of a state file's count."""
    return path.with_name(path.name + "-count")


class CommitsMissing(Exception):  # named as the refusals are: by what it says
    """Commits are missing, or may be, for the reason that the message gives."""


class CommitCount:
    """The file with the count, open."""

    def __init__(self, path: Path) -> None:
        """Open or create it. Raises OSError."""
        self._path = count_path(path)
        self.is_new = not self._path.exists()
        self._file = open_private(self._path, new=self.is_new)

    def begin(self, head: Head, head_seal: bytes) -> None:
        """Write the first count, and see to it that the file outlives a loss of power. Raises OSError."""
        os.ftruncate(self._file, os.pwrite(self._file, _encoded(head, head_seal), 0))
        os.fsync(self._file)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def write(self, head: Head, head_seal: bytes) -> None:
        """Write the count in place of the one before."""
        # What has been committed must be applied, counted or not; the next commit counts this one too.
        with suppress(OSError):
            os.pwrite(self._file, _encoded(head, head_seal), 0)

    def close(self) -> None:
        """Close the file, and leave it."""
        os.close(self._file)

    def remove(self) -> None:
        """Close and delete the file."""
        self.close()
        with suppress(OSError):  # one that stays agrees with the file that it counts
            self._path.unlink()


def check_count(path: Path, head: Head, head_seal: bytes) -> None:
    """Hold a state file's head to the count beside it. Raises CommitsMissing."""
    file = count_path(path)
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        content = b""
    if not content.strip(b"\0"):  # nothing yet: the start that made it was broken off
        if head.is_open:
            raise CommitsMissing(f"{file} is missing or empty: it says if {path.name} has all that was committed")
        return
    if len(content) != _COUNT.size + SEAL_BYTES or seal(content[: _COUNT.size]) != content[_COUNT.size :]:
        raise CommitsMissing(f"{file} is damaged: it says if {path.name} has all that was committed")
    mark, commits, count_seal = _COUNT.unpack_from(content)
    if mark != head.file:
        raise CommitsMissing(f"{file} belongs to another file than {path.name}")
    missing = commits - head.commits
    if missing > 0:
        raise CommitsMissing(
            f"{path}-wal is cut short or missing, or {path.name} is an older copy: "
            f"the last {missing:,} commit{'s are' if missing > 1 else ' is'} not there"
        )
    # A kill leaves a count that is one commit behind, a loss of power one of any age.
    if count_seal != {0: head_seal, -1: head.before}.get(missing, count_seal):
        raise CommitsMissing(f"{file} and {path.name} do not belong together: they count different commits")


def _encoded(head: Head, head_seal: bytes) -> bytes:
    count = _COUNT.pack(head.file, head.commits, head_seal)
    return count + seal(count)
