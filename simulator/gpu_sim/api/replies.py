"""Answers of handlers: whole ones, and streams. The headers that every answer has are added when it is sent."""

from collections.abc import AsyncGenerator
from typing import Any, NamedTuple

import msgspec

Header = tuple[bytes, bytes]
Headers = tuple[Header, ...]


class Reply:
    """A whole answer, without the headers that every answer has."""

    __slots__ = ("body", "error", "headers", "status")

    def __init__(self, status: int, body: bytes, headers: Headers = (), *, error: str = "") -> None:
        self.status = status
        self.error = error
        """The `code` of the error in its body, for the request log; empty where it tells of none."""
        self.body = body
        self.headers: Headers = headers if status == 204 else (*headers, (b"content-length", b"%d" % len(body)))
        """The headers given and `content-length`, which a 204 must not have (RFC 9110, 8.6)."""


class Stream(NamedTuple):
    """A streamed answer with status 200, sent until its parts end or the client goes away."""

    parts: AsyncGenerator[bytes, None]
    headers: Headers = ()


def json_reply(
    status: int, content: Any, headers: Headers = (), media: bytes = b"application/json", *, error: str = ""
) -> Reply:
    """A whole answer with JSON in its body; `error` is the `code` of the error that it tells of, if it does."""
    return Reply(status, msgspec.json.encode(content), ((b"content-type", media), *headers), error=error)
