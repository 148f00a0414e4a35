"""Answers about the request log."""

from msgspec import Struct

from ...request_log.in_flight import InFlightList
from ..lists import NumberedListEnd


class Held(Struct, frozen=True):
    """An expectation of the request log that holds."""

    held: bool
    """True: otherwise the answer is a problem with the code `not_held`."""
    matched: int
    """The number of requests that matched."""
    seqs: list[int]
    """The numbers of the first 100 of them."""
    dropped: int
    """The number of requests no longer in the log, of which nothing is known."""


class RequestsEnd(NumberedListEnd, frozen=True):
    """The fields of the request log after its `data`."""

    in_flight: InFlightList
    """The requests that may pass the filters once they are over, as the wait has left them."""
