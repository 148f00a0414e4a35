"""The API requests that a server is still answering: from their arrival until they are recorded.

A request whose client has gone stays among them while it is served all the same, such as one that a fault delays. One
that waits for its turn behind another on its connection is among them too.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import repeat

from msgspec import Struct

from ...request_record import InFlightRecord
from ...wall_clock import Slice, stopwatch_ns
from ...worlds.watchers import Watcher
from ...worlds.world import World
from ...worlds.worlds import Worlds
from ..auth import authenticate
from ..exchange import Exchange
from ..problems import InvalidToken
from ..transport import Connection, Connections, QueuedRequest
from .kept_request import keep
from .logged_request import LoggedRequest, logged_request
from .redaction import Redactor
from .request_match import Match

SHOWN_MAX = 100

ARRIVAL_TURNS = 5
"""So many turns of the event loop take a connection from the socket's queue to its first request."""


class InFlightRequest(InFlightRecord[str], frozen=True):
    """A request that is still being answered, with its time as RFC 3339 (A23)."""


class InFlightList(Struct, frozen=True):
    """Requests that are still being answered, also those whose client has gone."""

    total: int
    """The number of them."""
    data: list[InFlightRequest]
    """The first 100 in the order in which they came."""


class RequestsInFlight:
    """The requests in flight of all worlds of a server, and who waits for the end of those of the API."""

    def __init__(self, worlds: Worlds, redactor: Redactor, connections: Connections) -> None:
        self.exchanges: set[Exchange] = set()
        """All requests in flight, calls of the control plane too: a look tells them apart, so that a request need not.
        """
        self._worlds = worlds
        self._redactor = redactor
        self._connections = connections
        self._watchers: list[Watcher] = []

    def remove(self, exchange: Exchange) -> None:
        """Forget a request that is over, and wake who waits."""
        self.exchanges.discard(exchange)
        if self._watchers:
            for watcher in self._watchers:
                watcher.notify()

    def of(self, world: World) -> list[Exchange]:
        """Those of a world, in the order in which they came. One whose body is still coming is of the world that its
        token leads to now."""
        own = [exchange for exchange in self.exchanges if exchange.is_api and self._place(exchange)[0] is world]
        return sorted(own, key=lambda exchange: exchange.began_ns)

    def queued_of(self, world: World, but: Connection | None) -> dict[Exchange, QueuedRequest]:
        """Those of a world that wait for their turn on a connection other than one, each as it will be."""
        queued: dict[Exchange, QueuedRequest] = {}
        for request in self._connections.queued(but):
            exchange = Exchange(dict(request.scope), self._worlds, repeat(b""))
            if not request.more_body:
                exchange.body, exchange.has_unread_body = request.body, False
            if exchange.is_api and self._place(exchange)[0] is world:
                queued[exchange] = request
        return queued

    def begun(self, request: QueuedRequest) -> Exchange | None:
        """The request in flight that a queued one has become, if its turn has come."""
        return next((exchange for exchange in self.exchanges if exchange.scope is request.scope), None)

    def shown(self, exchange: Exchange) -> InFlightRequest:
        """A request in flight as it is shown: redacted, with its time as RFC 3339 (A23)."""
        world, account = self._place(exchange)
        request, arrived_ms = self._logged(exchange), exchange.arrived_ms
        return InFlightRequest(
            since=world.now if arrived_ms is None else world.instant(arrived_ms),
            duration_ms=request.duration_ms,
            account=account or None,
            operation=request.operation,
            method=request.method,
            path=request.path,
            query=request.query,
            fault=request.fault,
            rental_id=request.rental_id,
            provider_id=request.provider_id,
            gpu_model=request.gpu_model,
            region=request.region,
            request_id=request.request_id,
            idempotency_key=request.idempotency_key,
        )

    def may_fit(self, exchange: Exchange, match: Match) -> bool:
        """True where a request may be like `match` once it is over: no field that is certain by now differs."""
        # What is cheap to look at comes first: there may be many requests, and the rest decodes the body.
        if not match.is_about(exchange.operation, self._place(exchange)[1] or None):
            return False
        return match.may_fit(self._logged(exchange), has_body=not exchange.has_unread_body)

    def overview(self, exchanges: Sequence[Exchange]) -> InFlightList:
        """These requests as they are shown."""
        return InFlightList(len(exchanges), [self.shown(exchange) for exchange in exchanges[:SHOWN_MAX]])

    @contextmanager
    def watched(self, world: World) -> Iterator[Watcher]:
        """A watcher that is notified when a request is over, and by whatever changes the world."""
        watcher = Watcher()
        lists = (self._watchers, world.watchers)
        for watchers in lists:
            watchers.append(watcher)
        try:
            yield watcher
        finally:
            for watchers in lists:
                watchers.remove(watcher)

    def _logged(self, exchange: Exchange) -> LoggedRequest:
        span_ns = stopwatch_ns() - exchange.began_ns
        return logged_request(0, keep(exchange, span_ns, self._redactor), self._redactor)

    def _place(self, exchange: Exchange) -> tuple[World, str]:
        """World and account of a request, as far as they are known."""
        if not exchange.account:
            try:
                place = authenticate(exchange.scope, self._worlds.keyring)
            except InvalidToken:
                return exchange.world, ""
            return place.world, place.account
        return exchange.world, exchange.account


class FittingRequests:
    """Those requests in flight at one moment that may come to be like a match, as long as they remain.

    What is queued on the caller's own connection is not among them: it comes after the caller.
    """

    def __init__(self, in_flight: RequestsInFlight, world: World, caller: Connection | None) -> None:
        self._in_flight = in_flight
        self._came = in_flight.of(world)
        self._queued = in_flight.queued_of(world, caller)
        # Each is looked at once for a match, and once more when its body has come: a look takes long.
        self._fits: dict[tuple[Exchange, int, bool], bool] = {}

    def remaining(self) -> list[Exchange]:
        """Those that are still in flight."""
        for exchange, request in tuple(self._queued.items()):
            begun = self._in_flight.begun(request)
            if begun is not None:
                self._came.append(begun)
            if begun is not None or request.response_complete or request.disconnected:
                del self._queued[exchange]
        self._came = [exchange for exchange in self._came if exchange in self._in_flight.exchanges]
        return [*self._came, *self._queued]

    async def fitting(self, remaining: Sequence[Exchange], match: Match) -> list[Exchange]:
        """Those of the remaining ones that may come to be like `match`. Other requests get turns in between."""
        fitting, slice_ = [], Slice()
        for exchange in remaining:
            key = exchange, id(match), exchange.has_unread_body
            if key not in self._fits:
                self._fits[key] = self._in_flight.may_fit(exchange, match)
                if slice_.is_over():
                    await asyncio.sleep(0)
                    slice_ = Slice()
            if self._fits[key]:
                fitting.append(exchange)
        return fitting


async def let_arrive() -> None:
    """Let requests in that were sent before this one, on connections that the server has not read from yet."""
    for _ in range(ARRIVAL_TURNS):
        await asyncio.sleep(0)
