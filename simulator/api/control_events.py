"""What happened: events, and the journal as a file."""

import asyncio

from .control_request import enter, window
from .control_views import events_view
from .front import Exchange
from .problems import Reply, json_reply

_LINES_PER_TURN = 2_000


async def list_events(exchange: Exchange) -> Reply:
    """What happened, in order."""
    world, query = await enter(exchange, "after", "limit")
    after, limit = window(query)
    return json_reply(200, {"data": events_view(world, after, limit)})


async def get_journal(exchange: Exchange) -> Reply:
    """The journal up to now, as a file that `gpu-sim replay` runs again."""
    world, _ = await enter(exchange)
    lines: list[bytes] = []
    for line in world.journal():
        lines.append(line)
        if len(lines) % _LINES_PER_TURN == 0:
            await asyncio.sleep(0)  # a long journal holds nobody up
    return Reply(200, b"".join(lines), ((b"content-type", b"application/x-ndjson"),))
