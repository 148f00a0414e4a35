"""The calls about the server: whether it is alive, its figures, its connections, and the document."""

from .. import problems
from ..control import worlds
from ..control.answers.server import AliveView, ListeningView
from ..control.answers.worlds import HealthView, ReadyView
from ..control.call_decoding import EmptyBody
from ..control.metrics import MetricsEndpoint
from ..control.server.connections import ConnectionCalls, Refuse
from ..exchange import METRICS_PATH, Handler
from ..queries.parameters import NoParameters, WorldQuery
from .call import Call

_METRICS = ("text/plain",)


def server_calls(metrics: MetricsEndpoint, connections: ConnectionCalls, document: Handler) -> tuple[Call, ...]:
    """The calls, in the order in which their document shows them; `document` answers with that."""
    return (
        Call(
            method="GET",
            path="/_sim/health",
            handler=worlds.health,
            subject="server",
            query=WorldQuery,
            reply=HealthView,
            or_reply=AliveView,
        ),
        Call(
            method="GET",
            path="/_sim/ready",
            handler=worlds.ready,
            subject="server",
            query=WorldQuery,
            reply=ReadyView,
        ),
        Call(
            method="GET",
            path="/_sim/metrics",
            handler=metrics.get_metrics,
            subject="server",
            query=NoParameters,
            media=_METRICS,
        ),
        Call(
            method="GET",
            path=METRICS_PATH,
            handler=metrics.get_metrics,
            subject="server",
            query=NoParameters,
            name="get_metrics_at_root",
            media=_METRICS,
        ),
        Call(
            method="GET",
            path="/_sim/openapi.json",
            handler=document,
            subject="server",
            name="get_document",
            query=WorldQuery,
        ),
        *_connection_calls(connections),
    )


def _connection_calls(connections: ConnectionCalls) -> tuple[Call, ...]:
    path, refuses = "/_sim/server/refuse", (problems.NoServer,)
    return (
        Call(
            method="GET",
            path=path,
            handler=connections.get_listening,
            subject="server",
            query=NoParameters,
            reply=ListeningView,
            refuses=refuses,
        ),
        Call(
            method="POST",
            path=path,
            handler=connections.refuse,
            subject="server",
            query=NoParameters,
            body=Refuse,
            reply=ListeningView,
            status=202,
            refuses=refuses,
            example={"for": "2s"},
        ),
        Call(
            method="DELETE",
            path=path,
            handler=connections.listen,
            subject="server",
            query=NoParameters,
            body=EmptyBody,
            reply=ListeningView,
            refuses=refuses,
        ),
    )
