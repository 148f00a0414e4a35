"""The latest API requests of a world, as they came: few are ever read, so redacting and decoding is left to readers."""

from collections import deque
from collections.abc import Iterator

from msgspec import Struct

REQUESTS_KEPT = 1_000

AskedOffer = tuple[str | None, str | None, str | None]
"""The offer that a rent names: provider, GPU model and region, None for what it does not name."""

NO_OFFER: AskedOffer = (None, None, None)


class KeptRequest(Struct, frozen=True, gc=False):  # nothing in it refers to anything: no need to look for cycles
    """A request as it came, and what came of it. Where something is absent, its text is empty.

    `at` is the virtual time of the answer (RFC 3339), `span_ns` the wall time that it took; `status` is 0 where the
    client got no answer; `error` is the code of the answer's error; `body` is only its length where that is above what
    is kept, and then `offer` is the one that a rent in it names. No header but request id and idempotency key: tokens
    are not kept.
    """

    at: str
    span_ns: int
    account: str
    operation: str | None
    method: str
    path: str
    query: bytes
    status: int
    error: str
    fault: str
    rental_id: str
    offer: AskedOffer
    request_id: bytes
    idempotency_key: bytes
    body: bytes | int


class RequestLog:
    """A ring of requests, numbered from 1; the numbers go on when old requests drop out."""

    __slots__ = ("_kept", "beginnings", "limit", "total")

    def __init__(self, limit: int = REQUESTS_KEPT) -> None:
        self.limit = limit
        """The number of requests kept; 0 keeps none."""
        self.total = 0
        """The number of the latest request."""
        self.beginnings = 0
        """The number of times that it began anew: the same numbers are other requests from then on."""
        self._kept: deque[KeptRequest] = deque(maxlen=limit)

    @property
    def dropped(self) -> int:
        """The number of requests that are no longer kept."""
        return self.total - len(self._kept)

    def add(self, request: KeptRequest) -> None:
        """Take the next request in, if any are kept."""
        if self.limit:
            self.total += 1
            self._kept.append(request)

    def numbered(self) -> Iterator[tuple[int, KeptRequest]]:
        """The requests that are kept, with their numbers, oldest first, as they are now."""
        return enumerate(tuple(self._kept), self.dropped + 1)

    def clear(self) -> None:
        """Forget everything; the next request is number 1."""
        self.total = 0
        self.beginnings += 1
        self._kept.clear()
