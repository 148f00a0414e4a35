"""Which rentals a run can have: what their fields say together, and what is still to come of them."""

from collections.abc import Collection

from ..billing.charges import billed_seconds
from ..billing.holds import hold_micros
from ..kernel.awaited_events import AwaitedEvents
from ..kernel.money import PRICE_MICROS_MAX, PRICE_STEP_MICROS, cost_micros
from ..kernel.names import rental_id
from ..kernel.schedule import NO_TICKET, Priority, Ticket
from ..scenario.acts import CAPACITY_MAX
from ..scenario.scenario import BillingSettings
from .rental import Rental, RentalsState

_TAKE_IT = (Priority.OWN_INTERRUPTION, Priority.SPREAD_INTERRUPTION, Priority.NOTICE)


def check_rentals(
    state: RentalsState, accounts: Collection[str], billing: BillingSettings, seed: int, awaited: AwaitedEvents
) -> None:
    """Take the events of single rentals out of those that are pending. Raises ValueError where no run has these."""
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
        if not (_has_lived(rental, awaited.now_ms) and _is_priced(rental) and _is_paid(rental, billing)):
            raise ValueError(f"what is said of {rental.rental_id} cannot be")
    if not (_are_over(state.ended) and all(rental.terminated_ms is None for rental in state.live)):
        raise ValueError("a live rental is over, or one that is not has ended")
    for rental in state.live:
        _check_events(rental, billing, awaited)


def _are_over(ended: tuple[Rental, ...]) -> bool:
    """Whether they have ended, in this order, and nothing is to come of them."""
    times = [-1 if rental.terminated_ms is None else rental.terminated_ms for rental in ended]
    return times == sorted(times) and not any(
        rental.terminated_ms is None or _awaits_anything(rental) or rental.is_due or rental.held_back or rental.phase
        for rental in ended
    )


def _awaits_anything(rental: Rental) -> bool:
    return bool(rental.tickets) or rental.ready_ticket != NO_TICKET


def _has_lived(rental: Rental, now_ms: int) -> bool:
    """Whether its times are in order, and it is told of an end once it runs."""
    begun = [rental.created_ms, rental.running_ms, rental.noticed_ms]
    times = [0, *(at_ms for at_ms in (*begun, rental.terminated_ms, now_ms) if at_ms is not None)]
    return (
        times == sorted(times)
        and (rental.noticed_ms is None) == (rental.interrupts_ms is None)
        and (rental.running_ms is not None or (rental.noticed_ms is None and rental.interrupts_at_ms is None))
    )


def _is_priced(rental: Rental) -> bool:
    price, gpus = rental.price_micros_per_hour, rental.command.gpu_count
    return 0 < price <= PRICE_MICROS_MAX and price % PRICE_STEP_MICROS == 0 and 0 < gpus <= CAPACITY_MAX


def _is_paid(rental: Rental, billing: BillingSettings) -> bool:
    """Whether its hold and its bill are what its price makes them."""
    price, gpus, hold = rental.price_micros_per_hour, rental.command.gpu_count, rental.hold
    if hold.amount_micros != hold_micros(price, gpus, billing):
        return False
    if rental.terminated_ms is None or rental.reason is None:
        return rental.reason is None and rental.billed_micros is None and hold.status != "settled"
    seconds = billed_seconds(rental.reason, rental.running_ms, rental.terminated_ms, billing)
    return rental.billed_micros == cost_micros(price, gpus, seconds) and hold.status != "active"


def _check_events(rental: Rental, billing: BillingSettings, awaited: AwaitedEvents) -> None:
    """Raises ValueError where what is pending of a live rental is not what its state awaits."""
    id_, runs = rental.rental_id, rental.running_ms is not None
    expiry, ready, idle = (
        [ticket for _, ticket in awaited.claim(kind, id_)]
        for kind in (Priority.HOLD_EXPIRY, Priority.PROVISIONING, Priority.IDLE_TIMEOUT)
    )
    takes = [[ticket for _, ticket in awaited.claim(kind, id_)] for kind in _TAKE_IT]
    tickets = (rental.ready_ticket, *rental.tickets, rental.idle_ticket)
    if not (
        awaited.were_given(tickets)
        and {ticket for ticket in tickets if awaited.has(ticket)} == {*expiry, *ready, *idle}.union(*takes)
        and len(expiry) == (rental.hold.status == "active" and billing.hold_expiry is not None)
        and idle == ([rental.idle_ticket] if runs and billing.idle_timeout is not None else [])
        and (runs or not any(takes))
        and (rental.interrupts_at_ms is not None or not takes[-1])
        and (_runs(rental, ready) if runs else _is_set_up(rental, ready, awaited))
    ):
        raise ValueError(f"the pending events of {id_} are not those that it awaits")


def _runs(rental: Rental, ready: list[Ticket]) -> bool:
    """Whether a running rental is set up no more."""
    return not (ready or rental.is_due or rental.held_back or rental.phase)


def _is_set_up(rental: Rental, ready: list[Ticket], awaited: AwaitedEvents) -> bool:
    """Whether a rental that is provisioning waits for the end of that, or is due and kept back, or is never ready."""
    waits = [rental.ready_ticket] if awaited.has(rental.ready_ticket) else []
    if rental.is_due:
        is_kept_back = rental.held_back or rental.offer.provisioning == "stuck"
        return rental.ready_ticket != NO_TICKET and not waits and is_kept_back
    return ready == waits and bool(waits or rental.ready_ticket == NO_TICKET)
