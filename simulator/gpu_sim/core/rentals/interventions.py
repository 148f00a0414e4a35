"""Interventions of operators and acts in rentals: force, hold back or release a transition, hide, interrupt."""

from collections.abc import Callable, Iterable

from ..commands import MoveRental
from ..events import Event, RentalHidden, RentalShown, TransitionHeld, TransitionReleased
from ..kernel.errors import RentalNotInState
from ..kernel.schedule import Schedule
from ..market.offer import Offer
from .rental import Rental
from .rentals import Rentals
from .transitions import check_transition


class Interventions:
    """Changes rentals from outside their life cycle. It has no state of its own."""

    def __init__(self, schedule: Schedule, rentals: Rentals, record: Callable[[Event], None]) -> None:
        self._schedule = schedule
        self._rentals = rentals
        self._record = record

    def check_move(self, rental: Rental, command: MoveRental) -> None:
        """Raises RentalNotInState where no transition leads there, or where there is nothing left to hold back."""
        check_transition(rental.status, command.to, "operator")
        if command.hold and rental.is_due and not rental.held_back:
            raise RentalNotInState("the rental is stuck: its time has come already, so nothing is left to hold back")

    def move(self, rental: Rental, command: MoveRental) -> None:
        """Force the transition now, hold it back, or release it."""
        if command.to == "terminated":
            self._rentals.end(rental, "operator")
        elif command.hold is None:
            self._schedule.cancel(rental.ready_ticket)
            self._rentals.start(rental, "operator")
        elif command.hold:
            rental.held_back = True
            self._record(TransitionHeld(self._schedule.now_ms, rental.account, rental.rental_id))
        else:
            rental.held_back = False
            # Recorded first: what the release leads to comes after it in the journal.
            self._record(TransitionReleased(self._schedule.now_ms, rental.account, rental.rental_id))
            if rental.is_due:
                self._rentals.settle_provisioning(rental)

    def hide(self, rental: Rental, *, hidden: bool) -> None:
        """Hide the rental from the API, or show it again."""
        rental.hidden = hidden
        event = RentalHidden if hidden else RentalShown
        self._record(event(self._schedule.now_ms, rental.account, rental.rental_id))

    def settle_due(self, offers: Iterable[Offer]) -> None:
        """Settle the rentals on these offers whose provisioning is due, in the order of the rents: an act on them may
        have begun or ended."""
        for rental in self._live_on(offers):
            if rental.is_due:
                self._rentals.settle_provisioning(rental)

    def interrupt_all(self, offers: Iterable[Offer]) -> None:
        """Interrupt all rentals on these offers, in the order of the rents, without any draw."""
        for rental in self._live_on(offers):
            self._rentals.end(rental, "interrupted", "forced")

    def _live_on(self, offers: Iterable[Offer]) -> list[Rental]:
        names = {offer.name for offer in offers}
        return [rental for rental in self._rentals.live_in_order() if rental.offer.name in names]
