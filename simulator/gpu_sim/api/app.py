"""The HTTP application: all its routes and operations, as visible lists."""

from collections.abc import Iterable

from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from ..core.scenario.fault_rules import Operation
from ..worlds.worlds import Worlds
from . import gpu
from .auth import ControlAccess
from .control.event_stream import EventStreams
from .control.metrics import MetricsEndpoint
from .control.requests import RequestLogs
from .control.server.connections import ConnectionCalls
from .control_calls.call import Call
from .control_calls.endpoint import DocumentEndpoint
from .control_calls.table import control_calls
from .docs.page import DOCS_PATH, DocsPage, asset
from .exchange import (
    OFFERS_PATH,
    RENT_PATH,
    RENTALS_PATH,
    Endpoint,
    Handler,
    OperationHandler,
)
from .front import FrontController
from .offers.listing import Listings
from .problems import NotFound
from .request_log.recorder import RequestRecorder, Write
from .transport import Connections


def build_app(
    worlds: Worlds,
    access: ControlAccess,
    connections: Connections | None = None,
    *,
    log: Write | None = None,
    streams: EventStreams | None = None,
) -> ASGIApp:
    """Build the ASGI application that serves these worlds.

    `connections` are the open ones of the server in front; without them a fault that cuts a connection raises
    InjectedDisconnect. `log` gets a line of JSON for each API request.
    """
    connections = Connections() if connections is None else connections
    recorder = RequestRecorder(worlds, connections, log)
    streams = EventStreams() if streams is None else streams
    listings = Listings()
    metrics = MetricsEndpoint(worlds, recorder.traffic, streams)
    document = DocumentEndpoint()
    request_logs = RequestLogs(recorder.redactor, recorder.in_flight)
    document.calls = control_calls(streams, request_logs, metrics, ConnectionCalls(connections), document.get_document)
    router = Router(
        routes=[
            *_api_routes(listings),
            *_page_routes(DocsPage(access)),
            *_control_routes(document.calls),
        ],
        redirect_slashes=False,
        default=_not_found,
    )
    # The four operations are dispatched by FrontController, ahead of the router, which costs a good part of a request.
    # They have routes too, for the methods that their paths lack: a 405 names those allowed.
    operations: dict[Operation, OperationHandler] = {
        "list_offers": listings.list_offers,
        "rent_gpu": gpu.rent_gpu,
        "get_rental": gpu.get_rental,
        "terminate_rental": gpu.terminate_rental,
    }
    return FrontController(router, worlds, access, connections, recorder, operations)


def _api_routes(listings: Listings) -> list[Route]:
    return [
        _route(RENTALS_PATH + "{rental_id}", GET=gpu.get_rental, DELETE=gpu.terminate_rental),
        _route(RENT_PATH, POST=gpu.rent_gpu),
        _route(OFFERS_PATH, GET=listings.list_offers),
    ]


def _page_routes(docs: DocsPage) -> list[Route]:
    return [
        _route("/openapi.json", GET=docs.openapi),
        _route(DOCS_PATH, GET=docs.page),
        _route(DOCS_PATH + "/{name}", GET=asset),
    ]


def _control_routes(calls: Iterable[Call]) -> list[Route]:
    """The routes of calls, one for each path."""
    by_path: dict[str, dict[str, Call]] = {}
    for call in calls:
        by_path.setdefault(call.path, {})[call.method] = call
    return [
        Route(
            path,
            Endpoint(
                {method: call.handler for method, call in methods.items()},
                {method: call.body for method, call in methods.items()},
            ),
        )
        for path, methods in by_path.items()
    ]


def _route(path: str, **handlers: Handler) -> Route:
    return Route(path, Endpoint(handlers))


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await WebSocketClose()(scope, receive, send)
        return
    del scope["sim"]  # the exchange knows its scope: both ways they would be garbage to collect
    raise NotFound(f'nothing is at "{scope["path"][:256]}"')
