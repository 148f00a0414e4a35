"""Progress reports of a long piece of work."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeAlias

Progress: TypeAlias = Callable[[int, str], AbstractContextManager[Callable[[int], None]]]
"""Called with the number of steps and a label for them; the block gets a function to call with the steps just done."""


@contextmanager
def no_progress(steps: int, label: str) -> Iterator[Callable[[int], None]]:
    """The null object: progress that is shown nowhere."""
    yield lambda _: None
