"""Answers about the request log."""

from typing import Literal

from msgspec import Struct


class Held(Struct, frozen=True):
    """An expectation of the request log that holds."""

    held: Literal[True]
    matched: int
    """The number of requests that matched."""
    seqs: list[int]
    """The numbers of the first 100 of them."""
    dropped: int
    """The number of requests no longer in the log, of which nothing is known."""
