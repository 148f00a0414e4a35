"""What an operator and acts do to single rentals: force, hold back and release a transition, hide, get stuck."""

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
    """Reaches into the life of rentals from outside. It keeps nothing of its own."""

    def __init__(self, schedule: Schedule, rentals: Rentals, record: Callable[[Event], None]) -> None:
        self._schedule = schedule
        self._rentals = rentals
        self._record = record

    def check_move(self, rental: Rental, command: MoveRental) -> None:
        """Raises RentalNotInState where the rental's status does not lead there, or its time has come already."""
        check_transition(rental.status, command.to, "operator")
        if command.hold and rental.is_due and not rental.held_back:
            raise RentalNotInState("the rental is stuck: its time has come already, so nothing is left to hold back")

    def move(self, rental: Rental, command: MoveRental) -> None:
        """Force the transition now, hold it back, or release it."""
        if command.to == "terminated":
            self._rentals.end(rental, "operator")
        elif command.hold is None:
            self._schedule.cancel(rental.ready_ticket)
            self._rentals.start(rental)
        elif command.hold:
            rental.held_back = True
            self._record(TransitionHeld(self._schedule.now_ms, rental.account, rental.rental_id))
        else:
            rental.held_back = False
            self._record(TransitionReleased(self._schedule.now_ms, rental.account, rental.rental_id))
            if rental.is_due:
                self._rentals.settle_provisioning(rental)

    def hide(self, rental: Rental, *, hidden: bool) -> None:
        """Let the API know the rental no more, or again."""
        rental.hidden = hidden
        event = RentalHidden if hidden else RentalShown
        self._record(event(self._schedule.now_ms, rental.account, rental.rental_id))

    def settle_due(self, offers: Iterable[Offer]) -> None:
        """What waits on these offers gets on where no act and no operator keeps it, in the order of the rents."""
        for rental in self._live_on(offers):
            if rental.is_due:
                self._rentals.settle_provisioning(rental)

    def interrupt_all(self, offers: Iterable[Offer]) -> None:
        """The market takes all rentals on these offers, in the order of the rents. No draw is spent on that."""
        for rental in self._live_on(offers):
            self._rentals.end(rental, "interrupted", "forced")

    def _live_on(self, offers: Iterable[Offer]) -> list[Rental]:
        names = {offer.name for offer in offers}
        return [rental for rental in self._rentals.live_in_order() if rental.offer.name in names]
