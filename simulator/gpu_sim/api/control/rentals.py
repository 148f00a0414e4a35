"""Rentals on the control plane, with fields that the API does not show, and an operator's actions on them."""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from ...core.commands import Command, HideRental, InterruptRental, MoveRental, TouchRental
from ...core.kernel.errors import InvalidValue
from ...core.rentals.rental import Rental
from ...core.scenario.acts import Transition
from ...core.scenario.scripted_interruptions import ScriptedInterruption
from ...worlds.world import World
from .. import decoration
from ..exchange import Exchange
from ..queries.list_queries import RentalsQuery
from ..queries.page import ListPlace
from ..queries.query_decoding import whole_number
from ..replies import Reply, json_reply
from .call_decoding import EmptyBody, body_as, enter_world
from .lists import Listed, all_of, check_accounts, check_rentals, first_since, list_reply, numbered_end
from .market import offer_filter
from .views import rental_view


class Visibility(Struct, forbid_unknown_fields=True):
    """Hides a rental from the API, or shows it again."""

    hidden: bool


async def list_rentals(exchange: Exchange) -> Reply:
    """List all rentals, with fields that the API does not show."""
    world, query = await enter_world(exchange, RentalsQuery)
    if any(rental.command.ssh for rental in world.simulation.rentals.by_id.values()):
        await decoration.prepare()

    def listed() -> Listed[Rental]:
        book = world.simulation.rentals
        rentals = list(book.by_id.values())
        return Listed(
            rentals,
            lambda _, rental: rental_view(world, rental),
            lambda _, rental: rental.number + 1,
            _place(query.after, rentals, book.by_id),
            first_since(query.since, world.simulation, rentals, lambda rental: rental.created_ms),
            _filter(world, query),
            numbered_end(book.created, book.created - len(rentals)),
        )

    return await list_reply(world, query, listed)


def _place(after: str | None, rentals: Sequence[Rental], by_id: Mapping[str, Rental]) -> ListPlace | None:
    """The place of a rental, by its id or by its number from 1. Raises InvalidValue for an id that is not there."""
    if after is None:
        return None
    if after.isascii() and after.isdigit():
        number = whole_number("after", after) - 1
    elif after in by_id:
        number = by_id[after].number
    else:
        raise InvalidValue(f'after: no item "{after}"', param="after")
    before, through = (bisect_left(rentals, bound, key=lambda rental: rental.number) for bound in (number, number + 1))
    return ListPlace(before, through)


def _filter(world: World, query: RentalsQuery) -> Callable[[Rental], bool] | None:
    """The condition of a query on rentals, but for `since`; None where it has none. Raises AccountNotFound,
    RentalNotFound, or InvalidValue for a name that no offer has."""
    check_accounts(world.simulation, query.account)
    check_rentals(world.simulation, query.rental_id, held_only=True)
    statuses, accounts, rental_ids, reasons = (
        frozenset(chosen) for chosen in (query.status, query.account, query.rental_id, query.termination_reason)
    )
    meant = offer_filter(world.simulation.market, query)
    return all_of(
        (lambda rental: rental.status in statuses) if statuses else None,
        (lambda rental: rental.account in accounts) if accounts else None,
        (lambda rental: rental.rental_id in rental_ids) if rental_ids else None,
        (lambda rental: rental.reason in reasons) if reasons else None,
        None if meant is None else (lambda rental: meant(rental.offer)),
    )


async def interrupt_rental(exchange: Exchange) -> Reply:
    """Interrupt this rental as the market would: at the end of a notice, or at once where there is none."""
    wanted = body_as(exchange, ScriptedInterruption)
    command = InterruptRental(
        _rental_id(exchange), notice=wanted.notice, false_alarm=wanted.false_alarm, withdraw=wanted.withdraw
    )
    return await _execute(exchange, command)


async def touch_rental(exchange: Exchange) -> Reply:
    """Record activity of the rental (A19)."""
    body_as(exchange, EmptyBody)
    return await _execute(exchange, TouchRental(_rental_id(exchange)))


async def move_rental(exchange: Exchange) -> Reply:
    """Force the rental's next transition, or its end; hold one of them back, or release it."""
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
