"""Events and the journal on the control plane."""

import asyncio

from ...core.journal import Recorded
from ...worlds.world import World
from ..exchange import Exchange
from ..queries.list_queries import EventsQuery
from ..queries.page import place_of_number
from ..replies import Reply
from .call_decoding import enter_world
from .lists import Listed, first_since, list_reply, numbered_end, record_filter
from .views import event_view

_BYTES_PER_TURN = 1 << 19  # encoded between two turns of other requests


async def list_events(exchange: Exchange) -> Reply:
    """List events in order."""
    world, query = await enter_world(exchange, EventsQuery)

    def listed() -> Listed[Recorded]:
        simulation = world.simulation
        events, dropped = simulation.events, simulation.events_dropped
        return Listed(
            events,
            lambda index, event: event_view(world, dropped + index + 1, event),
            lambda index, _: dropped + index + 1,
            place_of_number(query.after, dropped + 1, len(events)),
            first_since(query.since, simulation, events, lambda event: event.at),
            record_filter(simulation, query),
            numbered_end(simulation.events_total, dropped),
        )

    return await list_reply(world, query, listed)


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
