"""The signals that end a run early, as the suite sees them; whoever runs it handles them."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class ExitSignals(Protocol):
    """SIGINT and SIGTERM, of which the first raises KeyboardInterrupt and is noted."""

    @property
    def number(self) -> int | None:
        """The first signal that came, None before. The exception may have been lost, or have become another one."""

    def check(self) -> None:
        """Raise KeyboardInterrupt if a signal has come that is not held back."""

    def held(self, *, patient: bool = True) -> AbstractContextManager[None]:
        """Hold signals back until the block ends. One that is not `patient` is broken off by the second signal."""

    def released(self) -> AbstractContextManager[None]:
        """Let signals raise within a block that holds them back."""


class UnheardSignals:
    """The null object: signals do what they do in this process anyway."""

    number = None

    def check(self) -> None:
        """No signal is noted."""

    @contextmanager
    def held(self, *, patient: bool = True) -> Iterator[None]:
        """Nothing is held back."""
        yield

    @contextmanager
    def released(self) -> Iterator[None]:
        """Nothing was held back."""
        yield
