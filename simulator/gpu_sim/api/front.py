"""The entry of every request, which fixes the order in which errors take precedence (A13).

The steps are: the control plane's guard (headers only), framing and body, authentication (API), the clock catches up,
faults are decided, and then route, method, media type and all that the handlers check. Each answer gets
`x-request-id` (A25) and `x-sim-now` (A23) on its way out.
"""

import asyncio
import logging
import secrets
from collections.abc import Mapping
from itertools import count
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from ..core.kernel.errors import Refusal
from ..core.scenario.fault_rules import Operation
from ..terminal_text import printable
from ..worlds.world import WorldNotFound
from ..worlds.worlds import Worlds
from .auth import (
    ControlAccess,
    authenticate,
    bearer_token,
    bears_admin_token,
    guard_control,
    is_open_probe,
    unknown_token,
)
from .bodies import Disconnected, declares_json, read_body, send_and_drain
from .exchange import SNAPSHOT_PATH, Exchange, OperationHandler
from .faults.carry_out import carry_out
from .faults.decision import decide_injection, may_meet_fault
from .problems import PayloadTooLarge, api_problem, control_problem
from .replies import json_reply
from .request_log.recorder import RequestRecorder
from .strict_json import parse_json
from .transport import Connections, InjectedDisconnect

API_BODY_BYTES_MAX = 64 << 10
CONTROL_BODY_BYTES_MAX = 1 << 20
SNAPSHOT_BODY_BYTES_MAX = 256 << 20
"""Bounds of bodies: a rent has a few short fields, a control call at most a whole scenario, a snapshot a whole world.
Only a PUT of a snapshot that is declared as JSON gets the large bound."""

_log = logging.getLogger("gpu_sim")


