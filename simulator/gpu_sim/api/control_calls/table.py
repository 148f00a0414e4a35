"""The table of the control plane's calls. A call that is not here is not served; one that is here is documented."""

from ..control.event_stream import EventStreams
from ..control.metrics import MetricsEndpoint
from ..control.requests import RequestLogs
from ..control.server.connections import ConnectionCalls
from ..exchange import Handler
from .call import Call
from .market_calls import market_calls
from .server_calls import server_calls
from .world_calls import world_calls


def control_calls(
    streams: EventStreams,
    request_logs: RequestLogs,
    metrics: MetricsEndpoint,
    connections: ConnectionCalls,
    document: Handler,
) -> tuple[Call, ...]:
    """All calls of the control plane, in the order in which their document shows them; `document` answers with that."""
    return (
        *server_calls(metrics, connections, document),
        *world_calls(),
        *market_calls(streams, request_logs),
    )
