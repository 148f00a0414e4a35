"""Carrying a decided fault out around the operation of a request."""

from collections.abc import Awaitable, Callable

from starlette.types import Send

from ...core.faults.injection import Injection
from ..exchange import Exchange
from ..transport import Connection
from .replies import injected_reply
from .spoiling import CapturedAnswer, end, send_spoiled, spoil
from .waits import delay_answer, delay_request

Perform = Callable[[Send], Awaitable[None]]
"""Performs the operation of a request and sends its answer."""


async def carry_out(
    injection: Injection, exchange: Exchange, perform: Perform, send: Send, connection: Connection | None
) -> None:
    """Carry the faults out around the request, in this order: the delays before the command, the command, if it
    happens, the delays before the answer, and the answer, if one is sent.

    Raises InjectedDisconnect where it cuts the connection and there is none, as the application is called in process.
    """
    assert exchange.operation is not None
    exchange.fault = injection.named
    await delay_request(injection, exchange)
    effect = injection.effect
    answer = CapturedAnswer()
    if effect is None or effect.happens:
        await _perform(exchange, perform, answer, twice=effect is not None and effect.duplicate)
    await delay_answer(injection, exchange)
    if effect is None:
        await answer.send_on(send)
        return
    if effect.withholds_answer:
        exchange.status = 0  # the request log shows what the client saw: no answer
        await end(effect, exchange, connection)
        return
    if effect.replaces_answer:
        answer = CapturedAnswer()
        await exchange.answer(answer, injected_reply(injection, exchange.operation, exchange.world.pacer))
    await spoil(effect, answer, method=exchange.scope["method"])
    await send_spoiled(effect, answer, exchange, send, connection)


async def _perform(exchange: Exchange, perform: Perform, answer: CapturedAnswer, *, twice: bool) -> None:
    """Perform the request, and once more where it arrives twice: the answer is the first."""
    await perform(answer)
    if twice:
        # The second run overwrites what is logged of the first, whose answer the client gets.
        status, error, rental_id = exchange.status, exchange.error, exchange.rental_id
        await perform(CapturedAnswer())
        exchange.status, exchange.error, exchange.rental_id = status, error, rental_id
