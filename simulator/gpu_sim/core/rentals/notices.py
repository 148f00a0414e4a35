"""Interruption notices: each tells a rental when the market will take its GPUs back.

A notice names the earliest end that is known as it is given; one of a later end is not given. So a rental has a second
notice only where an earlier end has become known, or where the earlier one was withdrawn. An end drawn by the market
is told a provider's notice ahead; an act or an operator may name another notice, give a false alarm, or withdraw.
"""

from collections.abc import Callable

from ..events import Event, InterruptionNotified, InterruptionWithdrawn
from ..kernel.schedule import NO_TICKET, Priority, Schedule
from ..market.offer import Offer
from ..scenario.market_settings import NoticeSettings
from .rental import Rental


class Notices:
    """Gives and withdraws the notices of rentals. What is known of a rental's end is in the rental itself."""

    def __init__(self, settings: NoticeSettings, schedule: Schedule, record: Callable[[Event], None]) -> None:
        self._settings = settings
        self._schedule = schedule
        self._record = record

    def ahead_ms(self, offer: Offer) -> int:
        """The time from an offer's notice to the interruption, as its provider gives it; 0 for one that gives none."""
        return int(self._settings.of(offer.spec.provider_id, offer.spec.provider_class))

    # Ends that the market draws

    def foresee(self, rental: Rental, at_ms: int, ahead_ms: int) -> None:
        """Remember the end that is drawn for a rental if none is known that comes earlier, and notify it of that so
        long ahead, or now if it is too late for that."""
        if rental.foreseen_end_ms is not None and rental.foreseen_end_ms <= at_ms:
            return
        rental.foreseen_end_ms = at_ms
        if at_ms - ahead_ms > self._schedule.now_ms:
            rental.tickets += (self._schedule.at(at_ms - ahead_ms, Priority.NOTICE, rental),)
        else:
            self.give(rental)

    def give(self, rental: Rental) -> None:
        """Notify a rental of its drawn end, unless the last notice named it, or a scripted end comes earlier."""
        end_ms, forced_ms = rental.foreseen_end_ms, rental.forced_end_ms
        assert end_ms is not None
        if rental.interrupts_ms != end_ms and (forced_ms is None or forced_ms >= end_ms):
            self._notify(rental, end_ms)

    # Ends by acts and operators

    def script(self, rental: Rental, at_ms: int) -> None:
        """Interrupt a rental then, instead of at the later end that may be scripted already, and notify it now."""
        assert rental.forced_end_ms is None or at_ms < rental.forced_end_ms
        self._schedule.cancel(rental.forced_ticket)
        rental.forced_ticket = self._schedule.at(at_ms, Priority.FORCED_INTERRUPTION, rental)
        rental.forced_end_ms = at_ms
        if not self._is_told_of_draw(rental, by_ms=at_ms):
            self._notify(rental, at_ms)

    def alarm(self, rental: Rental, at_ms: int) -> None:
        """Notify a rental of an end that will not come, unless it was notified of an earlier one that will."""
        forced_ms = rental.forced_end_ms
        if not self._is_told_of_draw(rental, by_ms=at_ms) and (forced_ms is None or forced_ms > at_ms):
            self._notify(rental, at_ms)

    def withdraw(self, rental: Rental) -> None:
        """Call the scripted end of a rental off, and with it its notice. A drawn end that this had kept from being told
        is told now."""
        end_ms = rental.forced_end_ms
        assert end_ms is not None
        self._schedule.cancel(rental.forced_ticket)
        rental.forced_ticket, rental.forced_end_ms = NO_TICKET, None
        self._record(InterruptionWithdrawn(self._schedule.now_ms, rental.account, rental.rental_id, end_ms))
        if rental.interrupts_ms == end_ms:
            rental.noticed_ms = rental.interrupts_ms = None
            if self._is_told_of_draw(rental):
                self.give(rental)

    def _is_told_of_draw(self, rental: Rental, *, by_ms: int | None = None) -> bool:
        """True once the time has come to tell a rental of its drawn end, and that lies at or before `by_ms`."""
        end_ms = rental.foreseen_end_ms
        if end_ms is None or (by_ms is not None and end_ms > by_ms):
            return False
        return end_ms - self.ahead_ms(rental.offer) <= self._schedule.now_ms

    def _notify(self, rental: Rental, end_ms: int) -> None:
        now = self._schedule.now_ms
        rental.noticed_ms, rental.interrupts_ms = now, end_ms
        self._record(InterruptionNotified(now, rental.account, rental.rental_id, end_ms))
