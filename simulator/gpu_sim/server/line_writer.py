"""Lines for a reader who may be slow, or not read at all: whoever writes them waits for nobody."""

import os
import threading
from contextlib import suppress
from types import TracebackType

WAITING_BYTES_MAX = 4 << 20
"""The bytes that may wait to be written; lines that come on top of them are dropped."""

CLOSE_SECONDS_MAX = 1.0
"""The end waits so long for what has not been written yet."""


class LineWriter:
    """Takes lines at once and writes them to a file descriptor from a thread of its own, within a `with` block."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._changed = threading.Condition()
        self._lines: list[bytes] = []
        self._waiting_bytes = 0
        self._is_open = False
        # One that hangs on a pipe which nobody reads must not keep the process from its end.
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)

    def __enter__(self) -> "LineWriter":
        self._is_open = True
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._is_open = False
            self._changed.notify()
        self._thread.join(CLOSE_SECONDS_MAX)

    def write(self, line: bytes) -> bool:
        """Take a line with its line feed; False where it is dropped since too much is waiting."""
        with self._changed:
            if not self._is_open or self._waiting_bytes + len(line) > WAITING_BYTES_MAX:
                return False
            self._waiting_bytes += len(line)
            self._lines.append(line)
            self._changed.notify()
        return True

    def _run(self) -> None:
        while lines := self._next():
            _write(self._descriptor, b"".join(lines))
            with self._changed:
                self._waiting_bytes -= sum(map(len, lines))

    def _next(self) -> list[bytes]:
        """The lines that wait, once there are any; none at the end."""
        with self._changed:
            while self._is_open and not self._lines:
                self._changed.wait()
            lines, self._lines = self._lines, []
        return lines


def _write(descriptor: int, content: bytes) -> None:
    """Write all of it. Not through a buffered file: the end of the process would wait for its lock."""
    with suppress(OSError):  # that nobody reads the log is no reason not to serve
        while content:
            content = content[os.write(descriptor, content) :]
