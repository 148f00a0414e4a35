"""The way of a request, down once and up once, and the precedence of errors on it (A13).

For the control plane its guard, which sees only headers, then framing, for the API authentication, then the clock
catches up, faults are decided, and only then come route, method and the rest. Every answer gets `x-request-id` (A25)
and `x-sim-now` (A23) on the way up.
"""

import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping
from itertools import count

from starlette.types import ASGIApp, Receive, Scope, Send

from ..core.errors import Refusal
from ..core.fault_rules import Operation
from ..pacing import stopwatch_ns
from ..world import World, WorldNotFound
from ..worlds import DEFAULT_WORLD, Worlds
from .auth import ControlAccess, authenticate, bearer_token, guard_control, unknown_token
from .bodies import Disconnected, check_media, declares_json, read_body, send_and_drain, send_stream
from .fault_header import HEADER
from .faults import carry_out, on_arrival
from .problems import MethodNotAllowed, PayloadTooLarge, api_problem, control_problem
from .replies import Reply, Stream, json_reply
from .transport import Connections, InjectedDisconnect

API_BODY_BYTES_MAX = 64 << 10
CONTROL_BODY_BYTES_MAX = 1 << 20
SNAPSHOT_BODY_BYTES_MAX = 256 << 20
OFFERS_PATH = "/v1/gpu/offers"
RENT_PATH = "/v1/gpu/rent"
SNAPSHOT_PATH = "/_sim/snapshot"
RENTALS_PATH = "/v1/gpu/rentals/"
METRICS_PATH = "/metrics"

_ON_A_RENTAL: dict[str, Operation] = {"GET": "get_rental", "HEAD": "get_rental", "DELETE": "terminate_rental"}

_FAULT_HEADER = HEADER.encode()

_log = logging.getLogger("simulator")
_is_request_id = re.compile(rb"[A-Za-z0-9._:-]{1,128}").fullmatch


