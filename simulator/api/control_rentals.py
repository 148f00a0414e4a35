"""Rentals on the control plane, with what the API does not show, and what an operator does to them."""

from .. import decoration
from ..core.commands import InterruptRental, TouchRental
from .control_request import Nothing, body_as, enter, page
from .control_views import rental_view
from .front import Exchange
from .problems import Reply, json_reply


async def list_rentals(exchange: Exchange) -> Reply:
    """All rentals, with what the API does not show."""
    world, query = await enter(exchange, "after", "limit")
    rentals = world.simulation.rentals.by_id
    if any(rental.command.ssh for rental in rentals.values()):
        await decoration.prepare()
    return page(((id_, rental_view(world, rental)) for id_, rental in rentals.items()), query, rentals)


async def interrupt_rental(exchange: Exchange) -> Reply:
    """The market takes this rental's GPUs back now."""
    return await _act(exchange, InterruptRental)


async def touch_rental(exchange: Exchange) -> Reply:
    """Count as activity of the rental (A19)."""
    return await _act(exchange, TouchRental)


async def _act(exchange: Exchange, command: type[InterruptRental | TouchRental]) -> Reply:
    body_as(exchange, Nothing)
    world, _ = await enter(exchange)
    rental = world.execute(command(exchange.scope["path_params"]["rental_id"]))
    assert rental is not None
    if rental.command.ssh:
        await decoration.prepare()
    return json_reply(200, rental_view(world, rental))
