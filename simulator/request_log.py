"""The latest API requests of a world, kept as they came: what a reader wants to see is worked out when one reads."""

from collections import deque
from collections.abc import Iterator

REQUESTS_KEPT = 1_000

Logged = tuple[
    str, int, str, str | None, str, str, bytes, int, str, str, bytes, bytes, bytes | int  # in the order told below
]
"""Virtual time of the answer (RFC 3339), ns of wall time that it took, account, operation, method, path, query,
status (0 where the client got none), fault, rental id, request id, idempotency key, and the body, or only its length
where that is above what is kept. No header but these two: tokens are not kept."""


class RequestLog:
    """A ring of requests, numbered from 1; the numbers go on when old requests drop out."""

    __slots__ = ("_kept", "limit", "total")

    def __init__(self, limit: int = REQUESTS_KEPT) -> None:
        self.limit = limit
        """How many are kept; 0 keeps none."""
        self.total = 0
        """The number of the latest request."""
        self._kept: deque[Logged] = deque(maxlen=limit)

    @property
    def dropped(self) -> int:
        """How many have dropped out."""
        return self.total - len(self._kept)

    def add(self, request: Logged) -> None:
        """Take the next request in, if any are kept."""
        if self.limit:
            self.total += 1
            self._kept.append(request)

    def numbered(self) -> Iterator[tuple[int, Logged]]:
        """The requests that are kept, with their numbers, oldest first, as they are now."""
        return enumerate(tuple(self._kept), self.dropped + 1)

    def clear(self) -> None:
        """Forget everything; the next request is number 1."""
        self.total = 0
        self._kept.clear()
