"""The way of a request, down once and up once, and the precedence of errors on it (A13).

For the control plane its guard, which sees only headers, then framing, for the API authentication, then the clock
catches up, faults are decided, and only then come route, method and the rest. Every answer gets `x-request-id` (A25)
and `x-sim-now` (A23) on the way up.
"""

import logging
import secrets
from collections.abc import Callable, Mapping
from itertools import count

from starlette.types import ASGIApp, Receive, Scope, Send

from ..core.kernel.errors import Refusal
from ..core.scenario.fault_rules import Operation
from ..worlds.world import WorldNotFound
from ..worlds.worlds import Worlds
from .auth import ControlAccess, authenticate, bearer_token, guard_control, unknown_token
from .bodies import Disconnected, declares_json, read_body, send_and_drain
from .exchange import SNAPSHOT_PATH, Exchange, OperationHandler
from .faults.carry_out import carry_out, decide_injection
from .problems import PayloadTooLarge, api_problem, control_problem
from .replies import json_reply
from .transport import Connections, InjectedDisconnect

API_BODY_BYTES_MAX = 64 << 10
CONTROL_BODY_BYTES_MAX = 1 << 20
SNAPSHOT_BODY_BYTES_MAX = 256 << 20

_log = logging.getLogger("gpu_sim")


class FrontController:
    """The outermost part: whatever happens to a request, it is answered from here or from an Endpoint."""

    def __init__(
        self,
        app: ASGIApp,
        worlds: Worlds,
        access: ControlAccess,
        connections: Connections,
        record: Callable[[Exchange], None],
        operations: Mapping[Operation, OperationHandler],
    ) -> None:
        self._app = app
        self._operations = operations
        self._record = record
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
            if exchange.has_unread_body or exchange.is_control:
                await self._guard_and_read(exchange, receive)
            if not exchange.is_api:
                self._resolve_control_world(exchange)
            elif not self._authenticate(exchange):
                await exchange.world.catch_up(api_request=True)
            operation = exchange.operation
            if operation is None:
                scope["sim"] = exchange
                await self._app(scope, receive, send)
            elif exchange.asks_for_fault or operation in exchange.world.faults.operations:
                await self._operate_with_faults(exchange, send)
            else:
                await exchange.answer(send, await self._operations[operation](exchange))
        except Refusal as refusal:
            await self._refuse(exchange, refusal, send, receive)
        except Disconnected:
            return
        except Exception as error:  # noqa: BLE001  # the outermost handler: a failure of ours is logged and answered
            await _fail(exchange, error, send)
        finally:
            self._record(exchange)

    async def _guard_and_read(self, exchange: Exchange, receive: Receive) -> None:
        """The control plane is guarded before any body is read."""
        if exchange.is_control:
            guard_control(exchange.scope, self._access)
        if exchange.has_unread_body:
            exchange.body = await read_body(exchange.scope, receive, _body_limit(exchange))
            exchange.has_unread_body = False

    async def _refuse(self, exchange: Exchange, refusal: Refusal, send: Send, receive: Receive) -> None:
        """Answer that the request is turned down, maybe before its body was read."""
        reply = control_problem(refusal) if exchange.is_control else api_problem(_as_client_sees(refusal))
        if exchange.has_unread_body:
            exchange.status = reply.status
            more_comes = not isinstance(refusal, PayloadTooLarge) or refusal.more_comes
            await send_and_drain(send, receive, reply, exchange.headers(), more_comes=more_comes)
        else:
            await exchange.answer(send, reply)

    async def _operate_with_faults(self, exchange: Exchange, send: Send) -> None:
        """An operation with a fault around it, if one is decided."""
        assert exchange.operation is not None
        operate = self._operations[exchange.operation]
        injection = decide_injection(exchange)
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

    def _resolve_control_world(self, exchange: Exchange) -> None:
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

    def _authenticate(self, exchange: Exchange) -> bool:
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


def _as_client_sees(refusal: Refusal) -> Refusal:
    """A client of the API knows tokens, no worlds: one deleted while the request waited took the token with it."""
    return unknown_token() if isinstance(refusal, WorldNotFound) else refusal


def _names_world(query: bytes) -> bool:
    return any(piece.startswith(b"world=") for piece in query.split(b"&"))


async def _fail(exchange: Exchange, error: Exception, send: Send) -> None:
    """Answer that something failed that must not. Raises an InjectedDisconnect again, which is no failure."""
    if isinstance(error, InjectedDisconnect):
        raise error
    _log.error("%s %s failed", exchange.scope["method"], exchange.scope["path"], exc_info=error)
    said = {"message": "the simulator failed; its log says why", "type": "api_error", "param": None, "code": "failure"}
    await exchange.answer(send, json_reply(500, {"error": said}))
