"""Deciding the fault for a request that arrives, and carrying it out around the request's operation."""

import asyncio
import json
from collections.abc import Awaitable, Callable

from starlette.types import Message, Send

from ...core.faults import Injection
from ...core.kernel.randomness import PPM
from ...core.scenario.fault_rules import Drip, FaultEffect, OfferName
from ...worlds.faults import decide_fault
from ...worlds.world import ADVANCE_MS_MAX
from ..exchange import Exchange, rental_id_in
from ..problems import InvalidToken
from ..transport import Connection, InjectedDisconnect
from .header import injection_asked_for
from .replies import injected_reply

WALL_SECONDS_MAX = 60.0
"""The longest injected wait on the wall, whatever the rule says: a typing error must not block a client for hours."""

_POLL_SECONDS = 0.2  # between two looks at whether anybody still waits: a server that stops must not wait out a hang

Perform = Callable[[Send], Awaitable[None]]
"""Performs the operation of a request and sends its answer."""


def decide_injection(exchange: Exchange) -> Injection | None:
    """Decide the fault for a request: the one that its header asks for, else the one that the rules decide.

    Raises InvalidValue for a malformed header.
    """
    assert exchange.operation is not None
    asked = injection_asked_for(exchange.scope) if exchange.asks_for_fault else None
    faults = exchange.world.faults
    if asked is not None or exchange.operation not in faults.operations:
        return asked
    # Decoding the body for its offer costs as much as the rent itself: only where some rule selects by offer.
    offer = _named_offer(exchange) if faults.any_selectors else None
    return decide_fault(exchange.world, exchange.operation, exchange.account, offer)


async def carry_out(
    injection: Injection, exchange: Exchange, perform: Perform, send: Send, connection: Connection | None
) -> None:
    """Carry the fault out around the request, its delay first.

    Raises InjectedDisconnect where it cuts the connection and there is none, as the application is called in process.
    """
    assert exchange.operation is not None
    exchange.fault = injection.rule
    if injection.delay_ms:
        await _delay(injection, exchange)
    effect = injection.effect
    match effect.kind:
        case "delay":
            await perform(send)
        case "respond" | "rate_limit":
            await exchange.answer(send, injected_reply(injection, exchange.operation, exchange.world.pacer))
        case "hang":
            assert effect.hang is not None
            await _wait(effect.hang / 1000, lambda: _nobody_waits(exchange, connection))
            await _close(connection)
        case "reset":
            await _reset(connection)
        case "lose_response":
            await perform(_CapturedAnswer())
            exchange.status = 0  # the request log shows what the client saw: no answer
            await _reset(connection)
        case "duplicate":
            await _duplicate(exchange, perform, send)
        case _:
            captured = _CapturedAnswer()
            await perform(captured)
            await _send_spoiled(effect, captured, exchange, send, connection)


class _CapturedAnswer:
    """Captures an answer in place of the client."""

    def __init__(self) -> None:
        self.start: Message = {}
        self.body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
        else:
            self.body += message.get("body", b"")

    async def send_on(self, send: Send) -> None:
        """Send the whole answer to the client."""
        await send(self.start)
        await send({"type": "http.response.body", "body": self.body})


async def _duplicate(exchange: Exchange, perform: Perform, send: Send) -> None:
    """Perform the request twice in a row, and send the first answer to the client."""
    first = _CapturedAnswer()
    await perform(first)
    # The second run overwrites what is logged of the first, whose answer the client gets.
    status, rental_id = exchange.status, exchange.rental_id
    await perform(_CapturedAnswer())
    exchange.status, exchange.rental_id = status, rental_id
    await first.send_on(send)


