"""A server that refuses connections for a while, as one does that is down or being started again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress

from ..api.guarded_protocol import GuardedProtocol
from ..api.transport import CLOSE_SECONDS_MAX, Connection, OpenConnections
from .listening_socket import ListeningSocket

_RETRY_SECONDS = 0.2

_log = logging.getLogger("gpu_sim")


class Listener:
    """The listening of one server: begun, stopped for a while, begun again."""

    def __init__(
        self,
        listening: ListeningSocket,
        accept: Callable[[], Awaitable[None]],
        stop_accepting: Callable[[], None],
        connections: Callable[[], Collection[GuardedProtocol]],
    ) -> None:
        """`accept` lets the event loop take connections from a copy of the socket, `stop_accepting` closes that copy;
        `connections` gives those that are open."""
        self._socket = listening
        self._accept = accept
        self._stop_accepting = stop_accepting
        self._connections = connections
        self._pause: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._until = 0.0
        """When the pause is over, in seconds of the event loop's clock."""
        self._is_ending = False

    @property
    def seconds_left(self) -> float | None:
        """The time for which connections are still refused; None while the server listens."""
        if self._pause is None:
            return None
        return max(0.0, self._until - asyncio.get_running_loop().time())

    async def refuse(self, seconds: float, open_connections: OpenConnections, caller: Connection | None) -> None:
        """Stop listening from now on, for so long: a span that is running already is replaced. Returns when those of
        the open connections that end at once have ended."""
        self._until = asyncio.get_running_loop().time() + seconds
        self._changed.set()
        self._close()
        if self._pause is None:
            self._pause = asyncio.create_task(self._listen_again())
        if open_connections != "keep":
            await self._end_connections(caller, at_once=open_connections == "reset")

    async def listen(self) -> None:
        """Listen again now, and return when that is so."""
        if self._pause is None:
            return
        self._until = asyncio.get_running_loop().time()
        self._changed.set()
        await asyncio.shield(self._pause)

    async def end(self) -> None:
        """End for good. The pause, if there is one, is not waited out."""
        self._is_ending = True
        self._changed.set()
        if self._pause is not None:
            await self._pause

    async def _end_connections(self, caller: Connection | None, *, at_once: bool) -> None:
        ended = []
        for protocol in self._connections():
            connection = None if protocol.registration is None else protocol.registration[1]
            if connection is None or connection is caller:
                continue
            if at_once:
                connection.abort()
            else:
                protocol.shutdown()
            if not connection.is_open:
                ended.append(connection.ended())
        # A client that knows of the call must not find a connection that is about to end.
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS_MAX):
                await asyncio.gather(*ended)

    def _close(self) -> None:
        self._stop_accepting()
        try:
            self._socket.pause()
        except OSError as error:
            _log.error("port %d was lost while connections are refused: %s", self._socket.port, error.strerror)

    async def _listen_again(self) -> None:
        """Wait until the pause is over, and listen again; as long as that fails, try it again."""
        has_failed = False
        while await self._waits_out():
            try:
                self._socket.resume()
                await self._accept()
            except OSError as error:
                if not has_failed:
                    _log.error("port %d cannot be listened on again, trying on: %s", self._socket.port, error.strerror)
                has_failed = True
                self._until = max(self._until, asyncio.get_running_loop().time() + _RETRY_SECONDS)
                continue
            if self._until <= asyncio.get_running_loop().time():
                break
            self._close()  # another call came meanwhile
        if has_failed and not self._is_ending:
            _log.error("port %d is listened on again", self._socket.port)
        self._pause = None

    async def _waits_out(self) -> bool:
        """Wait until the pause is over, which may be moved; False where the server ends before."""
        loop = asyncio.get_running_loop()
        while not self._is_ending and (left := self._until - loop.time()) > 0:
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._changed.wait()
        return not self._is_ending
