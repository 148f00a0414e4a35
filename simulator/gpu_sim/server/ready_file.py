"""The ready file: it is there while a server serves, and says to its owner alone where and with which token."""

import json
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..private_files import fault_of, inode, open_private

FIELDS = ("url", "world", "seed", "token", "pid")
SIZE_MAX = 64 * 1024
"""No ready file is as long as that."""


class ReadyFileUnusable(Exception):  # named as the refusals are: by what it says
    """The ready file cannot be where it is to be, for the reason that the message gives."""


class ReadyFile:
    """One server's ready file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._own: tuple[int, int] | None = None

    def clear(self) -> None:
        """Remove an earlier server's ready file, which must not announce this one. Raises ReadyFileUnusable where the
        path is another thing's, which is left alone."""
        try:
            fault = fault_of(self._path)
            if fault is not None:
                raise ReadyFileUnusable(f"{self._path} {fault}")
            if not self._path.exists():
                return
            with self._path.open("rb") as file:
                content = file.read(SIZE_MAX)
            if content and not _is_ready_file(content):
                raise ReadyFileUnusable(f"{self._path} is there, and no ready file of a server: it is left alone")
            self._path.unlink()
        except OSError as error:
            raise ReadyFileUnusable(f"{self._path} cannot be written: {error.strerror or error}") from None

    def write(self, ready: Any) -> None:
        """Write what clients need to know as JSON, atomically. Raises ReadyFileUnusable."""
        part = self._path.with_name(f".{self._path.name}.{secrets.token_hex(6)}")
        content = json.dumps({name: getattr(ready, name) for name in FIELDS}) + "\n"
        try:
            try:
                with os.fdopen(open_private(part, new=True), "w") as file:
                    file.write(content)
                own = inode(part)
                part.replace(self._path)
                self._own = own
            finally:
                part.unlink(missing_ok=True)
        except OSError as error:
            raise ReadyFileUnusable(f"{self._path} cannot be written: {error.strerror or error}") from None

    def remove(self) -> None:
        """Remove the file, if it is still the one that was written."""
        if self._own is not None and inode(self._path) == self._own:
            with suppress(OSError):
                self._path.unlink()


def _is_ready_file(content: bytes) -> bool:
    try:
        found = json.loads(content)
    except ValueError:
        return False
    return isinstance(found, dict) and found.keys() == {*FIELDS}
