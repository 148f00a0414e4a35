"""Snapshots on the control plane: the whole world as a document, and a world that becomes what a document says."""

import asyncio

from ..bodies import check_media
from ..exchange import Exchange
from ..replies import Reply, json_reply
from .call import enter_world, select_world
from .views import clock_view

_EVENTS_PER_TURN = 4_000


async def get_snapshot(exchange: Exchange) -> Reply:
    """The world as it is now, luck included, without its tokens."""
    world, _ = await enter_world(exchange)
    while world.simulation.digest_some(_EVENTS_PER_TURN):
        await asyncio.sleep(0)  # a long journal holds nobody up
    return Reply(200, world.snapshot(), ((b"content-type", b"application/json"),))


async def put_snapshot(exchange: Exchange) -> Reply:
    """Become the world of a snapshot: time may go back. The tokens stay; a damaged snapshot changes nothing."""
    check_media(exchange.scope)
    select_world(exchange)
    await exchange.worlds.restore(exchange.world, exchange.body)
    return json_reply(200, clock_view(exchange.world))
