"""Expectations of the request log, judged request by request as the log grows."""

from collections.abc import Sequence
from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import asdict

from ...core.kernel.one_of import not_exactly_one
from ...core.kernel.quantities import Duration
from .logged_request import LoggedRequest
from .request_match import Match, Mismatch, shortened

# Bounds of an answer, whatever the size of the log: a person or a test's failure message has to take it in.
NEAREST_SHOWN_MAX = 5
MISMATCHES_SHOWN_MAX = 20
SEQS_SHOWN_MAX = 100

WAIT_MS_DEFAULT = 5_000
WAIT_MS_MAX = 30_000
"""The longest wait: below what clients allow for an answer."""


class Verify(Struct, forbid_unknown_fields=True):
    """An expectation of the request log: a number of requests like `match`, at least one by default, or requests like
    those of `in_order`, one after the other, with any others in between.

    Requests in flight that may change the outcome are waited for up to `wait`; what does not hold yet has `within` to
    come true. Both are wall time and 30 s at most.
    """

    match: Match | None = None
    in_order: list[Match] | None = None
    at_least: int | None = None
    at_most: int | None = None
    exactly: int | None = None
    wait: Duration = Duration(WAIT_MS_DEFAULT)
    """Wait so long at most, up to 30 s of wall time, for requests in flight that may change the outcome."""
    within: Duration = Duration(0)
    """The time that an expectation which does not hold yet has to come true, up to 30 s of wall time."""

    def __post_init__(self) -> None:
        counts = (self.at_least, self.at_most, self.exactly)
        if not_exactly_one(match=self.match, in_order=self.in_order):
            raise ValueError("give either match or in_order")
        if self.in_order is not None and counts != (None, None, None):
            raise ValueError("at_least, at_most and exactly go with match")
        if self.in_order == []:
            raise ValueError("in_order needs at least one request")
        if self.exactly is not None and (self.at_least, self.at_most) != (None, None):
            raise ValueError("exactly goes alone")
        if any(count is not None and count < 0 for count in counts):
            raise ValueError("a number of requests is at least 0")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("at_least is above at_most")

    @property
    def bounds(self) -> tuple[int, int | None]:
        """The least and the greatest number of requests expected; None for no upper bound."""
        if self.exactly is not None:
            return self.exactly, self.exactly
        least = self.at_least if self.at_least is not None else 1 if self.at_most is None else 0
        return least, self.at_most

    def judge(self) -> "Judge":
        """A judge of this expectation who has seen no request yet."""
        if self.match is not None:
            return NumberJudge(self.match, *self.bounds)
        assert self.in_order is not None
        return OrderJudge(self.in_order)


class Judge(Protocol):
    """Judges an expectation by the requests of a log, which it takes in one after the other."""

    seqs: list[int]
    """The numbers of the requests that matched so far."""

    def take(self, request: LoggedRequest) -> None:
        """Take the next request in."""

    @property
    def awaited(self) -> Match:
        """The match that a request must be like to change the outcome."""

    @property
    def holds(self) -> bool:
        """True where the expectation holds by the requests so far."""

    @property
    def is_final(self) -> bool:
        """True where no later request can change the outcome."""

    @property
    def outcome(self) -> str:
        """A clause for people: what was expected, and what was found."""

    def misses(self, request: LoggedRequest) -> list[Mismatch]:
        """The fields in which a request differs from one that was missing, or from all that matched."""


class NumberJudge:
    """Judges the number of requests like a match; `most` is None where there is no upper bound."""

    def __init__(self, match: Match, least: int, most: int | None) -> None:
        self.seqs: list[int] = []
        self.awaited = match
        self._least = least
        self._most = most

    def take(self, request: LoggedRequest) -> None:
        if not self.awaited.mismatches(request):
            self.seqs.append(request.seq)

    @property
    def _too_many(self) -> bool:
        return self._most is not None and len(self.seqs) > self._most

    @property
    def holds(self) -> bool:
        return len(self.seqs) >= self._least and not self._too_many

    @property
    def is_final(self) -> bool:
        return self._too_many or (self._most is None and self.holds)

    @property
    def outcome(self) -> str:
        if self._least == self._most:
            expected = f"exactly {self._least}"
        elif self._too_many or not self._least:
            expected = f"at most {self._most}"
        else:
            expected = f"at least {self._least}"
        return f"{expected} expected, {len(self.seqs)} found"

    def misses(self, request: LoggedRequest) -> list[Mismatch]:
        return self.awaited.mismatches(request)


class OrderJudge:
    """Judges whether requests like these matches come in this order, with any others in between."""

    def __init__(self, in_order: Sequence[Match]) -> None:
        self.seqs: list[int] = []
        self._in_order = in_order

    def take(self, request: LoggedRequest) -> None:
        if not self.holds and not self.awaited.mismatches(request):
            self.seqs.append(request.seq)

    @property
    def awaited(self) -> Match:
        return self._in_order[len(self.seqs)]

    @property
    def holds(self) -> bool:
        return len(self.seqs) == len(self._in_order)

    @property
    def is_final(self) -> bool:
        return self.holds

    @property
    def outcome(self) -> str:
        return f"{len(self._in_order)} requests in this order expected, only the first {len(self.seqs)} found"

    def misses(self, request: LoggedRequest) -> list[Mismatch]:
        mismatches = self.awaited.mismatches(request)
        last = self.seqs[-1] if self.seqs else 0
        if request.seq <= last:
            mismatches.append(Mismatch("seq", f"above {last}", request.seq))
        return mismatches


class NearestRequests:
    """The few unexpected requests with the fewest mismatches, earlier ones first among equals."""

    def __init__(self) -> None:
        self._found: list[tuple[list[Mismatch], LoggedRequest]] = []

    def add(self, mismatches: list[Mismatch], request: LoggedRequest) -> None:
        """Take in a request with its mismatches."""
        self._found.append((mismatches, request))
        self._found.sort(key=lambda pair: len(pair[0]))
        del self._found[NEAREST_SHOWN_MAX:]

    def shown(self) -> list[dict[str, Any]]:
        """The requests, each with the first of its mismatches."""
        return [
            {**asdict(request), "mismatches": [shortened(each) for each in mismatches[:MISMATCHES_SHOWN_MAX]]}
            for mismatches, request in self._found
        ]
