"""Rentals on the control plane, with fields that the API does not show, and an operator's actions on them."""

from msgspec import Struct

from ...core.commands import Command, HideRental, InterruptRental, MoveRental, TouchRental
from ...core.scenario.acts import Transition
from .. import decoration
from ..exchange import Exchange
from ..queries.list_queries import NamedListQuery
from ..replies import Reply, json_reply
from .call_decoding import EmptyBody, body_as, enter_world
from .lists import page
from .views import rental_view


class Visibility(Struct, forbid_unknown_fields=True):
    """Hides a rental from the API, or shows it again."""

    hidden: bool


async def list_rentals(exchange: Exchange) -> Reply:
    """List all rentals, with fields that the API does not show."""
    world, query = await enter_world(exchange, NamedListQuery)
    rentals = world.simulation.rentals.by_id
    if any(rental.command.ssh for rental in rentals.values()):
        await decoration.prepare()
    return await page(
        world, query, lambda: world.simulation.rentals.by_id, lambda _, rental: rental_view(world, rental)
    )


async def interrupt_rental(exchange: Exchange) -> Reply:
    """Interrupt this rental now, as the market would."""
    body_as(exchange, EmptyBody)
    return await _execute(exchange, InterruptRental(_rental_id(exchange)))


async def touch_rental(exchange: Exchange) -> Reply:
    """Record activity of the rental (A19)."""
    body_as(exchange, EmptyBody)
    return await _execute(exchange, TouchRental(_rental_id(exchange)))


async def move_rental(exchange: Exchange) -> Reply:
    """Force the rental's next transition, hold it back, or release it."""
    wanted = body_as(exchange, Transition)
    return await _execute(exchange, MoveRental(rental_id=_rental_id(exchange), to=wanted.to, hold=wanted.hold))


async def hide_rental(exchange: Exchange) -> Reply:
    """Hide the rental from the API, or show it again."""
    wanted = body_as(exchange, Visibility)
    return await _execute(exchange, HideRental(_rental_id(exchange), wanted.hidden))


def _rental_id(exchange: Exchange) -> str:
    rental_id: str = exchange.scope["path_params"]["rental_id"]
    return rental_id


async def _execute(exchange: Exchange, command: Command) -> Reply:
    world, _ = await enter_world(exchange)
    rental = world.execute(command)
    assert rental is not None
    if rental.command.ssh:
        await decoration.prepare()
    return json_reply(200, rental_view(world, rental))
