"""Answers about the request log."""

from msgspec import Struct

from ...problems import ProblemDetails
from ...request_log.in_flight import InFlightList
from ...request_log.logged_request import LoggedRequest
from ...request_log.request_match import Mismatch
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


class NearestRequest(LoggedRequest, frozen=True):
    """A request that is not as expected."""

    mismatches: list[Mismatch]
    """The first 20 of its differences, values above 256 characters cut to the beginning of their JSON."""


class VerificationProblem(ProblemDetails, frozen=True):
    """A verification of the request log that did not succeed."""

    matched: int
    """The number of requests that matched."""
    seqs: list[int]
    """The numbers of the first 100 of them."""
    dropped: int
    """The number of requests no longer in the log, of which nothing is known."""
    in_flight: InFlightList
    """Requests that may change the outcome."""
    nearest: list[NearestRequest]
    """The requests with the fewest mismatches."""
