"""Answers before the headers that every answer has: whole ones, and those that go on."""

from collections.abc import AsyncGenerator
from typing import Any, NamedTuple

import msgspec

Headers = tuple[tuple[bytes, bytes], ...]


class Reply:
    """An answer before the headers that every answer has."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, body: bytes, headers: Headers = ()) -> None:
        self.status = status
        self.body = body
        self.headers: Headers = headers if status == 204 else (*headers, (b"content-length", b"%d" % len(body)))
        """Those given, and the body's length where there may be a body (RFC 9110, 8.6)."""


class Stream(NamedTuple):
    """An answer with status 200 that goes on until its parts end or the client goes away."""

    parts: AsyncGenerator[bytes, None]
    headers: Headers = ()


def json_reply(status: int, content: Any, headers: Headers = (), media: bytes = b"application/json") -> Reply:
    """An answer in JSON."""
    return Reply(status, msgspec.json.encode(content), ((b"content-type", media), *headers))
