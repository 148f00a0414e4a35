"""One HTTP request with its answer, the API operation that it asks for, and the handlers of a path."""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from msgspec import Struct
from starlette.types import Receive, Scope, Send

from ..core.kernel.errors import Refusal
from ..core.scenario.fault_rules import Operation
from ..wall_clock import stopwatch_ns
from ..worlds.request_log import NO_OFFER, AskedOffer
from ..worlds.world import World
from ..worlds.worlds import DEFAULT_WORLD, Worlds
from .bodies import check_media, send_stream
from .problems import MethodNotAllowed
from .replies import Reply, Stream
from .transport import Connection, keep_alive_headers

OFFERS_PATH = "/v1/gpu/offers"
RENT_PATH = "/v1/gpu/rent"
SNAPSHOT_PATH = "/_sim/snapshot"
RENTALS_PATH = "/v1/gpu/rentals/"
METRICS_PATH = "/metrics"
FAULT_HEADER = b"x-sim"
"""The header by which a request asks for a fault itself."""

_ON_A_RENTAL: dict[str, Operation] = {"GET": "get_rental", "HEAD": "get_rental", "DELETE": "terminate_rental"}

_NO_SNIFFING = (b"x-content-type-options", b"nosniff")
"""A browser shall not take an answer for another type than it says, such as a name in it for HTML."""

_is_request_id = re.compile(rb"[A-Za-z0-9._:-]{1,128}").fullmatch


