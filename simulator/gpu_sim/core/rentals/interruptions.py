"""Interruptions of running rentals: by a rental's own hazard, or by a shock that hits its whole offer.

A shock is drawn a notice ahead of the time at which it hits, so that the notices can be given in time. A rental that
runs then, or begins to run in between, knows its end: it is notified a notice ahead, or at once where it is too late
for that. Each rental's own luck decides if a shock hits it (`hit/<rental>`) and how long after the shock it is
interrupted (`spread/<rental>`).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import Struct

from ..events import Cause, Event
from ..kernel.awaited_events import AwaitedEvents
from ..kernel.clock import HOUR_MS
from ..kernel.numerics import uniform
from ..kernel.quantities import Natural
from ..kernel.randomness import draw, stream
from ..kernel.schedule import Priority, Schedule, Subject
from ..market.availability import RealisticAvailability, RealisticAvailabilityState
from ..market.market import Market
from ..market.offer import Offer
from ..market.recorded_availability import Loss, RecordedAvailability
from ..scenario.market_settings import MarketSettings
from ..scenario.scripted_interruptions import NOTICE_MS_MAX
from .exposure import UNTOUCHED, ExposureState, OfferExposure, UpcomingShock
from .hazard import Hazard, ShockClock, hazard, is_hit, own_delay_ms
from .notices import Notices
from .rental import Rental

_OF_AVAILABILITY = (Priority.STRESS, Priority.GROUP_SHOCK, Priority.AVAILABILITY, Priority.AVAILABILITY_SHOWN)


class InterruptionsState(Struct, frozen=True):
    """Their part of a snapshot: each offer's in the catalogue's order, and that of each source of shocks."""

    offers: tuple[ExposureState, ...]
    realistic: RealisticAvailabilityState
    recorded: tuple[tuple[Natural, Natural], ...]


class Interruptions:
    """Decides which running rentals the market interrupts, and when. `interrupt` ends a rental for it."""

    def __init__(
        self,
        market: Market,
        settings: MarketSettings,
        seed: int,
        schedule: Schedule,
        record: Callable[[Event], None],
        interrupt: Callable[[Rental, Cause], None],
    ) -> None:
        self._market = market
        self._seed = seed
        self._schedule = schedule
        self._interrupt = interrupt
        self._spread_ms = int(settings.interruptions.spread)
        self.notices = Notices(settings.notices, schedule, record)
        # Both handle the events of availability, and a mode gives offers to one of them at the most: `Schedule.on`
        # asserts that a kind of event has one handler.
        self._realistic = RealisticAvailability(market, settings, seed, schedule, self._on_interruption)
        self._recorded = RecordedAvailability(market, settings, seed, schedule, self._on_loss)
        self._settings = settings.interruptions
        self._exposures: dict[str, OfferExposure] = {}
        schedule.on(Priority.SHOCK, self._shock_hits)
        schedule.on(Priority.OWN_INTERRUPTION, self._own_interruption)
        schedule.on(Priority.SPREAD_INTERRUPTION, self._spread_interruption)
        schedule.on(Priority.FORCED_INTERRUPTION, self._forced_interruption)
        schedule.on(Priority.NOTICE, self._notice_is_due)
        # Last: the hazard of an offer depends on the availability that it has.
        for offer in market.offers:
            if self._realistic.lost_per_hour(offer) is None:  # the others go down instead of meeting shocks
                self._draw_next_shock(self._exposure_of(offer), schedule.now_ms)

    def _exposure_of(self, offer: Offer) -> OfferExposure:
        """The exposure of an offer, made at its first use: most of a large catalogue is never rented."""
        exposure = self._exposures.get(offer.name)
        if exposure is None:
            shocks = ShockClock(stream(self._seed, f"shock/{offer.name}"), self._hazard(offer), self._settings.severity)
            exposure = self._exposures[offer.name] = OfferExposure(offer, shocks, self.notices.ahead_ms(offer))
        return exposure

    def _hazard(self, offer: Offer) -> Hazard:
        probability_ppm, lost = offer.spec.interruption_probability, self._realistic.lost_per_hour(offer)
        if lost is not None:
            shared_mean_ms = HOUR_MS / (lost * self._settings.severity.mean)
            return Hazard(self._settings.own_mean_ms(probability_ppm, lost), None, shared_mean_ms)
        # A trace says all: whatever the offer advertises, it adds no interruptions of its own.
        return hazard(0 if self._recorded.has(offer) else probability_ppm, self._settings)

    def begin(self, rental: Rental) -> None:
        """Expose a rental that begins to run now."""
        now, exposure = self._schedule.now_ms, self._exposure_of(rental.offer)
        # Before its end is foreseen: where a trace counts GPUs, the newcomer is one of those that compete for them.
        exposure.running[rental.rental_id] = rental
        own = own_delay_ms(stream(self._seed, f"own/{rental.name}"), exposure.shocks.hazard, self._spread_ms)
        if own is not None:
            rental.tickets += (self._schedule.at(now + own, Priority.OWN_INTERRUPTION, rental),)
        if exposure.notice_ms:
            self._foresee_end(exposure, rental, None if own is None else now + own)

    def has_room(self, rental: Rental) -> bool:
        """False where a trace says that the GPUs for a rental are not there, so that it cannot begin to run."""
        if not self._recorded.has(rental.offer):
            return True
        running = self._exposure_of(rental.offer).running.values()
        return self._recorded.has_room(rental.offer, rental.command.gpu_count + _gpus(running))

    def reclaims_gpus(self, offer: Offer, cause: Cause | None) -> bool:
        """True where interrupted GPUs stay out of the market for a while. A trace itself says what is there."""
        return cause != "shock" or not self._recorded.has(offer)

    def forget(self, rental: Rental) -> None:
        """Expose a rental no more, for it has ended."""
        self._exposure_of(rental.offer).running.pop(rental.rental_id, None)

    def withdraw(self, rental: Rental) -> None:
        """Call the scripted interruption of a rental off."""
        self.notices.withdraw(rental)
        if rental.running_ms is not None:
            # It competes again for the GPUs that a trace has left: the ends of all are looked at anew.
            self._announce_counted(self._exposure_of(rental.offer))

    def close(self) -> None:
        """Interrupt nothing any more, and drop the references to whoever would."""
        self._interrupt = _interrupt_nothing
        self._realistic.close()
        self._recorded.close()

    # Shocks

    def _draw_next_shock(self, exposure: OfferExposure, since_ms: int) -> None:
        """Draw the shock after one at `since_ms`, if the offer has shocks. With notices that is done when the earlier
        one is announced, so that the next can be announced in time, however soon it follows."""
        delay = exposure.shocks.delay_ms()
        if delay is not None:
            self._draw_shock(exposure, since_ms + delay)

    def _on_interruption(self, offer: Offer) -> None:
        exposure = self._exposure_of(offer)
        self._draw_shock(exposure, self._schedule.now_ms + exposure.notice_ms)

    def _on_loss(self, offer: Offer, loss: Loss) -> None:
        exposure = self._exposure_of(offer)
        shock = UpcomingShock(loss.at_ms, exposure.shocks.next_number(), loss.severity_ppm, loss.left)
        self._await_shock(exposure, shock)

    def _draw_shock(self, exposure: OfferExposure, at_ms: int) -> None:
        self._await_shock(exposure, UpcomingShock(at_ms, *exposure.shocks.draw_shock()))

    def _await_shock(self, exposure: OfferExposure, shock: UpcomingShock) -> None:
        exposure.unannounced.append(shock)
        self._schedule.at(shock.at_ms, Priority.SHOCK, exposure)
        if exposure.notice_ms:
            notice_at_ms = max(self._schedule.now_ms, shock.at_ms - exposure.notice_ms)
            self._schedule.at(notice_at_ms, Priority.NOTICE, exposure)

    def _shock_hits(self, exposure: OfferExposure) -> None:
        shock = (exposure.announced if exposure.notice_ms else exposure.unannounced).pop(0)
        # Before the interruptions: the journal gives the cause first.
        self._market.shock_struck(exposure.offer, shock.shock, shock.severity_ppm)
        # A copy: each interruption takes its rental out of those that run.
        for rental in self._hit_by(shock, tuple(exposure.running.values())):
            self._interrupt_at(self._interrupts_at_ms(shock, rental), rental)
        if not exposure.notice_ms:
            self._draw_next_shock(exposure, shock.at_ms)

    def _interrupt_at(self, due_ms: int, rental: Rental) -> None:
        if due_ms > self._schedule.now_ms:
            rental.tickets += (self._schedule.at(due_ms, Priority.SPREAD_INTERRUPTION, rental),)
        else:
            self._interrupt(rental, "shock")

    def _spread_interruption(self, rental: Rental) -> None:
        self._interrupt(rental, "shock")

    def _own_interruption(self, rental: Rental) -> None:
        self._interrupt(rental, "own")

    def _forced_interruption(self, rental: Rental) -> None:
        self._interrupt(rental, "forced")

    # Notices

    def _notice_is_due(self, subject: "Rental | OfferExposure") -> None:
        """Notify a rental of its end, or announce the next unannounced shock of an offer."""
        if isinstance(subject, Rental):
            self.notices.give(subject)
            return
        shock = subject.unannounced.pop(0)
        subject.announced.append(shock)
        self._announce(subject, shock)
        # Last: at one instant notices come in the order in which they were scheduled, those of this shock first.
        self._draw_next_shock(subject, shock.at_ms)

    def _announce(self, exposure: OfferExposure, shock: UpcomingShock) -> None:
        for rental in self._hit_by(shock, tuple(exposure.running.values())):
            self.notices.foresee(rental, self._interrupts_at_ms(shock, rental), exposure.notice_ms)

    def _announce_counted(self, exposure: OfferExposure) -> None:
        """Announce the announced shocks of a trace that counts GPUs anew, since others may run by now."""
        for shock in exposure.announced:
            if shock.left is not None:
                self._announce(exposure, shock)

    def _foresee_end(self, exposure: OfferExposure, rental: Rental, interrupts_at_ms: int | None) -> None:
        """Find the end of a rental that begins to run: its own interruption, or an announced shock that hits it."""
        # The newcomer may take the place of another, so that the ends of all are looked at again.
        self._announce_counted(exposure)
        for shock in exposure.announced:
            if shock.left is not None:
                continue
            if interrupts_at_ms is not None and interrupts_at_ms <= shock.at_ms:
                break  # shocks are in order: no later one brings an earlier end
            if self._hit_by(shock, (rental,)):
                at_ms = self._interrupts_at_ms(shock, rental)
                interrupts_at_ms = at_ms if interrupts_at_ms is None else min(interrupts_at_ms, at_ms)
        if interrupts_at_ms is not None:
            self.notices.foresee(rental, interrupts_at_ms, exposure.notice_ms)

    def _hit_by(self, shock: UpcomingShock, rentals: Iterable[Rental]) -> list[Rental]:
        """The rentals that a shock hits. Where a trace counts GPUs, `rentals` must be all that run on the offer."""
        if shock.left is not None:
            return self._without_gpus(shock, shock.left, rentals)
        return [
            rental
            for rental in rentals
            if is_hit(stream(self._seed, f"hit/{rental.name}"), shock.shock, shock.severity_ppm)
        ]

    def _without_gpus(self, shock: UpcomingShock, left: int, rentals: Iterable[Rental]) -> list[Rental]:
        """The rentals for which no GPUs are left: those that are known to end then, then those with the lowest
        draws."""
        present = [each for each in rentals if each.known_end_ms is None or each.known_end_ms >= shock.at_ms]
        hit = [each for each in present if each.known_end_ms == shock.at_ms]
        others = [each for each in present if each.known_end_ms != shock.at_ms]
        others.sort(key=lambda each: (draw(stream(self._seed, f"hit/{each.name}"), shock.shock), each.number))
        excess = _gpus(others) - left
        for rental in others:
            if excess <= 0:
                break
            excess -= rental.command.gpu_count
            hit.append(rental)
        return hit

    def _interrupts_at_ms(self, shock: UpcomingShock, rental: Rental) -> int:
        """When a shock that hits a rental interrupts it."""
        if not self._spread_ms or self._recorded.has(rental.offer):  # a trace itself says when
            return shock.at_ms
        drawn = draw(stream(self._seed, f"spread/{rental.name}"), shock.shock)
        return shock.at_ms + int(uniform(drawn) * (self._spread_ms + 1))

    # Snapshots

    def state(self) -> InterruptionsState:
        """Their part of a snapshot."""
        return InterruptionsState(
            offers=tuple(map(self._state_of, self._market.offers)),
            realistic=self._realistic.state(),
            recorded=self._recorded.state(),
        )

    def restore(self, state: InterruptionsState, rentals: Mapping[str, Rental], awaited: AwaitedEvents) -> None:
        """Restore from `state`; `rentals` are all rentals by their ids. Raises ValueError if no run leads there."""
        left = {id_: rental for id_, rental in rentals.items() if rental.status == "running"}
        for offer, saved in zip(self._market.offers, state.offers, strict=True):
            if saved == UNTOUCHED and offer.name not in self._exposures:
                continue
            self._exposure_of(offer).restore(saved, left, awaited)
            if offer.is_down and self._realistic.lost_per_hour(offer) is None and not self._recorded.has(offer):
                raise ValueError(f"{offer.name} is always there, and yet it is down")
        if left:
            raise ValueError(f"{next(iter(left))} runs, and on no offer")
        for rental in rentals.values():
            # A provider's own notice is shorter than the longest that an act or operator can give.
            if (rental.interrupts_ms or 0) > (rental.noticed_ms or 0) + NOTICE_MS_MAX:
                raise ValueError(f"{rental.rental_id} was notified too early of its interruption")
        self._realistic.restore(state.realistic, awaited)
        self._recorded.restore(state.recorded, awaited)

    def _state_of(self, offer: Offer) -> ExposureState:
        exposure = self._exposures.get(offer.name)
        return UNTOUCHED if exposure is None else exposure.state()

    def name_subject(self, priority: int, subject: Any) -> Subject:
        """Name the subject of an event about an offer or a stress for a snapshot."""
        name: str = subject.name
        # A pair: the notice of an offer must differ from that of a rental, whose subject is its id.
        return (name, 0) if priority == Priority.NOTICE else name

    def find_subject(self, priority: int, name: Subject) -> object | None:
        """The inverse of `name_subject`; None for an event about no offer."""
        if priority == Priority.NOTICE and isinstance(name, tuple):
            return self._exposure_of(self._market.named(str(name[0])))
        if priority == Priority.SHOCK:
            return self._exposure_of(self._market.named(str(name)))
        if priority not in _OF_AVAILABILITY:
            return None
        return self._recorded.find_subject(name) or self._realistic.find_subject(priority, name)


def _gpus(rentals: Iterable[Rental]) -> int:
    return sum(rental.command.gpu_count for rental in rentals)


def _interrupt_nothing(rental: Rental, cause: Cause) -> None:
    raise AssertionError(f"{rental.name} was interrupted after the end")
