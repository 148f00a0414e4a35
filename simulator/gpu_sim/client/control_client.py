"""The control plane of a running server, or of one of its worlds."""

from collections.abc import Mapping
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

from .connection import ControlConnection

PAGE = 10_000
"""Items of a list that are asked for at a time: few calls for a long one, and no answer without bounds."""

_T = TypeVar("_T")


class Page(Struct, Generic[_T]):
    """A page of a list of the control plane; the list goes on after `next`."""

    data: list[_T]
    next: int | str | None = None


class ControlClient:
    """Calls under `/_sim`. The world meant is the one named, or else that of the connection's token, or the only one;
    some calls are about no world."""

    def __init__(self, connection: ControlConnection, world: str | None = None) -> None:
        self._connection = connection
        self._world = world

    @property
    def url(self) -> str:
        """The server's address; the API is under `/v1`, the control plane under `/_sim`."""
        return self._connection.url

    def of_world(self, world: str) -> "ControlClient":
        """The control plane of that world, over the same connection."""
        return ControlClient(self._connection, world)

    def call(self, method: str, path: str, body: object = None, query: Mapping[str, str] | None = None) -> bytes:
        """The body of the answer to, say, ("GET", "clock"). Raises ServerUnreachable, or ServerRefused for anything
        but a success."""
        about = {} if self._world is None else {"world": self._world}
        return self._connection.call(method, f"/_sim/{path}", body, {**(query or {}), **about})

    def items(self, path: str, kind: type[Page[_T]], query: Mapping[str, str] | None = None) -> list[_T]:
        """All items of a list that pass the query's filters, page by page. Raises what `call` raises."""
        items: list[_T] = []
        asked = {**(query or {}), "limit": str(PAGE)}
        while True:
            page = msgspec.json.decode(self.call("GET", path, query=asked), type=kind)
            items += page.data
            if page.next is None:
                return items
            asked["after"] = str(page.next)

    def close(self) -> None:
        """Hang up; a later call dials again."""
        self._connection.close()
