"""When the market takes a running rental's GPUs back: by its own hazard, or by what strikes its whole offer.

A strike is drawn as long before it happens as a notice is, so that the notice can come first. What runs then, and what
begins to run in between, knows when it will fall and is told of that a notice ahead, or at once where it is too late.
Whether a rental falls to a strike is its own luck (`hit/<rental>`), and so is how long after it (`spread/<rental>`).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import Struct

from ..events import Cause, Event, InterruptionNotified
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
from .exposure import UNTOUCHED, AnnouncedShock, ExposureState, OfferExposure
from .hazard import Hazard, ShockClock, hazard, is_hit, own_delay_ms
from .rental import Rental

_OF_AVAILABILITY = (Priority.STRESS, Priority.GROUP_SHOCK, Priority.AVAILABILITY, Priority.AVAILABILITY_SHOWN)


class InterruptionsState(Struct, frozen=True):
    """What a snapshot holds: of each offer in the catalogue's order, and of what makes offers go down."""

    offers: tuple[ExposureState, ...]
    realistic: RealisticAvailabilityState
    recorded: tuple[tuple[Natural, Natural], ...]


class Interruptions:
    """What the market will take back, and when. `take` ends a rental for it."""

    def __init__(
        self,
        market: Market,
        settings: MarketSettings,
        seed: int,
        schedule: Schedule,
        record: Callable[[Event], None],
        take: Callable[[Rental, Cause], None],
    ) -> None:
        self._market = market
        self._seed = seed
        self._schedule = schedule
        self._record = record
        self._take = take
        self._spread_ms = int(settings.interruptions.spread)
        self._notices = settings.notices
        self._realistic = RealisticAvailability(market, settings, seed, schedule, self._pool_is_struck)
        self._recorded = RecordedAvailability(market, settings, schedule, self._loses)
        self._settings = settings.interruptions
        self._exposures: dict[str, OfferExposure] = {}
        schedule.on(Priority.SHOCK, self._strikes)
        schedule.on(Priority.OWN_INTERRUPTION, self._own_interruption)
        schedule.on(Priority.SPREAD_INTERRUPTION, self._falls)
        schedule.on(Priority.NOTICE, self._notifies)
        for offer in market.offers:
            if self._realistic.lost_per_hour(offer) is None:  # the others go down instead of meeting shocks
                self._await_shock(self._of(offer), schedule.now_ms)

    def _of(self, offer: Offer) -> OfferExposure:
        """What is known of an offer, from the first time on that anybody wants to know."""
        exposure = self._exposures.get(offer.name)
        if exposure is None:
            shocks = ShockClock(stream(self._seed, f"shock/{offer.name}"), self._hazard(offer), self._settings.severity)
            notice_ms = int(self._notices.of(offer.spec.provider_id, offer.spec.provider_class))
            exposure = self._exposures[offer.name] = OfferExposure(offer, shocks, notice_ms)
        return exposure

    def _hazard(self, offer: Offer) -> Hazard:
        probability_ppm, lost = offer.spec.interruption_probability, self._realistic.lost_per_hour(offer)
        if lost is not None:
            taken_mean_ms = HOUR_MS / (lost * self._settings.severity.mean)
            return Hazard(self._settings.own_mean_ms(probability_ppm, lost), None, taken_mean_ms)
        return hazard(0 if self._recorded.has(offer) else probability_ppm, self._settings)

    def begins(self, rental: Rental) -> None:
        """The rental runs from now on: its hazard counts."""
        now, exposure = self._schedule.now_ms, self._of(rental.offer)
        exposure.running[rental.rental_id] = rental
        own = own_delay_ms(stream(self._seed, f"own/{rental.name}"), exposure.shocks.hazard, self._spread_ms)
        if own is not None:
            rental.tickets += (self._schedule.at(now + own, Priority.OWN_INTERRUPTION, rental),)
        if exposure.notice_ms:
            self._foresee(exposure, rental, None if own is None else now + own)

    def has_room(self, rental: Rental) -> bool:
        """Whether a rental can begin to run: a trace may say that its GPUs are not there."""
        if not self._recorded.has(rental.offer):
            return True
        running = self._of(rental.offer).running.values()
        return self._recorded.has_room(rental.offer, rental.command.gpu_count + _gpus(running))

    def keeps_gpus(self, offer: Offer, cause: Cause | None) -> bool:
        """Whether the market keeps what it takes back for a while; a trace itself says what is there."""
        return cause != "shock" or not self._recorded.has(offer)

    def over(self, rental: Rental) -> None:
        """The rental has ended."""
        self._of(rental.offer).running.pop(rental.rental_id, None)

    def close(self) -> None:
        """Nothing is taken back any more; whoever would do it is let go of."""
        self._take = _take_nothing
        self._realistic.close()
        self._recorded.close()

    # What strikes

    def _await_shock(self, exposure: OfferExposure, since_ms: int) -> None:
        """The shock after that of an instant, if the offer is always there. It is drawn as soon as that one is told of,
        so that it can be told of in time itself, however soon it follows."""
        delay = exposure.shocks.delay_ms()
        if delay is not None:
            self._expect(exposure, since_ms + delay)

    def _pool_is_struck(self, offer: Offer) -> None:
        exposure = self._of(offer)
        self._expect(exposure, self._schedule.now_ms + exposure.notice_ms)

    def _loses(self, offer: Offer, loss: Loss) -> None:
        exposure = self._of(offer)
        self._await(exposure, AnnouncedShock(loss.at_ms, exposure.shocks.number(), loss.severity_ppm, loss.left))

    def _expect(self, exposure: OfferExposure, at_ms: int) -> None:
        self._await(exposure, AnnouncedShock(at_ms, *exposure.shocks.strike()))

    def _await(self, exposure: OfferExposure, strike: AnnouncedShock) -> None:
        at_ms = strike.at_ms
        exposure.coming.append(strike)
        self._schedule.at(at_ms, Priority.SHOCK, exposure)
        if exposure.notice_ms:
            told = max(self._schedule.now_ms, at_ms - exposure.notice_ms)
            self._schedule.at(told, Priority.NOTICE, exposure)

    def _strikes(self, exposure: OfferExposure) -> None:
        strike = (exposure.told if exposure.notice_ms else exposure.coming).pop(0)
        self._market.shock_struck(exposure.offer, strike.shock, strike.severity_ppm)
        for rental in self._hit(strike, tuple(exposure.running.values())):
            self._take_at(self._interrupts_at_ms(strike, rental), rental)
        if not exposure.notice_ms:
            self._await_shock(exposure, strike.at_ms)

    def _take_at(self, due_ms: int, rental: Rental) -> None:
        if due_ms > self._schedule.now_ms:
            rental.tickets += (self._schedule.at(due_ms, Priority.SPREAD_INTERRUPTION, rental),)
        else:
            self._take(rental, "shock")

    def _falls(self, rental: Rental) -> None:
        self._take(rental, "shock")

    def _own_interruption(self, rental: Rental) -> None:
        self._take(rental, "own")

    # Notices

    def _notifies(self, subject: "Rental | OfferExposure") -> None:
        """The time has come to tell of a rental's end, or of the offer's next strike that was not told of."""
        if isinstance(subject, Rental):
            self._notify(subject)
            return
        strike = subject.coming.pop(0)
        subject.told.append(strike)
        self._tell(subject, strike)
        self._await_shock(subject, strike.at_ms)

    def _tell(self, exposure: OfferExposure, strike: AnnouncedShock) -> None:
        for rental in self._hit(strike, tuple(exposure.running.values())):
            self._will_fall(exposure, rental, self._interrupts_at_ms(strike, rental))

    def _foresee(self, exposure: OfferExposure, rental: Rental, interrupts_at_ms: int | None) -> None:
        """What is known of the end of a rental that begins to run: its own, or a strike that was told of already. One
        that comes only after an end that is known brings no earlier one."""
        for strike in exposure.told:
            if strike.left is not None:
                self._tell(exposure, strike)
            elif interrupts_at_ms is not None and interrupts_at_ms <= strike.at_ms:
                break
            elif self._hit(strike, (rental,)):
                at_ms = self._interrupts_at_ms(strike, rental)
                interrupts_at_ms = at_ms if interrupts_at_ms is None else min(interrupts_at_ms, at_ms)
        if interrupts_at_ms is not None:
            self._will_fall(exposure, rental, interrupts_at_ms)

    def _will_fall(self, exposure: OfferExposure, rental: Rental, at_ms: int) -> None:
        """A rental's end is known: tell of it a notice ahead, or now if it is too late for that. Only the earliest one
        is news."""
        if rental.interrupts_at_ms is not None and rental.interrupts_at_ms <= at_ms:
            return
        rental.interrupts_at_ms = at_ms
        if at_ms - exposure.notice_ms > self._schedule.now_ms:
            rental.tickets += (self._schedule.at(at_ms - exposure.notice_ms, Priority.NOTICE, rental),)
        else:
            self._notify(rental)

    def _notify(self, rental: Rental) -> None:
        """Tell a rental of its end, unless it was told of that."""
        if rental.interrupts_ms != rental.interrupts_at_ms:
            assert rental.interrupts_at_ms is not None
            now = self._schedule.now_ms
            rental.noticed_ms, rental.interrupts_ms = now, rental.interrupts_at_ms
            self._record(InterruptionNotified(now, rental.account, rental.rental_id, rental.interrupts_at_ms))

    def _hit(self, strike: AnnouncedShock, rentals: Iterable[Rental]) -> list[Rental]:
        """Those of the rentals that fall to a strike; where GPUs are counted, `rentals` are all that run."""
        if strike.left is not None:
            return self._too_many(strike, strike.left, rentals)
        return [
            rental
            for rental in rentals
            if is_hit(stream(self._seed, f"hit/{rental.name}"), strike.shock, strike.severity_ppm)
        ]

    def _too_many(self, strike: AnnouncedShock, left: int, rentals: Iterable[Rental]) -> list[Rental]:
        """Those for whom no GPUs are left: whoever was told so, then those with the lowest draws."""
        there = [each for each in rentals if each.interrupts_ms is None or each.interrupts_ms >= strike.at_ms]
        fallen = [each for each in there if each.interrupts_ms == strike.at_ms]
        others = [each for each in there if each.interrupts_ms != strike.at_ms]
        others.sort(key=lambda each: (draw(stream(self._seed, f"hit/{each.name}"), strike.shock), each.number))
        too_many = _gpus(others) - left
        for rental in others:
            if too_many <= 0:
                break
            too_many -= rental.command.gpu_count
            fallen.append(rental)
        return fallen

    def _interrupts_at_ms(self, strike: AnnouncedShock, rental: Rental) -> int:
        """When a rental falls to a strike that hits it."""
        if not self._spread_ms or self._recorded.has(rental.offer):  # a trace itself says when
            return strike.at_ms
        drawn = draw(stream(self._seed, f"spread/{rental.name}"), strike.shock)
        return strike.at_ms + int(uniform(drawn) * (self._spread_ms + 1))

    # Snapshots

    def state(self) -> InterruptionsState:
        """What a snapshot holds of it."""
        return InterruptionsState(
            offers=tuple(map(self._state_of, self._market.offers)),
            realistic=self._realistic.state(),
            recorded=self._recorded.state(),
        )

    def restore(self, state: InterruptionsState, rentals: Mapping[str, Rental], awaited: AwaitedEvents) -> None:
        """Be as the state says; `rentals` are all that there are, by their ids. Raises ValueError where it never is
        so."""
        left = {id_: rental for id_, rental in rentals.items() if rental.status == "running"}
        for offer, told in zip(self._market.offers, state.offers, strict=True):
            if told == UNTOUCHED and offer.name not in self._exposures:
                continue
            self._of(offer).restore(told, left, awaited)
            if offer.is_down and self._realistic.lost_per_hour(offer) is None and not self._recorded.has(offer):
                raise ValueError(f"{offer.name} is always there, and yet it is down")
        if left:
            raise ValueError(f"{next(iter(left))} runs, and on no offer")
        for rental in rentals.values():
            notice_ms = self._of(rental.offer).notice_ms
            if (rental.interrupts_ms or 0) > (rental.noticed_ms or 0) + notice_ms:
                raise ValueError(f"{rental.rental_id} was told too early when it will be interrupted")
        self._realistic.restore(state.realistic, awaited)
        self._recorded.restore(state.recorded, awaited)

    def _state_of(self, offer: Offer) -> ExposureState:
        exposure = self._exposures.get(offer.name)
        return UNTOUCHED if exposure is None else exposure.state()

    def name_subject(self, priority: int, subject: Any) -> Subject:
        """What a snapshot calls the subject of an event that is about an offer or a stress."""
        name: str = subject.name
        return (name, 0) if priority == Priority.NOTICE else name

    def find_subject(self, priority: int, name: Subject) -> object | None:
        """The inverse of `name_subject`; None where it is about no offer."""
        if priority == Priority.NOTICE and isinstance(name, tuple):
            return self._of(self._market.named(str(name[0])))
        if priority == Priority.SHOCK:
            return self._of(self._market.named(str(name)))
        if priority not in _OF_AVAILABILITY:
            return None
        return self._recorded.find_subject(name) or self._realistic.find_subject(priority, name)


def _gpus(rentals: Iterable[Rental]) -> int:
    return sum(rental.command.gpu_count for rental in rentals)


def _take_nothing(rental: Rental, cause: Cause) -> None:
    raise AssertionError(f"{rental.name} was taken back after the end")
