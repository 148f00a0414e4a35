"""Bodies in and out: read within bounds, declared as JSON, sent whole or in parts."""

import asyncio
from collections.abc import Iterable
from contextlib import aclosing
from typing import Any

from starlette.types import Receive, Scope, Send

from .problems import PayloadTooLarge, UnsupportedMediaType
from .replies import Reply, Stream
from .strict_json import parse_json

DRAINED_BYTES_MAX = 1 << 20
DRAIN_SECONDS_MAX = 2.0


class Disconnected(Exception):  # no error: the client went away, and nobody is left to tell
    """The client went away before its request was complete."""


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The whole body. Raises PayloadTooLarge as soon as it is known to be above `limit` bytes."""
    declared = body_length(scope)
    if declared == 0:
        return b""
    if declared is not None and declared > limit:
        raise _too_large(limit, more_comes=True)
    chunks: list[bytes] = []
    length = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunk: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        length += len(chunk)
        if length > limit:
            raise _too_large(limit, more_comes=more)
        chunks.append(chunk)
    return b"".join(chunks)


def body_length(scope: Scope) -> int | None:
    """The declared length of the body, 0 without one, None where only its end will tell."""
    length = 0
    for name, value in scope["headers"]:
        if name == b"content-length":
            length = int(value)
        elif name == b"transfer-encoding":
            return None
    return length


def _too_large(limit: int, *, more_comes: bool) -> PayloadTooLarge:
    return PayloadTooLarge(f"the body is above {limit} bytes", more_comes=more_comes)


async def send_stream(send: Send, receive: Receive, stream: Stream, extra: Iterable[tuple[bytes, bytes]]) -> None:
    """Send an answer in parts as they come, until there are no more or the client goes away."""
    await send({"type": "http.response.start", "status": 200, "headers": [*stream.headers, *extra]})
    sending = asyncio.create_task(_send_parts(send, stream))
    leaving = asyncio.create_task(_until_gone(receive))
    try:
        await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        sending.cancel()
        ended = await asyncio.gather(sending, leaving, return_exceptions=True)
    for failure in ended:
        if isinstance(failure, Exception):
            raise failure
    await send({"type": "http.response.body", "body": b""})


async def _send_parts(send: Send, stream: Stream) -> None:
    async with aclosing(stream.parts):
        async for part in stream.parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def send_and_drain(
    send: Send, receive: Receive, reply: Reply, extra: Iterable[tuple[bytes, bytes]], *, more_comes: bool
) -> None:
    """Answer a request whose body may still be coming: drain a bounded part of it, so that the client gets to see
    the answer, and close the connection."""
    headers = [*reply.headers, *extra, (b"connection", b"close")]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body, "more_body": True})
    drained = 0
    try:
        async with asyncio.timeout(DRAIN_SECONDS_MAX):
            while more_comes and drained < DRAINED_BYTES_MAX:
                message = await receive()
                drained += len(message.get("body", b""))
                more_comes = message.get("more_body", False)
    except TimeoutError:
        pass
    await send({"type": "http.response.body", "body": b""})


def decode_json(scope: Scope, body: bytes) -> dict[str, Any]:
    """The object in a JSON body. Raises UnsupportedMediaType, InvalidJson or InvalidBody."""
    check_media(scope)
    return parse_json(body)


def check_media(scope: Scope) -> None:
    """Raises UnsupportedMediaType unless the body is declared as JSON, and as it is."""
    for name, value in scope["headers"]:
        if name == b"content-encoding" and value.lower() != b"identity":
            raise UnsupportedMediaType("the body must not be compressed", param="content-encoding")
    if not declares_json(scope):
        raise UnsupportedMediaType("the body must be application/json", param="content-type")


def declares_json(scope: Scope) -> bool:
    """Whether the body is declared as JSON."""
    media = b""
    for name, value in scope["headers"]:
        if name == b"content-type":
            media = value
    return media.partition(b";")[0].strip().lower() == b"application/json"
