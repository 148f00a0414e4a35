"""uvicorn's HTTP protocol within bounds: on the bytes and the time that a head may take, on the requests that may queue
up on a connection, on the time that a client may send nothing of a body or take nothing of its answers, and on how long
it may be idle."""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Any, ClassVar

from starlette.types import Scope

from .replies import Header
from .transport import KEEP_ALIVE, Address, Connection, Connections, QueuedRequest

HEAD_BYTES_MAX = 64 << 10
HEAD_SECONDS_MAX = 15.0
"""Bounds of a request's head: its request line and headers. The parser keeps all of it and appends piece by piece."""

STALL_SECONDS_MAX = 60.0
"""The longest that a client may take nothing of what waits for it, or send nothing of a body that it has begun; it is
cut off when this has passed, or twice this at the latest."""

KEEP_ALIVE_SECONDS = 75
"""An idle connection is kept so long, unless the server is told otherwise. Clients that poll every few seconds find
theirs open, and those that drop idle connections by themselves, mostly within a minute, do it first."""

KEEP_ALIVE_GRACE_SECONDS = 1
"""It is kept so much longer than its answers say: a request that a client sends at the last moment is on its way."""

_LAST_LOOK_SECONDS = 0.01
"""Between the end of that time and the close. A request that has arrived is read before: uvloop runs timers first."""

QUEUED_MAX = 100
"""The requests of a connection that are parsed ahead of their turn."""

_PIECE_BYTES = 16 << 10
"""Parsed at once: the event loop reads up to 256 KB, which may be many thousand requests."""

_HEAD_TOO_LARGE = b"the head of a request is above 65536 bytes\n"
_TOO_LARGE_ANSWER = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(_HEAD_TOO_LARGE), _HEAD_TOO_LARGE)
)


def guarded(
    base: type[asyncio.Protocol], connections: Connections, *, keep_alive_seconds: int = KEEP_ALIVE_SECONDS
) -> type[asyncio.Protocol]:
    """A protocol class of uvicorn within these bounds that registers its connections, for uvicorn's option `http`.

    Answers say that an idle connection is kept for `keep_alive_seconds`; uvicorn's `timeout_keep_alive` is to be that
    and KEEP_ALIVE_GRACE_SECONDS.
    """
    connections.are_registered = True
    given = {
        "registry": connections,
        "counts_bytes": hasattr(base, "on_headers_complete"),
        "request_state": {KEEP_ALIVE: (b"keep-alive", b"timeout=%d" % keep_alive_seconds)},
    }
    return type(f"Guarded{base.__name__}", (GuardedProtocol, base), given)


class _HeadTooLarge(Exception):
    """Raised out of a callback of the parser, which then reads no further."""


