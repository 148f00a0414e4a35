"""When the market takes a running rental's GPUs back: by its own hazard, or by what strikes its whole offer.

A strike is drawn as long before it happens as a notice is, so that the notice can come first. What runs then, and what
begins to run in between, knows when it will fall and is told of that a notice ahead, or at once where it is too late.
Whether a rental falls to a strike is its own luck (`hit/<rental>`), and so is how long after it (`spread/<rental>`).
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct

from .events import Cause, Event, InterruptionNotified
from .interruptions import Hazard, ShockClock, hazard, is_hit, own_delay_ms
from .market_settings import MarketSettings
from .numerics import uniform
from .offer import Offer
from .offers import Market
from .pools import Pools, PoolsState
from .randomness import draw, stream
from .rental import Rental
from .replayed_offers import Loss, ReplayedOffers
from .schedule import Priority, Schedule, Subject

_OF_POOLS = (Priority.STRESS, Priority.GROUP_SHOCK, Priority.POOL, Priority.SHOWN)


class Strike(Struct, frozen=True, gc=False, array_like=True):
    """An offer's rentals will be struck: when, the number of the shock, and the share of them that falls; or how many
    GPUs are `left` to them, where a trace counts those."""

    at_ms: int
    shock: int
    severity_ppm: int
    left: int | None = None


class Exposed(Struct, eq=False):
    """An offer, what it exposes its rentals to, those that run, and the strikes to come, next first: those that were
    `told` of, and those behind them that were not."""

    offer: Offer
    hazard: Hazard
    shocks: ShockClock
    notice_ms: int
    running: dict[str, Rental]
    told: deque[Strike]
    coming: deque[Strike]

    @property
    def name(self) -> str:
        """That of the offer."""
        return self.offer.name


class ExposedState(Struct, frozen=True, array_like=True):
    """An offer's counters of shocks, the ids of what runs in the order in which it began to, the strikes to come."""

    draws: int
    index: int
    running: tuple[str, ...]
    told: tuple[Strike, ...]
    coming: tuple[Strike, ...]


class TakeBacksState(Struct, frozen=True):
    """What a snapshot holds: of each offer in the catalogue's order, and of what makes offers go down."""

    offers: tuple[ExposedState, ...]
    pools: PoolsState
    replayed: tuple[tuple[int, int], ...]


