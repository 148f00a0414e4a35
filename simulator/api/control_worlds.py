"""Worlds on the control plane: whether the server is alive, and which worlds it serves."""

from .. import __version__
from .control_request import Nothing, body_as, enter, select
from .control_views import clock_view
from .front import Exchange
from .problems import Reply, json_reply


async def health(exchange: Exchange) -> Reply:
    """The server is alive: version, worlds, and the clock and seed of the world concerned. It waits for no advance."""
    select(exchange, required=False)
    world = exchange.world
    world.caught_up()
    worlds = [{"name": w.name, "scenario": w.scenario.name, "seed": w.seed} for w in exchange.worlds.by_name.values()]
    return json_reply(
        200,
        {
            "status": "ok",
            "version": __version__,
            "worlds": worlds,
            "seed": world.seed,
            "profile": world.profile,
            "clock": clock_view(world),
        },
    )


async def ready(exchange: Exchange) -> Reply:
    """The server serves requests."""
    select(exchange, required=False)
    return json_reply(200, {"status": "ready"})


async def reset(exchange: Exchange) -> Reply:
    """Back to just after the scenario was loaded."""
    body_as(exchange, Nothing)
    world, _ = await enter(exchange)
    await exchange.worlds.reset(world)
    return json_reply(200, clock_view(world))
