"""Refusing connections on the control plane: nobody listens for a while, as where a server is down."""

from msgspec import Struct, field

from ....core.kernel.clock import format_instant
from ....core.kernel.errors import InvalidValue
from ....core.kernel.quantities import Duration
from ....wall_clock import wall_epoch_ms
from ...exchange import Exchange
from ...problems import NoServer
from ...queries.parameters import NoParameters
from ...replies import Reply, json_reply
from ...transport import Connections, Listening, OpenConnections
from ..answers.server import ListeningView
from ..call_decoding import EmptyBody, body_as, query_as

REFUSED_MS_MAX = 60_000
"""The longest span, as of other injected waits: a typing error must not take a server away for hours."""


class Refuse(Struct, forbid_unknown_fields=True):
    """New connections are to be refused for a while."""

    for_: Duration = field(name="for")
    """A span of wall time, above 0s and at most 1m."""
    connections: OpenConnections = "close"
    """Open connections but the caller's are closed once what is underway is answered, reset at once, or kept."""


class ConnectionCalls:
    """The calls about one server's connections."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def get_listening(self, exchange: Exchange) -> Reply:
        """Answer whether the server listens; while it does not, over a connection that was kept."""
        query_as(exchange, NoParameters)
        return _listening_reply(200, self._listener())

    async def refuse(self, exchange: Exchange) -> Reply:
        """Stop listening at once, and listen again when the span is over. A later call replaces the span."""
        query_as(exchange, NoParameters)
        wanted = body_as(exchange, Refuse)
        if not 0 < wanted.for_ <= REFUSED_MS_MAX:
            raise InvalidValue("for must be above 0s and at most 1m of wall time", param="for")
        listener = self._listener()
        await listener.refuse(wanted.for_ / 1000, wanted.connections, exchange.connection)
        return _listening_reply(202, listener)

    async def listen(self, exchange: Exchange) -> Reply:
        """Listen again now; answers when that is so."""
        query_as(exchange, NoParameters)
        body_as(exchange, EmptyBody)
        listener = self._listener()
        await listener.listen()
        return _listening_reply(200, listener)

    def _listener(self) -> Listening:
        """Raises NoServer in process."""
        if self._connections.listener is None:
            raise NoServer("the application runs in process: there is no server in front that could refuse connections")
        return self._connections.listener


def _listening_reply(status: int, listener: Listening) -> Reply:
    left = listener.seconds_left
    again_at = None if left is None else format_instant(wall_epoch_ms() + round(left * 1000))
    return json_reply(status, ListeningView(left is None, again_at))