class GuardedProtocol(asyncio.Protocol):
    """A mixin over a protocol of uvicorn: the one on httptools or, with bounds of its own on bytes, the one on h11."""

    registry: ClassVar[Connections]
    counts_bytes: ClassVar[bool]
    """False over h11, which bounds heads itself and has no callbacks."""
    request_state: ClassVar[dict[str, Header]]
    """The `state` of a request's scope, for what is told to the application."""
    registration: tuple[Address, Connection] | None = None

    # What uvicorn's protocols have.
    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    flow: Any
    cycle: Any
    pipeline: deque[tuple[Any, Any]]
    headers: Any
    url: bytes
    app_state: dict[str, Header]
    timeout_keep_alive: float
    timeout_keep_alive_task: asyncio.TimerHandle | None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn takes no other transport
        self._unparsed = b""
        self._bytes_without_progress = 0
        self._progress = False
        self._earlier_cycles: deque[Any] = deque()
        """The requests before the latest one that are not answered yet, but for some that are."""
        self._head_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._body_timer: asyncio.TimerHandle | None = None
        self._has_sent = False
        self.app_state = self.request_state
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        if not isinstance(peer, tuple):  # the client has reset it already
            transport.abort()
            return
        address = peer[0], peer[1]
        connection = self.registry.add(address, transport)
        connection.queued = self._queued
        self.registration = address, connection
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unparsed = b""
        self._stop_head_timer()
        if self._body_timer is not None:
            self._body_timer.cancel()
        # uvicorn tells the last of pipelined requests alone, and the one that runs may be an earlier one.
        for cycle in self._earlier_cycles:
            if not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()  # a stream waits for nothing else
        # uvicorn's protocol comes first, before whoever waits in `reset` or `close` goes on: it logs an error for a
        # request that returns without a complete answer on a connection that it still takes for open.
        super().connection_lost(exc)
        self._stop_stall_timer()  # after it: it resumes writing
        if self.registration is not None:
            self.registry.remove(*self.registration)

    # Reading

    def data_received(self, data: bytes) -> None:
        self._unparsed = self._unparsed + data if self._unparsed else data
        self._has_sent = True
        self._parse()

    def _parse(self) -> None:
        """Parse what has come, piece by piece, until too many requests queue up; their answers bring it here again."""
        while self._unparsed and len(self._earlier_cycles) <= QUEUED_MAX and not self.transport.is_closing():
            piece, self._unparsed = self._unparsed[:_PIECE_BYTES], self._unparsed[_PIECE_BYTES:]
            self._progress = False
            super().data_received(piece)
            if not self.counts_bytes:
                self._heed_close()
            if self._progress or not self.counts_bytes:
                self._bytes_without_progress = 0
            else:
                self._bytes_without_progress += len(piece)
                if self._bytes_without_progress > HEAD_BYTES_MAX and not self.transport.is_closing():
                    self.send_400_response("")
        if self._unparsed and not self.transport.is_closing():
            self.flow.pause_reading()
        if self._is_idle():
            self._await_head()
        else:
            self._stop_head_timer()
            if self.cycle.more_body and self._body_timer is None:
                self._await_body()

    def on_headers_complete(self) -> None:
        """A callback of httptools."""
        self._progress = True
        if self._bytes_without_progress and self._head_bytes() > HEAD_BYTES_MAX:
            self._bytes_without_progress = HEAD_BYTES_MAX + 1
            raise _HeadTooLarge
        if self._stall_timer is not None and not self.flow.write_paused:
            self._stop_stall_timer()  # from here on more is written, by which the next look would be misled
        before = self.cycle
        super().on_headers_complete()  # type: ignore[misc]  # in the protocol of uvicorn that it is mixed into
        if not self.cycle.keep_alive:
            self._announce_close()
        if before is not None and not before.response_complete:
            self._earlier_cycles.append(before)

    def on_body(self, body: bytes) -> None:
        """A callback of httptools."""
        self._progress = True
        super().on_body(body)  # type: ignore[misc]  # in the protocol of uvicorn that it is mixed into

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, or has too large a head, and close."""
        if self._bytes_without_progress <= HEAD_BYTES_MAX:
            super().send_400_response(msg)  # type: ignore[misc]  # in the protocol of uvicorn that it is mixed into
            return
        self.transport.write(_TOO_LARGE_ANSWER)
        self.transport.close()

    def _is_idle(self) -> bool:
        """True while no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _queued(self) -> Iterable[QueuedRequest]:
        """The requests that wait for their turn, in that order. The one on h11 parses none ahead."""
        return [cycle for cycle, _ in reversed(self.pipeline)] if self.counts_bytes else []

    def _await_head(self) -> None:
        """Close the connection unless a whole head comes in time."""
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS_MAX, self._head_is_late)

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self._is_idle():
            self.transport.close()

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _await_body(self) -> None:
        """Cut the client off unless more of the body comes in time, which does not run while it may send no more."""
        self._has_sent = self._may_send_no_more()
        self._body_timer = self.loop.call_later(STALL_SECONDS_MAX, self._look_at_body)

    def _look_at_body(self) -> None:
        self._body_timer = None
        if not self.cycle.more_body or self._is_idle():
            return
        if self._has_sent or self._may_send_no_more():
            self._await_body()
        else:
            self._cut_off()

    def _may_send_no_more(self) -> bool:
        """True while nobody has read what it has sent, or has asked for the body that it offers."""
        return bool(self.flow.read_paused or self.cycle.waiting_for_100_continue)

    # The end

    def _heed_close(self) -> None:
        """Do for h11 what is done for httptools as soon as a head is complete."""
        if self.cycle is not None and _asks_for_close(self.cycle.scope):
            self._announce_close()

    def _announce_close(self) -> None:
        """Let the answer to the latest request not say that the connection is kept."""
        self.cycle.scope["state"].pop(KEEP_ALIVE, None)

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection unless a request has arrived by now. A callback of uvicorn's timer."""
        close = super().timeout_keep_alive_handler  # type: ignore[misc]  # in the protocol of uvicorn that it is mixed into
        self.timeout_keep_alive_task = self.loop.call_later(_LAST_LOOK_SECONDS, close)

    def shutdown(self) -> None:
        """Close the connection, once what is underway is answered."""
        super().shutdown()  # type: ignore[misc]  # in the protocol of uvicorn that it is mixed into
        if not self._is_idle():
            self._announce_close()

    # Writing

    def on_response_complete(self) -> None:
        """A callback of uvicorn's request cycles."""
        super().on_response_complete()  # type: ignore[misc]  # in the protocol of uvicorn that it is mixed into
        if not self.counts_bytes:
            self._heed_close()
        if self.transport.get_write_buffer_size():
            self._await_reader()
        while self._earlier_cycles and self._earlier_cycles[0].response_complete:
            self._earlier_cycles.popleft()
        if self._unparsed:
            self._parse()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._await_reader()

    def _await_reader(self) -> None:
        if self._stall_timer is None:
            waiting = self.transport.get_write_buffer_size()
            self._stall_timer = self.loop.call_later(STALL_SECONDS_MAX, self._look_at_reader, waiting)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_stall_timer()
        if self._is_idle() and self.transport.get_write_buffer_size():
            self._await_reader()

    def _look_at_reader(self, before: int) -> None:
        """Cut off a client that has taken nothing since the last look."""
        self._stall_timer = None
        waiting = self.transport.get_write_buffer_size()
        if not waiting:
            return
        if waiting < before:
            self._await_reader()
            return
        self._cut_off()

    def _cut_off(self) -> None:
        if self.registration is None:
            self.transport.abort()
        else:
            self.registration[1].is_stalled = True
            self.registration[1].abort()

    def _stop_stall_timer(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None


def _asks_for_close(scope: Scope) -> bool:
    """True for a request after which its connection is closed, as HTTP/1.0 and `connection: close` want it."""
    return scope["http_version"] == "1.0" or any(
        name == b"connection" and b"close" in value.lower() for name, value in scope["headers"]
    )