class TakeBacks:
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
        providers = {(offer.spec.provider_id, offer.spec.provider_class) for offer in market.offers}
        self._lead_ms = max((int(settings.notices.of(*each)) for each in sorted(providers)), default=0)
        self._pools = Pools(market, settings, seed, schedule, self._pool_is_struck, self._lead_ms)
        self._replayed = ReplayedOffers(market, settings, schedule, self._loses)
        self._by_offer = {offer.name: self._expose(offer, settings) for offer in market.offers}
        schedule.on(Priority.SHOCK, self._strikes)
        schedule.on(Priority.OWN_INTERRUPTION, self._own_interruption)
        schedule.on(Priority.TAKE_BACK, self._falls)
        schedule.on(Priority.NOTICE, self._notifies)
        for exposed in self._by_offer.values():
            self._await_shock(exposed, schedule.now_ms)

    def _expose(self, offer: Offer, settings: MarketSettings) -> Exposed:
        probability_ppm, lost = offer.spec.interruption_probability, self._pools.lost_per_hour(offer)
        rates = hazard(0 if self._replayed.has(offer) else probability_ppm, settings.interruptions)
        if lost is not None:  # it goes down instead of meeting shocks
            rates = Hazard(settings.interruptions.own_mean_ms(probability_ppm, lost), None)
        shocks = ShockClock(stream(self._seed, f"shock/{offer.name}"), rates, settings.interruptions.severity)
        notice_ms = int(settings.notices.of(offer.spec.provider_id, offer.spec.provider_class))
        return Exposed(offer, rates, shocks, notice_ms, {}, deque(), deque())

    def begins(self, rental: Rental) -> None:
        """The rental runs from now on: its hazard counts."""
        now, exposed = self._schedule.now_ms, self._by_offer[rental.offer.name]
        exposed.running[rental.rental_id] = rental
        own = own_delay_ms(stream(self._seed, f"own/{rental.name}"), exposed.hazard)
        if own is not None:
            rental.tickets += (self._schedule.at(now + own, Priority.OWN_INTERRUPTION, rental),)
        if exposed.notice_ms:
            self._foresee(exposed, rental, None if own is None else now + own)

    def has_room(self, rental: Rental) -> bool:
        """Whether a rental can begin to run: a trace may say that its GPUs are not there."""
        if not self._replayed.has(rental.offer):
            return True
        running = self._by_offer[rental.offer.name].running.values()
        return self._replayed.has_room(rental.offer, rental.command.gpu_count + _gpus(running))

    def keeps_gpus(self, offer: Offer, cause: Cause | None) -> bool:
        """Whether the market keeps what it takes back for a while; a trace itself says what is there."""
        return cause != "shock" or not self._replayed.has(offer)

    def over(self, rental: Rental) -> None:
        """The rental has ended."""
        self._by_offer[rental.offer.name].running.pop(rental.rental_id, None)

    def close(self) -> None:
        """Nothing is taken back any more; whoever would do it is let go of."""
        self._take = _take_nothing
        self._pools.close()
        self._replayed.close()

    # What strikes

    def _await_shock(self, exposed: Exposed, since_ms: int) -> None:
        """The shock after that of an instant, if the offer is always there. It is drawn as soon as that one is told of,
        so that it can be told of in time itself, however soon it follows."""
        delay = exposed.shocks.delay_ms()
        if delay is not None:
            self._expect(exposed, since_ms + delay)

    def _pool_is_struck(self, offer: Offer) -> None:
        self._expect(self._by_offer[offer.name], self._schedule.now_ms + self._lead_ms)

    def _loses(self, offer: Offer, loss: Loss) -> None:
        exposed = self._by_offer[offer.name]
        self._await(exposed, Strike(loss.at_ms, exposed.shocks.number(), loss.severity_ppm, loss.left))

    def _expect(self, exposed: Exposed, at_ms: int) -> None:
        self._await(exposed, Strike(at_ms, *exposed.shocks.strike()))

    def _await(self, exposed: Exposed, strike: Strike) -> None:
        at_ms = strike.at_ms
        exposed.coming.append(strike)
        self._schedule.at(at_ms, Priority.SHOCK, exposed)
        if exposed.notice_ms:
            told = max(self._schedule.now_ms, at_ms - exposed.notice_ms)
            self._schedule.at(told, Priority.NOTICE, exposed)

    def _strikes(self, exposed: Exposed) -> None:
        strike = (exposed.told if exposed.notice_ms else exposed.coming).popleft()
        self._market.shock_struck(exposed.offer, strike.shock, strike.severity_ppm)
        for rental in self._hit(strike, tuple(exposed.running.values())):
            self._take_at(self._falls_ms(strike, rental), rental)
        if not exposed.notice_ms:
            self._await_shock(exposed, strike.at_ms)

    def _take_at(self, due_ms: int, rental: Rental) -> None:
        if due_ms > self._schedule.now_ms:
            rental.tickets += (self._schedule.at(due_ms, Priority.TAKE_BACK, rental),)
        else:
            self._take(rental, "shock")

    def _falls(self, rental: Rental) -> None:
        self._take(rental, "shock")

    def _own_interruption(self, rental: Rental) -> None:
        self._take(rental, "own")

    # Notices

    def _notifies(self, subject: "Rental | Exposed") -> None:
        """The time has come to tell of a rental's end, or of the offer's next strike that was not told of."""
        if isinstance(subject, Rental):
            self._notify(subject)
            return
        strike = subject.coming.popleft()
        subject.told.append(strike)
        self._tell(subject, strike)
        self._await_shock(subject, strike.at_ms)

    def _tell(self, exposed: Exposed, strike: Strike) -> None:
        for rental in self._hit(strike, tuple(exposed.running.values())):
            self._will_fall(exposed, rental, self._falls_ms(strike, rental))

    def _foresee(self, exposed: Exposed, rental: Rental, own_ms: int | None) -> None:
        """What is known of the end of a rental that begins to run: its own, or a strike that was told of already. One
        that comes only after an end that is known brings no earlier one."""
        falls_ms = own_ms
        for strike in exposed.told:
            if strike.left is not None:
                self._tell(exposed, strike)
            elif falls_ms is not None and falls_ms <= strike.at_ms:
                break
            elif self._hit(strike, (rental,)):
                at_ms = self._falls_ms(strike, rental)
                falls_ms = at_ms if falls_ms is None else min(falls_ms, at_ms)
        if falls_ms is not None:
            self._will_fall(exposed, rental, falls_ms)

    def _will_fall(self, exposed: Exposed, rental: Rental, at_ms: int) -> None:
        """A rental's end is known: tell of it a notice ahead, or now if it is too late for that. Only the earliest one
        is news."""
        if rental.falls_ms is not None and rental.falls_ms <= at_ms:
            return
        rental.falls_ms = at_ms
        if at_ms - exposed.notice_ms > self._schedule.now_ms:
            rental.tickets += (self._schedule.at(at_ms - exposed.notice_ms, Priority.NOTICE, rental),)
        else:
            self._notify(rental)

    def _notify(self, rental: Rental) -> None:
        """Tell a rental of its end, unless it was told of that."""
        if rental.interrupts_ms != rental.falls_ms:
            assert rental.falls_ms is not None
            now = self._schedule.now_ms
            rental.noticed_ms, rental.interrupts_ms = now, rental.falls_ms
            self._record(InterruptionNotified(now, rental.account, rental.rental_id, rental.falls_ms))

    def _hit(self, strike: Strike, rentals: Iterable[Rental]) -> list[Rental]:
        """Those of the rentals that fall to a strike; where GPUs are counted, `rentals` are all that run."""
        if strike.left is not None:
            return self._too_many(strike, strike.left, rentals)
        return [
            rental
            for rental in rentals
            if is_hit(stream(self._seed, f"hit/{rental.name}"), strike.shock, strike.severity_ppm)
        ]

    def _too_many(self, strike: Strike, left: int, rentals: Iterable[Rental]) -> list[Rental]:
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

    def _falls_ms(self, strike: Strike, rental: Rental) -> int:
        """When a rental falls to a strike that hits it: at once where a trace says when."""
        if not self._spread_ms or self._replayed.has(rental.offer):
            return strike.at_ms
        drawn = draw(stream(self._seed, f"spread/{rental.name}"), strike.shock)
        return strike.at_ms + int(uniform(drawn) * (self._spread_ms + 1))

    # Snapshots

    def state(self) -> TakeBacksState:
        """What a snapshot holds of it."""
        return TakeBacksState(
            offers=tuple(
                ExposedState(
                    each.shocks.draws, each.shocks.index, tuple(each.running), tuple(each.told), tuple(each.coming)
                )
                for each in self._by_offer.values()
            ),
            pools=self._pools.state(),
            replayed=self._replayed.state(),
        )

    def restore(self, state: TakeBacksState, find: Callable[[str], Rental]) -> None:
        """Be as the state says; `find` gives the rental of an id."""
        for exposed, told in zip(self._by_offer.values(), state.offers, strict=True):
            exposed.shocks.draws, exposed.shocks.index = told.draws, told.index
            exposed.running = {id_: find(id_) for id_ in told.running}
            exposed.told, exposed.coming = deque(told.told), deque(told.coming)
        self._pools.restore(state.pools)
        self._replayed.restore(state.replayed)

    def name_subject(self, priority: int, subject: Any) -> Subject:
        """What a snapshot calls the subject of an event that is about an offer or a stress."""
        name: str = subject.name
        return (name, 0) if priority == Priority.NOTICE else name

    def find_subject(self, priority: int, name: Subject) -> object | None:
        """The inverse of `name_subject`; None where it is about no offer."""
        if priority == Priority.NOTICE and isinstance(name, tuple):
            return self._by_offer[str(name[0])]
        if priority == Priority.SHOCK:
            return self._by_offer[str(name)]
        if priority not in _OF_POOLS:
            return None
        return self._replayed.find_subject(name) or self._pools.find_subject(priority, name)


def _gpus(rentals: Iterable[Rental]) -> int:
    return sum(rental.command.gpu_count for rental in rentals)


def _take_nothing(rental: Rental, cause: Cause) -> None:
    raise AssertionError(f"{rental.name} was taken back after the end")
