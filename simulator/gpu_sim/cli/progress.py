"""The extras of commands that need more than the package alone, and a progress bar for those that take long."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from .exit_codes import CannotTry


@contextmanager
def needs_extra(command: str, extra: str = "market") -> Iterator[None]:
    """Raises CannotTry, which says how to install the extra, where an import within finds that it is missing."""
    try:
        yield
    except ImportError as error:
        missing = (error.name or str(error)).partition(".")[0]
        raise CannotTry(
            f"{missing} is missing: {command} needs the extra, pip install 'gpu-market-simulator[{extra}]'"
        ) from None


@contextmanager
def progress(steps: int, label: str) -> Iterator[Callable[[int], None]]:
    """A progress bar on stderr, if that is a terminal. The block gets a function to call with steps done; at the end
    the bar is full, even after fewer."""
    with click.progressbar(length=steps, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        yield bar.update
        bar.update(steps - bar.pos)
