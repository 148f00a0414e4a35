"""Checks of the rentals of a snapshot: the fields of each must fit together, and the pending events must be those that
its status awaits (`transitions.AWAITED`)."""

from collections.abc import Collection, Mapping

from ..billing.charges import billed_seconds
from ..billing.holds import hold_micros
from ..kernel.awaited_events import AwaitedEvents
from ..kernel.money import PRICE_MICROS_MAX, PRICE_STEP_MICROS, cost_micros
from ..kernel.names import rental_id
from ..kernel.schedule import NO_TICKET, Priority, Ticket
from ..scenario.acts import CAPACITY_MAX
from ..scenario.scenario import BillingSettings
from .rental import Rental, RentalsState
from .transitions import AWAITED, Status, leads_to


def check_rentals(
    state: RentalsState, accounts: Collection[str], billing: BillingSettings, seed: int, awaited: AwaitedEvents
) -> None:
    """Claim the pending events of single rentals. Raises ValueError where no run leads to these rentals."""
    rentals = (*state.live, *state.ended)
    ordinals = {(account, offer): count for account, offer, count in state.ordinals}
    if not (
        len({rental.rental_id for rental in rentals}) == len({rental.number for rental in rentals}) == len(rentals)
        and state.created == sum(ordinals.values()) == state.ended_total + len(state.live)
        and state.ended_total >= len(state.ended)
        and len(ordinals) == len(state.ordinals)
    ):
        raise ValueError("the rentals are not as many as were counted")
    for rental in rentals:
        if not (
            rental.account in accounts
            and rental.number < state.created
            and rental.ordinal < ordinals.get((rental.account, rental.offer.name), 0)
            and rental.rental_id == rental_id(seed, rental.name)
        ):
            raise ValueError(f"{rental.rental_id} is nobody's, or was never counted")
        if not (
            _times_fit(rental, awaited.now_ms)
            and _price_fits(rental)
            and _end_fits(rental)
            and _bill_fits(rental, billing)
        ):
            raise ValueError(f"{rental.rental_id} has fields that cannot be together")
    if not (_have_ended(state.ended) and all(rental.terminated_ms is None for rental in state.live)):
        raise ValueError("a live rental has ended, or an ended one is live, out of order, or awaits something")
    for rental in state.live:
        _check_events(rental, billing, awaited)


def _have_ended(ended: tuple[Rental, ...]) -> bool:
    """True for rentals that ended, in this order, and await nothing."""
    times = [-1 if rental.terminated_ms is None else rental.terminated_ms for rental in ended]
    return times == sorted(times) and not any(
        rental.terminated_ms is None or _awaits_anything(rental) or _is_in_provisioning(rental) for rental in ended
    )


def _awaits_anything(rental: Rental) -> bool:
    return (
        bool(rental.tickets)
        or (rental.ready_ticket, rental.forced_ticket) != (NO_TICKET, NO_TICKET)
        or rental.forced_end_ms is not None
        or rental.end_held
    )


def _is_in_provisioning(rental: Rental) -> bool:
    """True where a field is set that only a rental has whose status is `provisioning`."""
    return rental.is_due or rental.held_back or rental.phase is not None


def _times_fit(rental: Rental, now_ms: int) -> bool:
    """True where its times are in order, and no end was drawn for it before it ran."""
    lives = [rental.created_ms, now_ms if rental.terminated_ms is None else rental.terminated_ms]
    within = (rental.running_ms, rental.noticed_ms, rental.held_delete_ms)
    return (
        lives[0] >= 0
        and lives[1] <= now_ms
        and all(lives[0] <= at_ms <= lives[1] for at_ms in (*lives, *within) if at_ms is not None)
        and (rental.noticed_ms is None) == (rental.interrupts_ms is None)
        and (rental.noticed_ms or 0) <= (rental.interrupts_ms or 0)
        and (rental.running_ms is not None or rental.foreseen_end_ms is None)
        and (rental.terminated_ms is not None or rental.held_delete_ms is None or rental.end_held)
        and _held_delete_fits(rental)
    )


