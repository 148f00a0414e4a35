"""One request on its way, which of the API's operations it asks for, and the handlers of a path."""

import re
from collections.abc import Awaitable, Callable, Iterator

from starlette.types import Receive, Scope, Send

from ..core.scenario.fault_rules import Operation
from ..wall_clock import stopwatch_ns
from ..worlds.world import World
from ..worlds.worlds import DEFAULT_WORLD, Worlds
from .bodies import check_media, send_stream
from .problems import MethodNotAllowed
from .replies import Reply, Stream

OFFERS_PATH = "/v1/gpu/offers"
RENT_PATH = "/v1/gpu/rent"
SNAPSHOT_PATH = "/_sim/snapshot"
RENTALS_PATH = "/v1/gpu/rentals/"
METRICS_PATH = "/metrics"
FAULT_HEADER = b"x-sim"
"""By it a request asks for a fault itself."""

_ON_A_RENTAL: dict[str, Operation] = {"GET": "get_rental", "HEAD": "get_rental", "DELETE": "terminate_rental"}

_is_request_id = re.compile(rb"[A-Za-z0-9._:-]{1,128}").fullmatch


class Exchange:
    """One request on its way: what it asks for, whose it is, its body, and what is known of its answer."""

    __slots__ = (
        "account",
        "asks_for_fault",
        "authorization",
        "began_ns",
        "body",
        "fault",
        "has_unread_body",
        "is_api",
        "is_control",
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
        self.has_unread_body = False
        """Whether it has a body that is still to be read."""
        self.asks_for_fault = False
        """Whether a header of its own asks for a fault."""
        authorizations = 0
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
OperationHandler = Callable[[Exchange], Awaitable[Reply]]
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


def _keep_escaped_slashes(scope: Scope) -> None:
    """An escaped slash separates nothing: take such a path as it was sent."""
    sent: bytes = scope["raw_path"]
    if b"%2f" in sent.lower():
        scope["path"] = sent.decode("latin-1")
