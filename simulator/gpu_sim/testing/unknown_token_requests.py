"""Requests with a token that no world knows, such as a client's wrong one, during one test."""

from collections.abc import Sequence

import msgspec

from ..client.connection import ServerRefused, ServerUnreachable
from ..client.control_client import ControlClient
from .records import KeptRequests, Request

_WORLD = "default"
"""The world whose log has these requests."""
_LIMIT = 10**9
"""More than any log keeps: it is read whole."""


class UnknownTokenRequests:
    """Requests with unknown tokens, from now on. On a server that others use they may be anybody's: there are none."""

    def __init__(self, server: ControlClient, *, is_own_server: bool) -> None:
        self._control = server.of_world(_WORLD)
        self._is_own_server = is_own_server
        self._kept: Sequence[Request] | None = None
        self.begin_anew()

    def begin_anew(self) -> None:
        """Leave out the requests up to now."""
        self._after = self._log(limit=0).latest if self._is_own_server else 0

    def logged(self) -> Sequence[Request]:
        """The requests of this test's time that are in the log."""
        if self._kept is not None:
            return self._kept
        return [request for request in self._log().data if request.status == 401] if self._is_own_server else ()

    def end(self) -> None:
        """Keep the requests up to now; later ones are of another test's time."""
        try:
            self._kept = self.logged()
        except (ServerRefused, ServerUnreachable):
            self._kept = ()

    def _log(self, *, limit: int = _LIMIT) -> KeptRequests:
        query = {"limit": str(limit)} | ({"after": str(self._after)} if limit else {})
        return msgspec.json.decode(self._control.call("GET", "requests", query=query), type=KeptRequests)
