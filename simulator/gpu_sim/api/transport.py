"""What ASGI cannot express: a connection cut off in the middle, by a true reset or after a part of the answer."""

import asyncio
import socket
import struct
from typing import Any, ClassVar

from starlette.types import Scope, Send

CLOSE_SECONDS_MAX = 2.0
"""How long a client that does not read may hold up the end of its connection."""

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER on, for no time: what is unsent is dropped, and RST says so

Address = tuple[str, int]


class InjectedDisconnect(ConnectionError):
    """A fault cut the connection. In process, where there is none, the call of the application ends with this."""


class Connection:
    """An open connection from a client."""

    __slots__ = ("_closed", "_transport", "request_cycle")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._closed = asyncio.Event()
        self.request_cycle: Any = None
        """What uvicorn answers the request with that a fault was decided for, the latest on this connection."""

    @property
    def is_open(self) -> bool:
        """Whether neither side has ended it."""
        return not self._transport.is_closing()

    def mark_disconnected(self) -> None:
        """It is about to end: of pipelined requests uvicorn tells only the last of it, so tell the one that runs."""
        if self.request_cycle is not None and not self.request_cycle.response_complete:
            self.request_cycle.disconnected = True

    def mark_closed(self) -> None:
        """It has ended."""
        self._closed.set()

    async def reset(self) -> None:
        """End it by a reset (RST): the client gets ECONNRESET, and nothing more of what was not sent yet."""
        transport_socket = self._transport.get_extra_info("socket")
        if transport_socket is not None and self.is_open:
            transport_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._transport.abort()
        await self._closed.wait()

    async def close(self) -> None:
        """Send what is still to be sent, and end it in good order. Whoever does not read it is cut off."""
        self._transport.close()
        try:
            async with asyncio.timeout(CLOSE_SECONDS_MAX):
                await self._closed.wait()
        except TimeoutError:
            self._transport.abort()
            await self._closed.wait()


class Connections:
    """The open connections of a server by their clients' addresses, as `client` in a scope gives them."""

    def __init__(self) -> None:
        self._open: dict[Address, Connection] = {}

    def protocol(self, base: type[asyncio.Protocol]) -> type[asyncio.Protocol]:
        """The HTTP protocol of uvicorn that keeps this up to date: what `uvicorn.Config` takes as `http`."""
        return type(f"Registered{base.__name__}", (_RegisteringProtocol, base), {"registry": self})

    def of(self, scope: Scope, send: Send) -> Connection | None:
        """The connection that a request came on, and on which `send` answers it, or None in process."""
        client = scope.get("client")
        connection = None if client is None else self._open.get((client[0], client[1]))
        if connection is not None:
            connection.request_cycle = getattr(send, "__self__", None)
        return connection

    def add(self, address: Address, transport: asyncio.Transport) -> Connection:
        """A client has connected."""
        connection = self._open[address] = Connection(transport)
        return connection

    def remove(self, address: Address, connection: Connection) -> None:
        """A connection has ended; the client may have made another from the same port already."""
        if self._open.get(address) is connection:
            del self._open[address]
        connection.mark_closed()


class _RegisteringProtocol(asyncio.Protocol):
    """Laid over a protocol of uvicorn: tells `registry` of every connection that comes and goes.

    The protocol underneath hears of an end first, so that a request whose connection was cut is no error to it.
    """

    registry: ClassVar[Connections]
    registration: tuple[Address, Connection] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):
            address = peer[0], peer[1]
            self.registration = address, self.registry.add(address, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.registration is not None:
            self.registration[1].mark_disconnected()
        super().connection_lost(exc)
        if self.registration is not None:
            self.registry.remove(*self.registration)