async def _send_spoiled(
    effect: FaultEffect, answer: _CapturedAnswer, exchange: Exchange, send: Send, connection: Connection | None
) -> None:
    """Send an answer truncated, malformed or dripped. One to HEAD is sent as it is: it has no body."""
    if exchange.scope["method"] == "HEAD":
        await answer.send_on(send)
    elif effect.malformed:
        # Of the same length as before, so that `content-length` still holds: the JSON is at fault, not the framing.
        answer.body = answer.body[:-1] + b","
        await answer.send_on(send)
    elif effect.drip is not None:
        await _drip(effect.drip, answer, exchange, send, connection)
    else:
        assert effect.truncate is not None
        part = answer.body[: len(answer.body) * effect.truncate // PPM]
        await send(answer.start)
        await send({"type": "http.response.body", "body": part, "more_body": True})
        await _close(connection)


async def _drip(
    drip: Drip, answer: _CapturedAnswer, exchange: Exchange, send: Send, connection: Connection | None
) -> None:
    await send(answer.start)
    body, pause, waited = answer.body, drip.every / 1000, 0.0
    while len(body) > drip.bytes and waited < WALL_SECONDS_MAX and not _nobody_waits(exchange, connection):
        await send({"type": "http.response.body", "body": body[: drip.bytes], "more_body": True})
        body = body[drip.bytes :]
        await _wait(min(pause, WALL_SECONDS_MAX - waited), lambda: _nobody_waits(exchange, connection))
        waited += pause
    await send({"type": "http.response.body", "body": body})


async def _delay(injection: Injection, exchange: Exchange) -> None:
    """Delay the request: on the wall, or, where the delay is virtual and the clock manual, by advancing that clock.

    Afterwards the request acts on the world as it is then, in the new run after a reset or a restored snapshot. Raises
    InvalidToken where its account is gone by then, and WorldNotFound where the world is.
    """
    world, delay_ms = exchange.world, injection.delay_ms
    is_virtual = injection.effect.clock == "virtual"
    if is_virtual and world.pacer.settings.mode == "manual":
        span_ms = min(delay_ms, ADVANCE_MS_MAX)
        await world.advance(lambda: min(world.simulation.now_ms + span_ms, world.last_ms))
    else:
        wall_ms = world.pacer.in_wall_ms(delay_ms) if is_virtual else delay_ms
        # Not cut short when the client goes: like a request stuck in a queue, it is served all the same.
        await _wait(wall_ms / 1000, lambda: world.stopping)
        await world.catch_up()
    # Authentication was before the delay, and a reset meanwhile removes accounts that were created later.
    if exchange.account not in world.simulation.accounts:
        raise InvalidToken("no account has this token")


async def _wait(seconds: float, is_pointless: Callable[[], bool]) -> None:
    remaining = min(seconds, WALL_SECONDS_MAX)
    while remaining > 0 and not is_pointless():
        await asyncio.sleep(min(remaining, _POLL_SECONDS))
        remaining -= _POLL_SECONDS


def _nobody_waits(exchange: Exchange, connection: Connection | None) -> bool:
    """True where the server or the world is stopping, or the client has gone."""
    return exchange.world.stopping or (connection is not None and not connection.is_open)


async def _reset(connection: Connection | None) -> None:
    if connection is None:
        raise InjectedDisconnect("a fault reset the connection")
    await connection.reset()


async def _close(connection: Connection | None) -> None:
    if connection is None:
        raise InjectedDisconnect("a fault closed the connection")
    await connection.close()


def _named_offer(exchange: Exchange) -> OfferName | None:
    """The offer that a request concerns, if any: its rental's, hidden or not, or the one that its body names."""
    if exchange.operation == "rent_gpu":
        return _offer_in(exchange.body)
    if exchange.operation == "list_offers":
        return None
    rental = exchange.world.simulation.rentals.by_id.get(rental_id_in(exchange.scope["path"]))
    if rental is None or rental.account != exchange.account:
        return None
    spec = rental.offer.spec
    return spec.provider_id, spec.gpu_model, spec.region


def _offer_in(body: bytes) -> OfferName | None:
    try:
        decoded = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(decoded, dict):
        return None
    provider, model, region = (decoded.get(name) for name in ("provider_id", "gpu_model", "region"))
    if isinstance(provider, str) and isinstance(model, str) and isinstance(region, str):
        return provider, model, region
    return None