def _held_delete_fits(rental: Rental) -> bool:
    """True where the rental ran at its held DELETE, or did not, as its times say; at one instant it may be either."""
    running_ms, deleted_ms = rental.running_ms, rental.held_delete_ms
    if deleted_ms is None or running_ms is None:
        return not rental.held_delete_ran
    return running_ms <= deleted_ms if rental.held_delete_ran else running_ms >= deleted_ms


def _price_fits(rental: Rental) -> bool:
    price, gpus = rental.price_micros_per_hour, rental.command.gpu_count
    return 0 < price <= PRICE_MICROS_MAX and price % PRICE_STEP_MICROS == 0 and 0 < gpus <= CAPACITY_MAX


def _end_fits(rental: Rental) -> bool:
    """True for a live rental without a reason, and for an ended one whose reason ends rentals of its last status."""
    if rental.terminated_ms is None or rental.reason is None:
        return rental.reason is None and rental.terminated_ms is None
    before: Status = "provisioning" if rental.running_ms is None else "running"
    return leads_to(before, "terminated", rental.reason)


def _bill_fits(rental: Rental, billing: BillingSettings) -> bool:
    """True where its hold and its bill are what its price makes them."""
    price, gpus, hold = rental.price_micros_per_hour, rental.command.gpu_count, rental.hold
    if hold.amount_micros != hold_micros(price, gpus, billing):
        return False
    if rental.terminated_ms is None or rental.reason is None:
        return rental.billed_micros is None and hold.status != "settled"
    seconds = billed_seconds(rental.reason, rental.running_ms, rental.terminated_ms, billing)
    return rental.billed_micros == cost_micros(price, gpus, seconds) and hold.status != "active"


def _check_events(rental: Rental, billing: BillingSettings, awaited: AwaitedEvents) -> None:
    """Raises ValueError where the pending events of a live rental are not those that it awaits.

    An event that its status does not await is left over here, and then found as one that nothing awaits.
    """
    claimed = {kind: awaited.claim(kind, rental.rental_id) for kind in AWAITED[rental.status]}
    pending = {kind: [ticket for _, ticket in events] for kind, events in claimed.items()}
    forced = [] if rental.forced_end_ms is None else [(rental.forced_end_ms, rental.forced_ticket)]
    tickets = (rental.ready_ticket, *rental.tickets, rental.idle_ticket, rental.forced_ticket)
    if not (
        awaited.were_given(tickets)
        and claimed[Priority.FORCED_INTERRUPTION] == forced
        and {ticket for ticket in tickets if awaited.has(ticket)} == set().union(*pending.values())
        and len(pending[Priority.HOLD_EXPIRY]) == (rental.hold.status == "active" and billing.hold_expiry is not None)
        and (
            _awaits_its_end(rental, pending, billing)
            if rental.status == "running"
            else _awaits_running(rental, pending, awaited)
        )
    ):
        raise ValueError(f"the pending events of {rental.rental_id} are not those that it awaits")


def _awaits_its_end(rental: Rental, pending: Mapping[Priority, list[Ticket]], billing: BillingSettings) -> bool:
    """True for a running rental that is out of provisioning and awaits its idleness, and a notice only if there is an
    end to announce."""
    return (
        not _is_in_provisioning(rental)
        and pending[Priority.IDLE_TIMEOUT] == ([] if billing.idle_timeout is None else [rental.idle_ticket])
        and (rental.foreseen_end_ms is not None or not pending[Priority.NOTICE])
    )


def _awaits_running(rental: Rental, pending: Mapping[Priority, list[Ticket]], awaited: AwaitedEvents) -> bool:
    """True for a rental that awaits the end of its provisioning, or is due and held back or stuck, or never ready."""
    waits = [rental.ready_ticket] if awaited.has(rental.ready_ticket) else []
    if rental.is_due:
        is_stopped = rental.held_back or rental.offer.provisioning == "stuck"
        return rental.ready_ticket != NO_TICKET and not waits and is_stopped
    return pending[Priority.PROVISIONING] == waits and bool(waits or rental.ready_ticket == NO_TICKET)