class FrontController:
    """The outermost ASGI application: operations are called from here, all other paths through the router.

    Every refusal and every failure of a request becomes an answer here, and every API request is recorded.
    """

    def __init__(
        self,
        app: ASGIApp,
        worlds: Worlds,
        access: ControlAccess,
        connections: Connections,
        requests: RequestRecorder,
        operations: Mapping[Operation, OperationHandler],
    ) -> None:
        self._app = app
        self._operations = operations
        self._in_flight, self._record = requests.in_flight.exchanges, requests.record
        self._worlds = worlds
        self._access = access
        self._connections = connections
        # A random part per server, so that ids before and after a restart never meet in a client's log.
        prefix = b"req_%b_" % secrets.token_hex(6).encode()
        self._request_ids = (b"%b%d" % (prefix, number) for number in count(1))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = Exchange(scope, self._worlds, self._request_ids)
        self._in_flight.add(exchange)
        try:
            # Most API requests have no body and a known token: they wait for nothing on the way to their operation.
            if exchange.has_unread_body or exchange.is_control:
                await self._guard_and_read(exchange, receive)
            if not exchange.is_api:
                self._resolve_control_world(exchange)
            elif not self._authenticate(exchange):
                exchange.arrived_ms = exchange.world.simulation.now_ms
                await exchange.world.catch_up(api_request=True)
            # Faults come after the clock: their rules hold for spans of virtual time. They come before route and field
            # checks, as a fault in a real service's gateway would.
            operation = exchange.operation
            if operation is None:  # the control plane, a page, or an API path that has no operation
                scope["sim"] = exchange
                await self._app(scope, receive, send)
            elif may_meet_fault(exchange):
                await self._operate_with_faults(exchange, send)
            else:
                await exchange.answer(send, await self._operations[operation](exchange))
        except Refusal as refusal:
            await self._refuse(exchange, refusal, send, receive)
        except Disconnected:
            return  # nobody is left to answer
        except Exception as error:  # noqa: BLE001  # the outermost handler: a failure of ours is logged and answered
            await _fail(exchange, error, send)
        finally:
            exchange.leave()
            self._record(exchange)

    async def _guard_and_read(self, exchange: Exchange, receive: Receive) -> None:
        """Guard the control plane, then read the body. Raises ControlRefused or PayloadTooLarge."""
        # The guard is first: whoever may not use the control plane must not make the server read 256 MB either.
        if exchange.is_control:
            exchange.connection = self._connections.of(exchange.scope)
            exchange.is_open_probe = not exchange.has_unread_body and is_open_probe(exchange.scope, self._access)
            if not exchange.is_open_probe:
                guard_control(exchange.scope, self._access)
        if exchange.has_unread_body:
            exchange.body = await read_body(exchange.scope, receive, _body_limit(exchange))
            exchange.has_unread_body = False
            if len(exchange.body) > API_BODY_BYTES_MAX and not _is_snapshot(exchange):
                # Beside the event loop: a megabyte takes a tenth of a second.
                exchange.parsed = await asyncio.to_thread(_parsed, exchange.body)

    async def _refuse(self, exchange: Exchange, refusal: Refusal, send: Send, receive: Receive) -> None:
        """Answer a request with a refusal, also before its body was read."""
        reply = control_problem(refusal) if exchange.is_control else api_problem(_as_client_sees(refusal))
        if exchange.has_unread_body:
            # Unread bytes would be taken for the next request on this connection: drain some of them and close it.
            exchange.status, exchange.error = reply.status, reply.error
            more_comes = not isinstance(refusal, PayloadTooLarge) or refusal.more_comes
            await send_and_drain(send, receive, reply, exchange.headers(), more_comes=more_comes)
        else:
            await exchange.answer(send, reply)

    async def _operate_with_faults(self, exchange: Exchange, send: Send) -> None:
        """Perform an operation, with the fault around it that its header or a rule asks for."""
        assert exchange.operation is not None
        if exchange.arrived_ms is None:
            exchange.arrived_ms = exchange.world.simulation.now_ms
        operate = self._operations[exchange.operation]
        injection = decide_injection(exchange)
        if injection is None:
            await exchange.answer(send, await operate(exchange))
            return

        async def perform(send: Send) -> None:
            # A refusal is turned into an answer inside the fault: it too can be lost, cut short or sent twice.
            try:
                reply = await operate(exchange)
            except Refusal as refusal:
                reply = api_problem(_as_client_sees(refusal))
            await exchange.answer(send, reply)

        await carry_out(injection, exchange, perform, send, self._connections.of(exchange.scope))

    def _resolve_control_world(self, exchange: Exchange) -> None:
        """Find the world of a control call's token, if it has one; other paths have no world. Raises InvalidToken."""
        if not exchange.is_control or exchange.is_open_probe or bears_admin_token(exchange.scope, self._access):
            return
        token = bearer_token(exchange.scope)
        if token is None:
            return
        place = self._worlds.keyring.place(token)
        if place is not None:
            exchange.enter(place.world)
            exchange.account = place.account
        elif not _names_world(exchange.scope["query_string"]):
            # Its world is gone, or the token is wrong: with a single world left, the call would act on that one.
            raise unknown_token()

    def _authenticate(self, exchange: Exchange) -> bool:
        """Find the account and world of an API request's token; False where the world's clock has to catch up.

        Raises InvalidToken (F2).
        """
        # Looked up only now: while the body came, a world may have been deleted and its tokens given away.
        place = self._worlds.keyring.by_header.get(exchange.authorization)
        if place is None:
            place = authenticate(exchange.scope, self._worlds.keyring)
        exchange.enter(place.world)
        exchange.account = place.account
        return place.world.caught_up()


def _body_limit(exchange: Exchange) -> int:
    if not exchange.is_control:
        return API_BODY_BYTES_MAX
    return SNAPSHOT_BODY_BYTES_MAX if _is_snapshot(exchange) else CONTROL_BODY_BYTES_MAX


def _is_snapshot(exchange: Exchange) -> bool:
    scope = exchange.scope
    return scope["path"] == SNAPSHOT_PATH and scope["method"] == "PUT" and declares_json(scope)


def _parsed(body: bytes) -> dict[str, Any] | Refusal:
    """The body as JSON, or the refusal of it, for whoever comes to ask for it."""
    try:
        return parse_json(body)
    except Refusal as refusal:
        return refusal


def _as_client_sees(refusal: Refusal) -> Refusal:
    """Map a refusal about worlds to the one that API clients see: a deleted world's token is unknown."""
    return unknown_token() if isinstance(refusal, WorldNotFound) else refusal


def _names_world(query: bytes) -> bool:
    return any(piece.startswith(b"world=") for piece in query.split(b"&"))


async def _fail(exchange: Exchange, error: Exception, send: Send) -> None:
    """Log a failure of the simulator and answer with 500. Re-raises an InjectedDisconnect, which is no failure."""
    if isinstance(error, InjectedDisconnect):
        raise error
    method, path = exchange.scope["method"], printable(exchange.scope["path"])
    _log.error("%s %s failed", method, path, exc_info=error)
    message = "the simulator failed; its log says why"
    said = {"message": message, "type": "api_error", "param": None, "code": "failure"}
    await exchange.answer(send, json_reply(500, {"error": said}, error="failure"))