class Exchange:
    """One HTTP request and its answer: the operation, the account, the body, and what is known of the answer so far."""

    __slots__ = (
        "account",
        "arrived_ms",
        "asks_for_fault",
        "authorization",
        "began_ns",
        "body",
        "body_type",
        "connection",
        "error",
        "fault",
        "has_unread_body",
        "is_api",
        "is_control",
        "is_open_probe",
        "now",
        "operation",
        "parsed",
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
        self.parsed: dict[str, Any] | Refusal | None = None
        """A long body of a control call as JSON, or the refusal of it; None where it is short or absent."""
        self.body_type: type[Struct] | None
        """The type that its control call declares for the body. It is known, and set, once its route is."""
        self.connection: Connection | None = None
        """The connection of a control call; None in process, and for other requests."""
        self.is_api = path.startswith("/v1/") or path == "/v1"
        """True for a path of the API, which is not one of the simulator's own."""
        self.is_control = not self.is_api and is_control_path(path)
        """True for a path of the control plane."""
        self.operation = operation_of(scope["method"], path) if self.is_api else None
        """The API operation that it asks for, if any."""
        self.rental_id = ""
        """The id of the rental that it is about, once that is known."""
        self.is_open_probe = False
        """True where anybody may ask it: nothing is told but that the server is alive, or ready."""
        self.fault = ""
        """The names of the rules that acted on it as in `x-sim-fault`, `header` where it asked for a fault itself."""
        self.status = 0
        """The status of the answer; 0 before there is one, and for good where a fault keeps it from the client."""
        self.error = ""
        """The `code` of the error in the answer, also where a fault gave it or keeps it from the client."""
        self.arrived_ms: int | None = None  # the virtual time before it waited for anything in its world, if it did
        self.now = ""
        """The virtual time of the answer as RFC 3339; empty before there is one (A23)."""
        self.request_id = b""
        """The client's `x-request-id` if it is well formed, else the next of the server's own (A25)."""
        self.authorization = b""
        """The value of its Authorization header; empty where there is none or more than one."""
        self.has_unread_body = False
        """True while a body is announced and not yet read."""
        self.asks_for_fault = False
        """True where its header `x-sim` asks for a fault."""
        self._read_headers(scope)
        if not self.request_id:
            self.request_id = next(request_ids)

    def _read_headers(self, scope: Scope) -> None:
        authorizations = 0
        # One pass over the headers for all that every request needs: they are a list, and each search walks it again.
        for name, value in scope["headers"]:
            if name == b"authorization":
                self.authorization = b"" if authorizations else value
                authorizations += 1
            elif name == b"x-request-id":
                self.request_id = value if _is_request_id(value) else b""
            elif name in (b"content-length", b"transfer-encoding"):
                self.has_unread_body = True
            elif name == FAULT_HEADER:
                self.asks_for_fault = True

    def enter(self, world: World) -> None:
        """Be about this world from now on, which does not expire before the request is over."""
        self.leave()
        self.world = world
        if world.time_to_live is not None:
            world.time_to_live.begin_call()

    def leave(self) -> None:
        """The request is over, or about another world: the time that its world lives without a call begins."""
        if self.world.time_to_live is not None:
            self.world.time_to_live.end_call()

    async def answer(self, send: Send, reply: Reply) -> None:
        """Send a whole answer, with the headers that every answer has."""
        self.status = reply.status
        self.error = reply.error
        headers = [*reply.headers, *self.headers(), *keep_alive_headers(self.scope)]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})

    async def stream(self, send: Send, receive: Receive, stream: Stream) -> None:
        """Send a streamed answer; HEAD gets its headers alone."""
        self.status = 200
        if self.scope["method"] == "HEAD":
            await self.answer(send, Reply(200, b"", stream.headers))
        else:
            await send_stream(send, receive, stream, self.headers())

    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The headers that every answer has; they fix its virtual time."""
        self.now = self.world.now
        common = (b"x-request-id", self.request_id), (b"x-sim-now", self.now.encode())
        if not self.is_api:
            return (*common, _NO_SNIFFING)
        return (*common, (b"x-sim-fault", self.fault.encode())) if self.fault else common


Handler = Callable[[Exchange], Awaitable[Reply | Stream]]
OperationHandler = Callable[[Exchange], Awaitable[Reply]]
"""Performs an operation of the API. It returns a whole answer, never a stream: faults cut and repeat it."""

_NO_BODIES: Mapping[str, type[Struct] | None] = MappingProxyType({})


class Endpoint:
    """The handlers of a path by method, and the types of bodies that they declare, as an ASGI application; HEAD is
    handled as GET."""

    def __init__(self, handlers: Mapping[str, Handler], bodies: Mapping[str, type[Struct] | None] = _NO_BODIES) -> None:
        self._handlers = handlers
        self._bodies = bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange: Exchange = scope.pop("sim")  # an exchange knows its scope: both ways they would be garbage to collect
        exchange.scope = scope
        method: str = scope["method"]
        handler = self._handlers.get("GET" if method == "HEAD" else method)
        if handler is None:
            allow = ", ".join(self._handlers).replace("GET", "GET, HEAD")
            raise MethodNotAllowed(f"{method[:32]} is not among the methods here: {allow}", allow=allow)
        exchange.body_type = self._bodies.get(method)
        if exchange.body and exchange.is_control:
            check_media(scope)  # also where no body is read: a web page could send any other without being asked
        reply = await handler(exchange)
        if isinstance(reply, Stream):
            await exchange.stream(send, receive, reply)
        else:
            await exchange.answer(send, reply)


def is_control_path(path: str) -> bool:
    """True for a path of the control plane."""
    return path.startswith("/_sim/") or path in ("/_sim", METRICS_PATH)


def operation_of(method: str, path: str) -> Operation | None:
    """The API operation of a method and a path, or None; HEAD counts as GET."""
    if path == OFFERS_PATH:
        return "list_offers" if method in ("GET", "HEAD") else None
    if path == RENT_PATH:
        return "rent_gpu" if method == "POST" else None
    rental_id = rental_id_in(path)
    return _ON_A_RENTAL.get(method) if rental_id and "/" not in rental_id else None


def rental_id_in(path: str) -> str:
    """The rental id in a path, or an empty string where the path is not a rental's."""
    return path[len(RENTALS_PATH) :] if path.startswith(RENTALS_PATH) else ""


def named_offer(body: dict[str, Any] | None) -> AskedOffer:
    """The offer that a rent's decoded body names, as far as it does."""
    if body is None:
        return NO_OFFER
    provider_id, gpu_model, region = (body.get(name) for name in ("provider_id", "gpu_model", "region"))
    return (
        provider_id if isinstance(provider_id, str) else None,
        gpu_model if isinstance(gpu_model, str) else None,
        region if isinstance(region, str) else None,
    )


def _keep_escaped_slashes(scope: Scope) -> None:
    """Restore the path as it was sent where it has an escaped slash, which does not separate segments."""
    sent: bytes = scope["raw_path"]
    if b"%2f" in sent.lower():
        scope["path"] = sent.decode("latin-1")
