"""Client connections that a fault can cut, by a TCP reset or after part of an answer: ASGI can express neither."""

import asyncio
import socket
import struct
from typing import Any, ClassVar

from starlette.types import Scope, Send

CLOSE_SECONDS_MAX = 2.0
"""The longest that a client which does not read can delay the end of its connection."""

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER on, for no time: what is unsent is dropped, and RST says so

Address = tuple[str, int]


class InjectedDisconnect(ConnectionError):
    """Raised in place of a cut connection where the application runs in process and has none."""


class Connection:
    """An open TCP connection from a client."""

    __slots__ = ("_closed", "_transport", "request_cycle")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._closed = asyncio.Event()
        self.request_cycle: Any = None
        """uvicorn's RequestResponseCycle of the latest request on this connection that gets a fault."""

    @property
    def is_open(self) -> bool:
        """True while neither side has ended it."""
        return not self._transport.is_closing()

    def mark_disconnected(self) -> None:
        """Let the running request know that its client is gone.

        uvicorn does so for the last of pipelined requests alone, and the one that runs may be an earlier one.
        """
        if self.request_cycle is not None and not self.request_cycle.response_complete:
            self.request_cycle.disconnected = True

    def mark_closed(self) -> None:
        """Wake whoever waits for the end of the connection."""
        self._closed.set()

    async def reset(self) -> None:
        """End it by a TCP reset: the client gets ECONNRESET, and what was not sent yet is dropped."""
        transport_socket = self._transport.get_extra_info("socket")
        if transport_socket is not None and self.is_open:
            transport_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._transport.abort()
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


class Connections:
    """The open connections of a server, by client address as in `client` of an ASGI scope."""

    def __init__(self) -> None:
        self._open: dict[Address, Connection] = {}

    def protocol(self, base: type[asyncio.Protocol]) -> type[asyncio.Protocol]:
        """A protocol class of uvicorn that registers its connections here, for the `http` of `uvicorn.Config`."""
        return type(f"Registered{base.__name__}", (_RegisteringProtocol, base), {"registry": self})

    def of(self, scope: Scope, send: Send) -> Connection | None:
        """The connection that a request came on and `send` answers on, or None in process."""
        client = scope.get("client")
        connection = None if client is None else self._open.get((client[0], client[1]))
        if connection is not None:
            connection.request_cycle = getattr(send, "__self__", None)
        return connection

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


class _RegisteringProtocol(asyncio.Protocol):
    """A mixin over a protocol of uvicorn that registers each connection and removes it at its end."""

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
        # uvicorn's protocol comes first, before whoever waits in `reset` or `close` goes on: it logs an error for a
        # request that returns without a complete answer on a connection that it still takes for open.
        super().connection_lost(exc)
        if self.registration is not None:
            self.registry.remove(*self.registration)
