"""SIGINT and SIGTERM where worker processes are spawned, which are for the command that started them, and its end."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import parent_process
from threading import Thread

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
    """Begin a process: ^C, which a terminal sends to all of a command's, is for the first of them to act on.

    Where that one is killed, this one ends as well: nobody wants its results, and it would wait for ever.
    """
    Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, NUMBERS)


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None, "a worker is a process that another one has started"
    parent.join()
    os._exit(1)
