"""SIGINT and SIGTERM where worker processes are spawned: they are for the command that started them to act on."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from .exit_signals import NUMBERS


@contextmanager
def blocked_signals() -> Iterator[None]:
    """Block the signals while the block runs: the processes that start in it begin with them blocked."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, NUMBERS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def begin_worker() -> None:
    """Begin a process: ^C, which a terminal sends to all of a command's, is for the first of them to act on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, NUMBERS)
