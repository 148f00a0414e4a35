"""The waits of faults: on the wall, each bounded, or by the world's clock."""

import asyncio
from collections.abc import Callable

from ...core.faults.injection import Injection
from ...worlds.world import ADVANCE_MS_MAX
from ..exchange import Exchange
from ..problems import InvalidToken
from ..transport import Connection

WALL_SECONDS_MAX = 60.0
"""The longest injected wait on the wall, whatever the rules say: a typing error must not block a client for hours."""

_POLL_SECONDS = 0.2  # between two looks at whether anybody still waits: a server that stops must not wait out a hang


async def delay_request(injection: Injection, exchange: Exchange) -> None:
    """Delay the request before its command; see `_delay`.

    Afterwards the request acts on the world as it is then, in the new run after a reset or a restored snapshot. Raises
    InvalidToken where its account is gone by then, and WorldNotFound where the world is.
    """
    waited = await _delay(injection, exchange, is_of_answer=False)
    # Authentication was before the delay, and a reset meanwhile removes accounts that were created later.
    if waited and exchange.account not in exchange.world.simulation.accounts:
        raise InvalidToken("no account has this token")


async def delay_answer(injection: Injection, exchange: Exchange) -> None:
    """Delay the answer to a request, whose command has happened if it happens at all; see `_delay`."""
    await _delay(injection, exchange, is_of_answer=True)


async def _delay(injection: Injection, exchange: Exchange, *, is_of_answer: bool) -> bool:
    """Wait for the sums of the delays: first of the virtual ones, by advancing a manual clock or by as much of the wall
    as they take under a running one, then of those on the wall, for WALL_SECONDS_MAX at the most. False where there are
    none."""
    world = exchange.world
    virtual_ms = injection.delay_ms(is_virtual=True, is_of_answer=is_of_answer)
    wall_ms = injection.delay_ms(is_virtual=False, is_of_answer=is_of_answer)
    if not virtual_ms and not wall_ms:
        return False
    if virtual_ms and world.pacer.settings.mode == "manual":
        span_ms = min(virtual_ms, ADVANCE_MS_MAX)
        await world.advance(lambda: min(world.simulation.now_ms + span_ms, world.last_ms))
    elif virtual_ms:
        wall_ms += world.pacer.in_wall_ms(virtual_ms)
    if wall_ms:
        # Not cut short when the client goes: like a request stuck in a queue, it is served all the same.
        await wait(wall_ms / 1000, lambda: world.stopping)
        await world.catch_up()
    return True


async def wait(seconds: float, is_pointless: Callable[[], bool]) -> None:
    """Wait on the wall, for WALL_SECONDS_MAX at the most, or until that has no point any more."""
    remaining = min(seconds, WALL_SECONDS_MAX)
    while remaining > 0 and not is_pointless():
        await asyncio.sleep(min(remaining, _POLL_SECONDS))
        remaining -= _POLL_SECONDS


def nobody_waits(exchange: Exchange, connection: Connection | None) -> bool:
    """True where the server or the world is stopping, or the client has gone."""
    return exchange.world.stopping or (connection is not None and not connection.is_open)
