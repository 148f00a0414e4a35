"""The progress of a long piece of work, told to whoever shows it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeAlias

Progress: TypeAlias = Callable[[int, str], AbstractContextManager[Callable[[int], None]]]
"""Called with the number of steps and what they are; within the block each so many steps are told to what it gives."""


@contextmanager
def unseen(steps: int, label: str) -> Iterator[Callable[[int], None]]:
    """Progress that nobody watches."""
    yield lambda _: None
