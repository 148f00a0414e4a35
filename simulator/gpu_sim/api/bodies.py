"""Bodies of requests and answers: reading within bounds, checking the media type, sending in parts."""

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
"""Bounds of the part of a refused body that is read before its connection is closed.

A client that writes its whole body before it reads must get rid of a moderately long one, or it sees a reset in place
of the refusal; one that never ends must not keep the connection open.
"""


class Disconnected(Exception):  # no error: the client went away, and nobody is left to tell
    """Raised where the client goes away before its request is complete."""


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """Read the whole body. Raises Disconnected, or PayloadTooLarge as soon as it is known to be above `limit` bytes."""
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
    """The declared length of the body in bytes; 0 without a body, None for a chunked one."""
    length = 0
    for name, value in scope["headers"]:
        if name == b"content-length":
            length = int(value)  # uvicorn has refused what is no number, with 400
        elif name == b"transfer-encoding":
            return None
    return length


def _too_large(limit: int, *, more_comes: bool) -> PayloadTooLarge:
    return PayloadTooLarge(f"the body is above {limit} bytes", more_comes=more_comes)


async def send_stream(send: Send, receive: Receive, stream: Stream, extra: Iterable[tuple[bytes, bytes]]) -> None:
    """Send a streamed answer until its parts end or the client goes away."""
    await send({"type": "http.response.start", "status": 200, "headers": [*stream.headers, *extra]})
    sending = asyncio.create_task(_send_parts(send, stream))
    leaving = asyncio.create_task(_until_gone(receive))
    try:
        await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
    finally:
        # Both are awaited also when this call is cancelled: the stream's `finally`, which counts it off, must have run.
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
    """Answer a request whose body was not read, drain a bounded part of that body, and close the connection.

    Without draining, the close would reset the connection under a client that is still sending, and it would never see
    the answer.
    """
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
    """Decode a JSON body. Raises UnsupportedMediaType, InvalidJson or InvalidBody, in this order."""
    check_media(scope)
    return parse_json(body)


def check_media(scope: Scope) -> None:
    """Raise UnsupportedMediaType unless the body is declared as JSON and is not compressed."""
    for name, value in scope["headers"]:
        if name == b"content-encoding" and value.lower() != b"identity":
            raise UnsupportedMediaType("the body must not be compressed", param="content-encoding")
    if not declares_json(scope):
        raise UnsupportedMediaType("the body must be application/json", param="content-type")


def declares_json(scope: Scope) -> bool:
    """True where the body's media type is application/json, whatever its parameters."""
    media = b""
    for name, value in scope["headers"]:
        if name == b"content-type":
            media = value
    return media.partition(b";")[0].strip().lower() == b"application/json"
