"""The control plane of a running server, or of one of its worlds."""

from collections.abc import Mapping

from .connection import ControlConnection


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

    def close(self) -> None:
        """Hang up; a later call dials again."""
        self._connection.close()
