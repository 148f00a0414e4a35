"""Recording of each API request once it is over: counters, the world's request log, the server's log."""

from collections.abc import Callable

from ...wall_clock import stopwatch_ns
from ...worlds.worlds import Worlds
from ..auth import bearer_token
from ..exchange import Exchange
from ..problems import InvalidToken
from ..transport import Connections
from .in_flight import RequestsInFlight
from .kept_request import keep
from .logged_request import log_line
from .redaction import Redactor
from .traffic import COUNT_EVERY_REQUESTS, Traffic

Write = Callable[[bytes], bool]
"""Takes a line, line feed included, without blocking; False where its buffer is full and the line is dropped."""


class RequestRecorder:
    """Records API requests, and passes a line for each to `write`, where it is given.

    It runs within each request, so it stores raw values; redacting and formatting are left to whoever reads the log.
    """

    def __init__(self, worlds: Worlds, connections: Connections, write: Write | None = None) -> None:
        self.traffic = Traffic()
        self._uncounted = self.traffic.uncounted
        self._worlds = worlds
        self.redactor = Redactor(worlds)
        self.in_flight = RequestsInFlight(worlds, self.redactor, connections)
        self._write = write

    def record(self, exchange: Exchange) -> None:
        """Record a request that is over, answered or not, if it is one of the API.

        A request whose token is unknown is recorded in the world `default`, except for a deleted world's token: the log
        that it would belong to is deleted too.
        """
        self.in_flight.remove(exchange)
        if not exchange.is_api:
            return
        span_ns = stopwatch_ns() - exchange.began_ns
        request = keep(exchange, span_ns, self.redactor)
        if exchange.account or not self._was_for_deleted_world(exchange):
            exchange.world.requests.add(request)
        self._uncounted.append(request)
        if len(self._uncounted) >= COUNT_EVERY_REQUESTS:
            self.traffic.count_pending()
        if self._write is not None and not self._write(log_line(exchange, request, self.redactor)):
            self.traffic.lines_dropped += 1

    def _was_for_deleted_world(self, exchange: Exchange) -> bool:
        """True where the request's token was that of a world that has been deleted."""
        try:
            token = bearer_token(exchange.scope)
        except InvalidToken:
            return False
        return token is not None and self._worlds.keyring.is_orphan(token)
