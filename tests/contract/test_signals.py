"""A signal ends the suite in order, also one that comes while the interpreter calls back."""

import gc
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from contract import verify
from contract.verify import _sigterm_as_ctrl_c

PAUSES = 1_000


def work() -> None:
    """Some seconds of it."""
    for _ in range(PAUSES):
        time.sleep(0.01)


@contextmanager
def collecting(raises: type[BaseException]) -> Iterator[None]:
    """The next collection of garbage is called back for, and that raises; nobody can catch it."""

    def call_back(phase: str, info: dict[str, int]) -> None:
        gc.callbacks.remove(call_back)
        raise raises

    gc.callbacks.append(call_back)
    gc.collect()
    assert call_back not in gc.callbacks
    yield


def test_a_signal_that_is_lost_in_a_callback_is_sent_again() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), _sigterm_as_ctrl_c(), collecting(KeyboardInterrupt):
        work()
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_run_that_ends_before_that_is_not_ended_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "RESEND_SECONDS", 3_600)
    with _sigterm_as_ctrl_c(), collecting(KeyboardInterrupt):
        assert any(isinstance(each, threading.Timer) for each in threading.enumerate())
    assert not any(isinstance(each, threading.Timer) for each in threading.enumerate())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_else_is_lost_goes_where_it_went_before(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    monkeypatch.setattr("sys.unraisablehook", lambda lost: told.append(lost.exc_type))
    with _sigterm_as_ctrl_c(), collecting(OSError):
        pass
    assert told == [OSError]
