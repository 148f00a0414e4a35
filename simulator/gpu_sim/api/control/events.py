"""Events and the journal on the control plane."""

import asyncio

from ...worlds.world import World
from ..exchange import Exchange
from ..queries.list_queries import NumberedListQuery
from ..replies import Reply
from .call_decoding import enter_world
from .lists import list_reply
from .views import events_view

_BYTES_PER_TURN = 1 << 19  # encoded between two turns of other requests


async def list_events(exchange: Exchange) -> Reply:
    """List events in order."""
    world, query = await enter_world(exchange, NumberedListQuery)
    return await list_reply(world, lambda: events_view(world, query.after or 0, query.limit))


async def get_journal(exchange: Exchange) -> Reply:
    """Answer with the journal up to now, a file that `gpu-sim replay` runs again."""
    world, _ = await enter_world(exchange)
    journal = await _journal(world)
    while journal is None:
        journal = await _journal(world)
    return Reply(200, journal, ((b"content-type", b"application/x-ndjson"),))


async def _journal(world: World) -> bytes | None:
    """Write the journal out, with turns for other requests in between; None where the world was reset meanwhile."""
    simulation = world.simulation
    stretches: list[bytes] = []
    size = 0
    for stretch in world.journal():
        stretches.append(stretch)
        size += len(stretch)
        if size > _BYTES_PER_TURN:
            size = 0
            await asyncio.sleep(0)
            if world.simulation is not simulation:
                return None
    return b"".join(stretches)
