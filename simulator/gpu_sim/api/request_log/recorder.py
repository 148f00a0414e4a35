"""Recording of each API request once it is over: counters, the world's request log, the server's log."""

from collections.abc import Callable

from ...wall_clock import stopwatch_ns
from ...worlds.request_log import KeptRequest
from ...worlds.worlds import Worlds
from ..auth import bearer_token
from ..exchange import Exchange
from ..problems import InvalidToken
from .logged_request import PATH_CHARACTERS_MAX, log_line
from .redaction import Redactor
from .traffic import COUNT_EVERY_REQUESTS, Traffic

# Bounds of one record, so that the log's limit in requests bounds its memory too.
BODY_BYTES_KEPT = 4 << 10
METHOD_CHARACTERS_KEPT = 32
KEY_BYTES_KEPT = 256

Write = Callable[[bytes], bool]
"""Takes a line, line feed included, without blocking; False where its buffer is full and the line is dropped."""


class RequestRecorder:
    """Records API requests, and passes a line for each to `write`, where it is given.

    It runs within each request, so it stores raw values; redacting and formatting are left to whoever reads the log.
    """

    def __init__(self, worlds: Worlds, write: Write | None = None) -> None:
        self.traffic = Traffic()
        self._uncounted = self.traffic.uncounted
        self._worlds = worlds
        self.redactor = Redactor(worlds)
        self._write = write

    def record(self, exchange: Exchange) -> None:
        """Record a request that is over, answered or not, if it is one of the API.

        A request whose token is unknown is recorded in the world `default`, except for a deleted world's token: the log
        that it would belong to is deleted too.
        """
        if not exchange.is_api:
            return
        span_ns = stopwatch_ns() - exchange.began_ns
        scope, operation, body = exchange.scope, exchange.operation, exchange.body
        path: str = scope["path"]
        query: bytes = scope["query_string"]
        request = KeptRequest(
            at=exchange.now or exchange.world.now,
            span_ns=span_ns,
            account=exchange.account,
            operation=operation,
            method=scope["method"] if operation else self.redactor.cut(scope["method"], METHOD_CHARACTERS_KEPT),
            # Long parts are redacted here, before they are cut: half a token could not be recognised later.
            path=path if len(path) <= PATH_CHARACTERS_MAX else self.redactor.cut(path, PATH_CHARACTERS_MAX),
            query=query if len(query) <= PATH_CHARACTERS_MAX else self._cut(query, PATH_CHARACTERS_MAX),
            status=exchange.status,
            fault=exchange.fault,
            rental_id=exchange.rental_id and self.redactor.cut(exchange.rental_id, PATH_CHARACTERS_MAX),
            request_id=exchange.request_id,
            idempotency_key=self._idempotency_key(exchange) if operation == "rent_gpu" else b"",
            body=body if len(body) <= BODY_BYTES_KEPT else len(body),
        )
        if exchange.account or not self._was_for_deleted_world(exchange):
            exchange.world.requests.add(request)
        self._uncounted.append(request)
        if len(self._uncounted) >= COUNT_EVERY_REQUESTS:
            self.traffic.count_pending()
        if self._write is not None and not self._write(log_line(exchange, span_ns, self.redactor)):
            self.traffic.lines_dropped += 1

    def _was_for_deleted_world(self, exchange: Exchange) -> bool:
        """True where the request's token was that of a world that has been deleted."""
        try:
            token = bearer_token(exchange.scope)
        except InvalidToken:
            return False
        return token is not None and self._worlds.keyring.is_orphan(token)

    def _idempotency_key(self, exchange: Exchange) -> bytes:
        for name, value in exchange.scope["headers"]:
            if name == b"idempotency-key":
                return self._cut(value, KEY_BYTES_KEPT)
        return b""

    def _cut(self, content: bytes, length: int) -> bytes:
        return self.redactor.cut(content.decode("latin-1"), length).encode("latin-1", "replace")
