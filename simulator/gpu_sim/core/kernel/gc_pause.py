"""Building much that stays, without the search for garbage."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_pause() -> Iterator[None]:
    """Within it nobody looks for garbage, unless told to. What is built for a market of very many offers all stays, and
    the interpreter would go through it time and again as it grows: that takes a quarter of the time."""
    looks = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if looks:
            gc.enable()
