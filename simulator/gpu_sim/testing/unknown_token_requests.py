"""The requests whose token no world knew, such as a client's with a wrong one, in the time of one test."""

from collections.abc import Sequence

import msgspec

from ..client.connection import ServerRefused, ServerUnreachable
from ..client.control_client import ControlClient
from .records import Request, RequestLog

_WORLD = "default"
"""The world whose log has them."""
_ALL = 10**9


class UnknownTokenRequests:
    """Requests of nobody, from now on. On a server of others they may be anybody's, and none are seen."""

    def __init__(self, server: ControlClient, *, are_ours: bool) -> None:
        self._control = server.of_world(_WORLD)
        self._are_ours = are_ours
        self._kept: Sequence[Request] | None = None
        self.begin_anew()

    def begin_anew(self) -> None:
        """Those up to now are not of this time."""
        self._after = self._log(limit=0).total if self._are_ours else 0

    def seen(self) -> Sequence[Request]:
        """Those of this time that are in the log."""
        if self._kept is not None:
            return self._kept
        return [request for request in self._log().data if request.status == 401] if self._are_ours else ()

    def end(self) -> None:
        """Those that come later are of another test's time."""
        try:
            self._kept = self.seen()
        except (ServerRefused, ServerUnreachable):
            self._kept = ()

    def _log(self, *, limit: int = _ALL) -> RequestLog:
        query = {"limit": str(limit)} | ({"after": str(self._after)} if limit else {})
        return msgspec.json.decode(self._control.call("GET", "requests", query=query), type=RequestLog)
