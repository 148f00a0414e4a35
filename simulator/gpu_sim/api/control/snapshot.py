"""Snapshots on the control plane: a world as a document, and its restoration from one."""

import asyncio

from ..bodies import check_media
from ..exchange import Exchange
from ..replies import Reply, json_reply
from .call_decoding import enter_world, select_world
from .views import clock_view

_EVENTS_PER_TURN = 4_000  # digested between two turns of other requests


async def get_snapshot(exchange: Exchange) -> Reply:
    """Answer with a snapshot of the world as it is now: random streams included, tokens left out."""
    world, _ = await enter_world(exchange)
    while world.simulation.digest_some(_EVENTS_PER_TURN):
        await asyncio.sleep(0)  # a long journal delays no other request
    return Reply(200, world.snapshot(), ((b"content-type", b"application/json"),))


async def put_snapshot(exchange: Exchange) -> Reply:
    """Restore the world from a snapshot; time may go back. Tokens stay; a damaged snapshot changes nothing."""
    check_media(exchange.scope)
    select_world(exchange)
    await exchange.worlds.restore(exchange.world, exchange.body)
    return json_reply(200, clock_view(exchange.world))
