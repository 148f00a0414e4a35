"""A pause of the garbage collector while very many objects are built that all stay."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_pause() -> Iterator[None]:
    """No garbage is collected within it, unless `gc.collect` is called. All that is built for a market of very many
    offers stays, and the collector would go through it time and again as it grows: that takes a quarter of the time."""
    looks = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if looks:
            gc.enable()