class Exchange:
    """One request on its way: what it asks for, whose it is, its body, and what is known of its answer."""

    __slots__ = (
        "account",
        "asks",
        "authorization",
        "began_ns",
        "body",
        "fault",
        "is_api",
        "is_control",
        "is_unread",
        "now",
        "operation",
        "rental_id",
        "request_id",
        "scope",
        "status",
        "world",
        "worlds",
    )

    def __init__(self, scope: Scope, worlds: Worlds, request_ids: Iterator[bytes]) -> None:
        self.began_ns = stopwatch_ns()
        if b"%" in (scope.get("raw_path") or b""):
            _keep_escaped_slashes(scope)
        path: str = scope["path"]
        self.scope = scope
        self.worlds = worlds
        self.world: World = worlds.by_name[DEFAULT_WORLD]
        self.account = ""
        self.body = b""
        self.is_api = path.startswith("/v1/") or path == "/v1"
        """Whether it is for the API rather than for the simulator."""
        self.is_control = not self.is_api and (path.startswith("/_sim/") or path in ("/_sim", METRICS_PATH))
        """Whether it is for the control plane."""
        self.operation = operation_of(scope["method"], path) if self.is_api else None
        """Which of the API's operations it is, if any."""
        self.rental_id = ""
        """The rental that it was about, as far as it got."""
        self.fault = ""
        """The rule that injected a fault into it, `header` where it asked for one itself."""
        self.status = 0
        """The status of the answer, 0 before there is one, and for good where the client gets none."""
        self.now = ""
        """The virtual time of the answer, empty before there is one (A23)."""
        self.request_id = b""
        """The client's, or the next of ours (A25)."""
        self.authorization = b""
        """Its only Authorization header, if it has just one."""
        self.is_unread = False
        """Whether it has a body that is still to be read."""
        self.asks = False
        """Whether a header of its own asks for a fault."""
        authorizations = 0
        for name, value in scope["headers"]:
            if name == b"authorization":
                self.authorization = b"" if authorizations else value
                authorizations += 1
            elif name == b"x-request-id":
                self.request_id = value if _is_request_id(value) else b""
            elif name in (b"content-length", b"transfer-encoding"):
                self.is_unread = True
            elif name == _FAULT_HEADER:
                self.asks = True
        if not self.request_id:
            self.request_id = next(request_ids)

    async def answer(self, send: Send, reply: Reply) -> None:
        """Send the answer."""
        self.status = reply.status
        headers = [*reply.headers, *self.headers()]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})

    async def stream(self, send: Send, receive: Receive, stream: Stream) -> None:
        """Send an answer that goes on; of one to HEAD there are only the headers."""
        self.status = 200
        if self.scope["method"] == "HEAD":
            await self.answer(send, Reply(200, b"", stream.headers))
        else:
            await send_stream(send, receive, stream, self.headers())

    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The headers that every answer has."""
        self.now = self.world.now
        common = (b"x-request-id", self.request_id), (b"x-sim-now", self.now.encode())
        return (*common, (b"x-sim-fault", self.fault.encode())) if self.fault else common


Handler = Callable[[Exchange], Awaitable[Reply | Stream]]
Operate = Callable[[Exchange], Awaitable[Reply]]
"""An operation of the API."""


class Endpoint:
    """The handlers of a path, by method, as an ASGI application; HEAD is answered as GET."""

    def __init__(self, handlers: dict[str, Handler]) -> None:
        self._handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange: Exchange = scope.pop("sim")  # an exchange knows its scope: both ways they would be garbage to collect
        exchange.scope = scope
        method: str = scope["method"]
        handler = self._handlers.get("GET" if method == "HEAD" else method)
        if handler is None:
            allow = ", ".join(self._handlers).replace("GET", "GET, HEAD")
            raise MethodNotAllowed(f"{method[:32]} is not among the methods here: {allow}", allow=allow)
        if exchange.body and exchange.is_control:
            check_media(scope)  # also where no body is read: a web page could send any other without being asked
        reply = await handler(exchange)
        if isinstance(reply, Stream):
            await exchange.stream(send, receive, reply)
        else:
            await exchange.answer(send, reply)


class Front:
    """The outermost part: whatever happens to a request, it is answered from here or from an Endpoint."""

    def __init__(
        self,
        app: ASGIApp,
        worlds: Worlds,
        access: ControlAccess,
        connections: Connections,
        note: Callable[[Exchange], None],
        operations: Mapping[Operation, Operate],
    ) -> None:
        self._app = app
        self._operations = operations
        self._note = note
        self._worlds = worlds
        self._access = access
        self._connections = connections
        prefix = b"req_%b_" % secrets.token_hex(6).encode()
        self._request_ids = (b"%b%d" % (prefix, number) for number in count(1))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = Exchange(scope, self._worlds, self._request_ids)
        try:
            if exchange.is_unread or exchange.is_control:
                await self._let_in(exchange, receive)
            if not exchange.is_api:
                self._enter_elsewhere(exchange)
            elif not self._enter_api(exchange):
                await exchange.world.catch_up(api_request=True)
            operation = exchange.operation
            if operation is None:
                scope["sim"] = exchange
                await self._app(scope, receive, send)
            elif exchange.asks or operation in exchange.world.faults.operations:
                await self._under_faults(exchange, send)
            else:
                await exchange.answer(send, await self._operations[operation](exchange))
        except Refusal as refusal:
            await self._refuse(exchange, refusal, send, receive)
        except Disconnected:
            return
        except Exception as error:  # noqa: BLE001  # the outermost handler: a failure of ours is logged and answered
            await _fail(exchange, error, send)
        finally:
            self._note(exchange)

    async def _let_in(self, exchange: Exchange, receive: Receive) -> None:
        """The control plane is guarded before any body is read."""
        if exchange.is_control:
            guard_control(exchange.scope, self._access)
        if exchange.is_unread:
            exchange.body = await read_body(exchange.scope, receive, _body_limit(exchange))
            exchange.is_unread = False

    async def _refuse(self, exchange: Exchange, refusal: Refusal, send: Send, receive: Receive) -> None:
        """Answer that the request is turned down, maybe before its body was read."""
        reply = control_problem(refusal) if exchange.is_control else api_problem(_as_client_sees(refusal))
        if exchange.is_unread:
            exchange.status = reply.status
            more_comes = not isinstance(refusal, PayloadTooLarge) or refusal.more_comes
            await send_and_drain(send, receive, reply, exchange.headers(), more_comes=more_comes)
        else:
            await exchange.answer(send, reply)

    async def _under_faults(self, exchange: Exchange, send: Send) -> None:
        """An operation with a fault around it, if one is decided."""
        assert exchange.operation is not None
        operate = self._operations[exchange.operation]
        injection = on_arrival(exchange)
        if injection is None:
            await exchange.answer(send, await operate(exchange))
            return

        async def perform(send: Send) -> None:
            try:
                reply = await operate(exchange)
            except Refusal as refusal:
                reply = api_problem(_as_client_sees(refusal))
            await exchange.answer(send, reply)

        await carry_out(injection, exchange, perform, send, self._connections.of(exchange.scope, send))

    def _enter_elsewhere(self, exchange: Exchange) -> None:
        """The control plane acts on the world of the token; what is neither that nor the API has no world."""
        token = bearer_token(exchange.scope) if exchange.is_control else None
        if token is None:
            return
        place = self._worlds.place(token)
        if place is not None:
            exchange.world, exchange.account = place.world, place.account
        elif not _names_world(exchange.scope["query_string"]):
            # Its world is gone, or the token is wrong: with a single world left, the call would act on that one.
            raise unknown_token()

    def _enter_api(self, exchange: Exchange) -> bool:
        """Whose it is; False where the clock still has to catch up."""
        # Looked up only now: while the body came, a world may have been deleted and its tokens given away.
        place = self._worlds.by_header.get(exchange.authorization)
        if place is None:
            place = authenticate(exchange.scope, self._worlds)
        exchange.world, exchange.account = place.world, place.account
        return place.world.caught_up()


def _body_limit(exchange: Exchange) -> int:
    scope = exchange.scope
    if not exchange.is_control:
        return API_BODY_BYTES_MAX
    is_snapshot = scope["path"] == SNAPSHOT_PATH and scope["method"] == "PUT" and declares_json(scope)
    return SNAPSHOT_BODY_BYTES_MAX if is_snapshot else CONTROL_BODY_BYTES_MAX


def operation_of(method: str, path: str) -> Operation | None:
    """Which operation a request asks for; HEAD is GET."""
    if path == OFFERS_PATH:
        return "list_offers" if method in ("GET", "HEAD") else None
    if path == RENT_PATH:
        return "rent_gpu" if method == "POST" else None
    rental_id = rental_id_in(path)
    return _ON_A_RENTAL.get(method) if rental_id and "/" not in rental_id else None


def rental_id_in(path: str) -> str:
    """The id in the path of a rental; nothing in other paths."""
    return path[len(RENTALS_PATH) :] if path.startswith(RENTALS_PATH) else ""


def _as_client_sees(refusal: Refusal) -> Refusal:
    """A client of the API knows tokens, no worlds: one deleted while the request waited took the token with it."""
    return unknown_token() if isinstance(refusal, WorldNotFound) else refusal


def _names_world(query: bytes) -> bool:
    return any(piece.startswith(b"world=") for piece in query.split(b"&"))


def _keep_escaped_slashes(scope: Scope) -> None:
    """An escaped slash separates nothing: take such a path as it was sent."""
    sent: bytes = scope["raw_path"]
    if b"%2f" in sent.lower():
        scope["path"] = sent.decode("latin-1")


async def _fail(exchange: Exchange, error: Exception, send: Send) -> None:
    """Answer that something failed that must not. Raises an InjectedDisconnect again, which is no failure."""
    if isinstance(error, InjectedDisconnect):
        raise error
    _log.error("%s %s failed", exchange.scope["method"], exchange.scope["path"], exc_info=error)
    said = {"message": "the simulator failed; its log says why", "type": "api_error", "param": None, "code": "failure"}
    await exchange.answer(send, json_reply(500, {"error": said}))
