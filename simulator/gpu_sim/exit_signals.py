"""SIGINT and SIGTERM, which ask a command to end: noted by their handler, whatever becomes of its exception."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

NUMBERS = (signal.SIGINT, signal.SIGTERM)
AGAIN_SECONDS = 0.01
"""The delay before an exception that was lost is raised again."""
MESSAGE = "broken off"
_QUIET_MAX = 2
"""The number of signals after which each raises again: who insists ends what does not end by itself."""


class BrokenOff(KeyboardInterrupt):
    """Raised by the handler. Once a plain KeyboardInterrupt has come out of `exec`, which libraries use, `python -m`
    ends by SIGINT, whoever has caught it."""


class ExitSignals:
    """The signals of this process that ask it to end.

    The first one raises BrokenOff, at once or where the block ends that holds it back. Libraries lose such an
    exception, or make another one of it, so only `number` says that one came. The second is noted and raises nothing,
    so that no cleanup is broken off; those after it raise again.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        """The first signal that came, None before."""
        self.message = MESSAGE
        """The line on stderr about a command that a signal has ended."""
        self._exit_code: int | None = None
        self._heard = 0
        self._holds = 0
        self._is_patient = True
        self._is_expected = False
        self._is_raised = False
        self._stop: Callable[[int, FrameType | None], None] | None = None

    @property
    def exit_code(self) -> int:
        """The exit code of a command that a signal has ended: what shells say, unless the command has its own."""
        return 128 + (self.number or signal.SIGINT) if self._exit_code is None else self._exit_code

    def end_with(self, exit_code: int, message: str) -> None:
        """Let this command, if a signal ends it, end with another exit code and message."""
        self._exit_code, self.message = exit_code, message

    def listen(self) -> None:
        """Handle the signals from now on. Exceptions that no caller can catch are raised again."""
        if hasattr(signal, "setitimer"):
            signal.signal(signal.SIGALRM, self._raise_again)
        sys.unraisablehook = self._after_unraisable(sys.unraisablehook)
        for number in NUMBERS:
            signal.signal(number, self._hear)

    def close(self) -> None:
        """Ignore the signals from now on: the exit code is decided."""
        self._holds, self._is_patient = 1, True  # first, so that nothing is raised in here
        for number in NUMBERS:
            signal.signal(number, signal.SIG_IGN)

    def hand_over(self, stop: Callable[[int, FrameType | None], None]) -> None:
        """Call `stop` for each signal from now on, which then raises nothing: the command ends in its own way."""
        self._stop = stop

    def expect(self) -> None:
        """Note no signal any more: from now on it is how this command ends, with an exit code of its own."""
        self._is_expected = True
        self.number = None

    def check(self) -> None:
        """Raise BrokenOff if a signal has come that is not held back."""
        if self.number is not None and not self._holds:
            self._is_raised = True
            raise BrokenOff

    @contextmanager
    def held(self, *, patient: bool = True) -> Iterator[None]:
        """Hold signals back until the block ends. One that is not `patient` is broken off by the second signal."""
        before = self._is_patient
        # A block within another is as patient as that one.
        self._is_patient = before if self._holds else patient
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1
            self._is_patient = before
            if not self._is_raised:
                self.check()

    @contextmanager
    def released(self) -> Iterator[None]:
        """Let signals raise within a block that holds them back."""
        before = self._holds
        self._holds = 0
        try:
            self.check()
            yield
        finally:
            self._holds = before

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self._heard += 1
        if self.number is None and not self._is_expected:
            self.number = number
        if self._stop is not None:
            self._stop(number, frame)
            return
        if self._holds and (self._is_patient or self._heard < _QUIET_MAX):
            return
        if not self._is_raised or self._heard > _QUIET_MAX:
            self._is_raised = True
            raise BrokenOff

    def _after_unraisable(
        self, before: Callable[["sys.UnraisableHookArgs"], object]
    ) -> Callable[["sys.UnraisableHookArgs"], None]:
        """A hook for exceptions raised in callbacks of the interpreter, such as those at a garbage collection, which
        nobody can catch: one of ours is raised again soon, others are told as before."""

        def hear(lost: "sys.UnraisableHookArgs") -> None:
            if self.number is None or not issubclass(lost.exc_type, BrokenOff):
                before(lost)
                return
            self._is_raised = False
            if hasattr(signal, "setitimer"):
                signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS)

        return hear

    def _raise_again(self, number: int, frame: FrameType | None) -> None:
        if not self._is_raised:
            self.check()
