"""The HTTP application: all its routes and operations, as visible lists."""

from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from ..core.scenario.fault_rules import Operation
from ..worlds.worlds import Worlds
from . import docs_page, gpu
from .auth import ControlAccess
from .control import accounts, clock, events, faults, market, rentals, snapshot
from .control import worlds as control_worlds
from .control.event_stream import EventStreams
from .control.metrics import MetricsEndpoint
from .control.requests import RequestLogs
from .control.server.connections import ConnectionCalls
from .exchange import (
    METRICS_PATH,
    OFFERS_PATH,
    RENT_PATH,
    RENTALS_PATH,
    SNAPSHOT_PATH,
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
    recorder = RequestRecorder(worlds, log)
    streams = EventStreams() if streams is None else streams
    listings = Listings()
    metrics = MetricsEndpoint(worlds, recorder.traffic, streams)
    router = Router(
        routes=[
            *_api_routes(listings),
            *_page_routes(),
            *_control_routes(streams, RequestLogs(recorder.redactor, recorder.in_flight), metrics),
            *_server_routes(ConnectionCalls(connections)),
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


def _page_routes() -> list[Route]:
    return [
        _route("/openapi.json", GET=docs_page.openapi),
        _route(docs_page.DOCS_PATH, GET=docs_page.page),
        _route(docs_page.DOCS_PATH + "/{name}", GET=docs_page.asset),
    ]


def _control_routes(streams: EventStreams, request_logs: RequestLogs, metrics: MetricsEndpoint) -> list[Route]:
    return [
        _route("/_sim/health", GET=control_worlds.health),
        _route("/_sim/ready", GET=control_worlds.ready),
        _route("/_sim/clock", GET=clock.get_clock, PUT=clock.put_clock),
        _route("/_sim/clock/advance", POST=clock.advance),
        _route("/_sim/worlds", GET=control_worlds.list_worlds, POST=control_worlds.create_world),
        _route("/_sim/worlds/{name}", DELETE=control_worlds.delete_world),
        _route("/_sim/reset", POST=control_worlds.reset),
        _route(SNAPSHOT_PATH, GET=snapshot.get_snapshot, PUT=snapshot.put_snapshot),
        _route("/_sim/accounts", GET=accounts.list_accounts, POST=accounts.create_account),
        _route("/_sim/accounts/{name}/credit", POST=accounts.add_credit),
        _route("/_sim/ledger", GET=accounts.get_ledger),
        _route("/_sim/rentals", GET=rentals.list_rentals),
        _route("/_sim/rentals/{rental_id}/interrupt", POST=rentals.interrupt_rental),
        _route("/_sim/rentals/{rental_id}/touch", POST=rentals.touch_rental),
        _route("/_sim/rentals/{rental_id}/transition", POST=rentals.move_rental),
        _route("/_sim/rentals/{rental_id}/vanish", POST=rentals.hide_rental),
        _route("/_sim/faults", GET=faults.list_faults, POST=faults.add_fault),
        _route("/_sim/faults/{name}", DELETE=faults.remove_fault),
        _route("/_sim/events", GET=streams.events),
        _route("/_sim/journal", GET=events.get_journal),
        _route("/_sim/market", GET=market.get_market),
        _route("/_sim/market/acts", GET=market.list_acts),
        _route("/_sim/market/acts/{name}", GET=market.get_act, DELETE=market.end_act),
        _route("/_sim/market/price", POST=market.set_price),
        _route("/_sim/market/outage", POST=market.begin_outage),
        _route("/_sim/market/capacity", POST=market.set_capacity),
        _route("/_sim/market/interrupt", POST=market.interrupt),
        _route("/_sim/market/provisioning", POST=market.disturb_provisioning),
        _route("/_sim/market/vanish", POST=market.vanish),
        _route("/_sim/requests", GET=request_logs.list_requests),
        _route("/_sim/requests/verify", POST=request_logs.verify_requests),
        _route("/_sim/metrics", GET=metrics.get_metrics),
        _route(METRICS_PATH, GET=metrics.get_metrics),
    ]


def _server_routes(calls: ConnectionCalls) -> list[Route]:
    return [_route("/_sim/server/refuse", GET=calls.get_listening, POST=calls.refuse, DELETE=calls.listen)]


def _route(path: str, **handlers: Handler) -> Route:
    return Route(path, Endpoint(handlers))


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await WebSocketClose()(scope, receive, send)
        return
    del scope["sim"]  # the exchange knows its scope: both ways they would be garbage to collect
    raise NotFound(f'nothing is at "{scope["path"][:256]}"')
