"""Client connections that a fault can cut, by a TCP reset or after part of an answer: ASGI can express neither."""

import asyncio
import socket
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, Protocol

from starlette.types import Scope

from .replies import Header, Headers

CLOSE_SECONDS_MAX = 2.0
"""The longest that a client which does not read can delay the end of its connection."""

KEEP_ALIVE = "keep_alive"
"""The name under which the `state` of a request's scope has its answer's header `Keep-Alive`, if a server sends one."""

_NO_STATE: dict[str, Header] = {}
"""The state of a request that comes in process."""

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER on, for no time: what is unsent is dropped, and RST says so

Address = tuple[str, int]

OpenConnections = Literal["close", "reset", "keep"]
"""The fate of open connections while new ones are refused: closed once what is underway is answered, reset at once,
or kept."""


def keep_alive_headers(scope: Scope) -> Headers:
    """The header that says how long an answer's connection is kept; none where it is not, or where there is none."""
    header = scope.get("state", _NO_STATE).get(KEEP_ALIVE)
    return () if header is None else (header,)


class InjectedDisconnect(ConnectionError):
    """Raised in place of a cut connection where the application runs in process and has none."""


class QueuedRequest(Protocol):
    """A request that has come while one before it on its connection was being answered, as uvicorn has it."""

    scope: Scope
    body: bytes
    more_body: bool
    response_complete: bool
    disconnected: bool


def _none_queued() -> Iterable[QueuedRequest]:
    return ()


class Connection:
    """An open TCP connection from a client."""

    __slots__ = ("_closed", "_transport", "is_stalled", "queued")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._closed = asyncio.Event()
        self.is_stalled = False
        """True where it was cut off because the client took nothing of an answer for too long."""
        self.queued: Callable[[], Iterable[QueuedRequest]] = _none_queued
        """The requests that wait for their turn on it."""

    @property
    def is_open(self) -> bool:
        """True while neither side has ended it."""
        return not self._transport.is_closing()

    @property
    def is_gone(self) -> bool:
        """True once its end has come, and whoever runs a request on it has been told."""
        return self._closed.is_set()

    def mark_closed(self) -> None:
        """Wake whoever waits for the end of the connection."""
        self.queued = _none_queued
        self._closed.set()

    def abort(self) -> None:
        """Begin to end it by a TCP reset: the client gets ECONNRESET, and what was not sent yet is dropped."""
        transport_socket = self._transport.get_extra_info("socket")
        if transport_socket is not None and self.is_open:
            transport_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._transport.abort()

    def write(self, beyond: bytes) -> None:
        """Send bytes that are no part of an answer, as HTTP frames it, behind what was sent before."""
        self._transport.write(beyond)

    async def ended(self) -> None:
        """Wait for its end, which has begun."""
        await self._closed.wait()

    async def reset(self) -> None:
        """End it as `abort` does, and wait for that."""
        self.abort()
        await self._closed.wait()

    async def close(self) -> None:
        """Send what is buffered and close; abort after CLOSE_SECONDS_MAX if the client does not read."""
        self._transport.close()
        try:
            async with asyncio.timeout(CLOSE_SECONDS_MAX):
                await self._closed.wait()
        except TimeoutError:
            self._transport.abort()
            await self._closed.wait()


class _GoneConnection(Connection):
    """A connection that ended before a request that came on it was looked at."""

    __slots__ = ()

    def __init__(self) -> None:
        self._closed = asyncio.Event()
        self._closed.set()
        self.is_stalled = False
        self.queued = _none_queued

    @property
    def is_open(self) -> bool:
        return False

    def abort(self) -> None:
        pass

    def write(self, beyond: bytes) -> None:
        pass

    async def close(self) -> None:
        pass


class Listening(Protocol):
    """The listening of the server in front."""

    @property
    def seconds_left(self) -> float | None:
        """The time for which connections are still refused; None while the server listens."""

    async def refuse(self, seconds: float, open_connections: OpenConnections, caller: Connection | None) -> None:
        """Refuse connections from now on, for so long. The caller's own connection stays open."""

    async def listen(self) -> None:
        """Listen again now, and return when that is so."""


class Connections:
    """The open connections of a server, by client address as in `client` of an ASGI scope."""

    def __init__(self) -> None:
        self._open: dict[Address, Connection] = {}
        self.are_registered = False
        """True where a server registers all its connections here; in process nobody does."""
        self.listener: Listening | None = None
        """The listening of that server; None in process."""

    def of(self, scope: Scope) -> Connection | None:
        """The connection that a request came on, or None in process."""
        client = scope.get("client")
        if not self.are_registered:
            return None
        found = None if client is None else self._open.get((client[0], client[1]))
        return found or _GoneConnection()

    def queued(self, but: Connection | None) -> Iterator[QueuedRequest]:
        """The requests that wait for their turn on all connections but one."""
        for connection in self._open.values():
            if connection is not but:
                yield from connection.queued()

    def add(self, address: Address, transport: asyncio.Transport) -> Connection:
        """Register a connection."""
        connection = self._open[address] = Connection(transport)
        return connection

    def remove(self, address: Address, connection: Connection) -> None:
        """Forget a connection that has ended."""
        # The client may have connected again from the same port before the old connection's end was seen.
        if self._open.get(address) is connection:
            del self._open[address]
        connection.mark_closed()
