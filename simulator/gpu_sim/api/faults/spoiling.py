"""Answers that a fault captures, spoils and sends: changed headers and bodies, parts of them, piece by piece."""

import asyncio
import gzip
from collections.abc import Mapping

from starlette.types import Message, Send

from ...core.kernel.randomness import PPM
from ...core.scenario.fault_effects import FaultEffect, HeaderValue, header_values
from ..exchange import Exchange
from ..transport import Connection, InjectedDisconnect
from . import waits

_JSON_WHITESPACE = b" " * 1023 + b"\n"

COMPRESSED_AT_ONCE_BYTES_MAX = 64 << 10
"""The longest body that is compressed within the event loop: the list of 10,000 offers would hold others up."""


class CapturedAnswer:
    """Captures an answer in place of the client."""

    def __init__(self) -> None:
        self.start: Message = {}
        self.body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
        else:
            self.body += message.get("body", b"")

    async def send_on(self, send: Send) -> None:
        """Send the whole answer to the client."""
        await send(self.start)
        await send({"type": "http.response.body", "body": self.body})

    def header(self, name: bytes) -> bytes | None:
        """The first header of this name, in lower case."""
        return next((value for key, value in self.start["headers"] if key == name), None)

    def replace_header(self, name: bytes, values: tuple[bytes, ...]) -> None:
        """Send these values in place of the header of this name, where it stood or else behind the others."""
        headers: list[tuple[bytes, bytes]] = self.start["headers"]
        names = [key for key, _ in headers]
        place = names.index(name) if name in names else len(names)
        before = [pair for pair in headers[:place] if pair[0] != name]
        behind = [pair for pair in headers[place:] if pair[0] != name]
        self.start["headers"] = [*before, *((name, value) for value in values), *behind]


async def spoil(effect: FaultEffect, answer: CapturedAnswer, *, method: str) -> None:
    """Change headers and body of an answer as the effect says; to HEAD the headers alone, as it has no body.

    Each step sees what the one before has left: whitespace, a malformed end, compression. `content-length` is then that
    of the body, and last the effect's headers are put in.
    """
    before = answer.body
    if answer.body and method != "HEAD":
        if effect.whitespace is not None:
            lines = -(-effect.whitespace // len(_JSON_WHITESPACE))
            answer.body = (_JSON_WHITESPACE * lines)[-effect.whitespace :] + answer.body
        if effect.malformed:
            # Of the same length as before, so that `content-length` still holds: the JSON is at fault, not the framing.
            answer.body = answer.body[:-1] + b","
        if effect.gzip:
            answer.body = await _compressed(answer.body)
            answer.replace_header(b"content-encoding", (b"gzip",))
    if len(answer.body) != len(before):
        answer.replace_header(b"content-length", (b"%d" % len(answer.body),))
    if answer.header(b"keep-alive") is not None and _closes(effect.headers or {}):
        # Before the effect's headers: it may well have one of its own, that lies.
        answer.replace_header(b"keep-alive", ())
    for name, value in (effect.headers or {}).items():
        answer.replace_header(name.lower().encode(), tuple(each.encode("latin-1") for each in header_values(value)))


async def _compressed(body: bytes) -> bytes:
    if len(body) <= COMPRESSED_AT_ONCE_BYTES_MAX:
        return gzip.compress(body, mtime=0)
    return await asyncio.to_thread(gzip.compress, body, mtime=0)


def _closes(headers: Mapping[str, HeaderValue]) -> bool:
    """True where these headers say that the connection is closed behind the answer."""
    return any(
        name.lower() == "connection" and "close" in (each.lower() for each in header_values(value))
        for name, value in headers.items()
    )


async def send_spoiled(
    effect: FaultEffect, answer: CapturedAnswer, exchange: Exchange, send: Send, connection: Connection | None
) -> None:
    """Send an answer, or the part of it that `truncate` says, whole or dripping, and then the end that the effect says.

    One to HEAD is sent as it is: it has no body. Where more is sent than `content-length` says, or less, the connection
    is closed behind it. Raises InjectedDisconnect where it is, and there is none as the application is called in
    process.
    """
    await send(answer.start)
    if exchange.scope["method"] == "HEAD":
        await send({"type": "http.response.body", "body": answer.body})
        return
    body = answer.body if effect.truncate is None else answer.body[: len(answer.body) * effect.truncate // PPM]
    declared = answer.header(b"content-length")
    length = len(body) if declared is None else int(declared)
    framed, beyond = body[:length], body[length:]
    # Without a length, HTTP frames each piece, and the answer is whole once the last has been sent.
    is_whole = effect.truncate is None and len(body) == length
    framed = await _drip(effect, framed, exchange, send, connection)
    if is_whole:
        await send({"type": "http.response.body", "body": framed})
        return
    await send({"type": "http.response.body", "body": framed, "more_body": True})
    if beyond and connection is not None:
        connection.write(beyond)
    await end(effect, exchange, connection)


async def end(effect: FaultEffect, exchange: Exchange, connection: Connection | None) -> None:
    """End the connection as the effect says: by a reset, or closed, after silence where it hangs."""
    if effect.reset or effect.lose_response:
        if connection is None:
            raise InjectedDisconnect("a fault reset the connection")
        await connection.reset()
        return
    if effect.hang is not None:
        await waits.wait(effect.hang / 1000, lambda: waits.nobody_waits(exchange, connection))
    if connection is None:
        raise InjectedDisconnect("a fault closed the connection")
    await connection.close()


async def _drip(
    effect: FaultEffect, body: bytes, exchange: Exchange, send: Send, connection: Connection | None
) -> bytes:
    """Send the body piece by piece, where the effect drips, and return the last piece, which is still to be sent."""
    drip = effect.drip
    if drip is None:
        return body
    pause, waited = drip.every / 1000, 0.0
    while len(body) > drip.bytes and waited < waits.WALL_SECONDS_MAX and not waits.nobody_waits(exchange, connection):
        await send({"type": "http.response.body", "body": body[: drip.bytes], "more_body": True})
        body = body[drip.bytes :]
        await waits.wait(min(pause, waits.WALL_SECONDS_MAX - waited), lambda: waits.nobody_waits(exchange, connection))
        waited += pause
    return body
