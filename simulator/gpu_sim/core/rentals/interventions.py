"""Interventions of operators and acts in rentals: force, hold back or release a transition, hide, interrupt."""

from collections.abc import Callable, Iterable

from ..commands import MoveRental
from ..events import Event, RentalHidden, RentalShown, TransitionHeld, TransitionReleased
from ..kernel.errors import RentalNotInState
from ..kernel.randomness import draw, stream
from ..kernel.schedule import Schedule
from ..market.offer import Offer
from ..scenario.acts import InterruptAct
from ..scenario.scripted_interruptions import ScriptedInterruption
from .rental import Rental
from .rentals import Rentals
from .transitions import check_transition


class Interventions:
    """Changes rentals from outside their life cycle. It has no state of its own."""

    def __init__(self, schedule: Schedule, rentals: Rentals, record: Callable[[Event], None], seed: int) -> None:
        self._schedule = schedule
        self._rentals = rentals
        self._record = record
        self._seed = seed

    # Transitions

    def check_move(self, rental: Rental, command: MoveRental) -> None:
        """Raises RentalNotInState where no transition leads there, or where there is nothing left to hold back."""
        check_transition(rental.status, command.to, "operator")
        if command.to == "running" and command.hold and rental.is_due and not rental.held_back:
            raise RentalNotInState("the rental is stuck: its time has come already, so nothing is left to hold back")

    def changes_nothing(self, rental: Rental, command: MoveRental) -> bool:
        """True where the transition is held back, or is not, as the command wants it."""
        return command.hold is not None and command.hold == (
            rental.held_back if command.to == "running" else rental.end_held
        )

    def move(self, rental: Rental, command: MoveRental) -> None:
        """Force the transition now, hold it back, or release it."""
        now = self._schedule.now_ms
        if command.hold is not None:
            if command.to == "running":
                rental.held_back = command.hold
            else:
                rental.end_held = command.hold
            event = TransitionHeld if command.hold else TransitionReleased
            # Recorded first: what the release leads to comes after it in the journal.
            self._record(event(now, rental.account, rental.rental_id, command.to))
            if not command.hold:
                self._settle_released(rental, command)
        elif command.to == "terminated":
            self._rentals.end(rental, "operator")
        else:
            self._schedule.cancel(rental.ready_ticket)
            self._rentals.start(rental, "operator")

    def _settle_released(self, rental: Rental, command: MoveRental) -> None:
        """Let happen what a released rental was held back from."""
        if command.to == "terminated":
            if rental.held_delete_ms is not None:
                self._rentals.end(rental, "deleted")
        elif rental.is_due:
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

    # Interruptions

    def check_interrupt(self, rental: Rental, wanted: ScriptedInterruption) -> None:
        """Raises RentalNotInState where the rental is over, or has no scripted interruption to withdraw."""
        self._rentals.check_live(rental)
        if wanted.withdraw and rental.forced_end_ms is None:
            raise RentalNotInState("no scripted interruption of the rental is to come; the market withdraws none")

    def is_interrupted_earlier(self, rental: Rental, wanted: ScriptedInterruption) -> bool:
        """True where the end of a scripted interruption that the rental was notified of comes no later than this."""
        if rental.forced_end_ms is None or wanted.false_alarm or wanted.withdraw:
            return False
        return rental.forced_end_ms <= self._interrupts_at_ms(rental, wanted)

    def interrupt(self, rental: Rental, wanted: ScriptedInterruption) -> None:
        """Interrupt a live rental, now or at the end of a notice; give it a false alarm, or withdraw its notice."""
        interruptions = self._rentals.interruptions
        at_ms = self._interrupts_at_ms(rental, wanted)
        if wanted.withdraw:
            interruptions.withdraw(rental)
        elif wanted.false_alarm:
            interruptions.notices.alarm(rental, at_ms)
        elif at_ms == self._schedule.now_ms:
            self._rentals.end(rental, "interrupted", "forced")
        elif not self.is_interrupted_earlier(rental, wanted):
            interruptions.notices.script(rental, at_ms)

    def interrupt_drawn(self, act: InterruptAct, offers: Iterable[Offer]) -> None:
        """Interrupt as many of the live rentals on these offers as the act says, those with the lowest draws."""
        names = {offer.name for offer in offers}
        drawn: list[tuple[int, str]] = []
        for rental in self._rentals.live():
            if rental.offer.name in names and (rental.forced_end_ms is not None or not act.withdraw):
                key = stream(self._seed, f"forced/{rental.name}")
                drawn.append((draw(key, rental.mass_interrupts_met), rental.rental_id))
                rental.mass_interrupts_met += 1
        for _, id_ in sorted(drawn)[: act.number_of(len(drawn))]:
            self.interrupt(self._rentals.by_id[id_], act.interruption)

    def interrupt_all(self, wanted: ScriptedInterruption, offers: Iterable[Offer]) -> None:
        """Interrupt all rentals on these offers, in the order of the rents, without any draw."""
        for rental in self._live_on(offers):
            self.interrupt(rental, wanted)

    def _interrupts_at_ms(self, rental: Rental, wanted: ScriptedInterruption) -> int:
        if wanted.notice is not None:
            return self._schedule.now_ms + wanted.notice
        return self._schedule.now_ms + self._rentals.interruptions.notices.ahead_ms(rental.offer)

    def _live_on(self, offers: Iterable[Offer]) -> list[Rental]:
        names = {offer.name for offer in offers}
        return [rental for rental in self._rentals.live_in_order() if rental.offer.name in names]
