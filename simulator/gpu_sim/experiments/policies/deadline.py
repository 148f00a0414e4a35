"""Policies of a job with a deadline that decide at ticks, as in Can't Be Late (Wu et al., NSDI '24)."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from enum import Enum

from msgspec import Struct

from ..renting.occasions import Began, Occasion, RentalRan, RentRefused, Ticked
from ..renting.policy import Decision, End, Rent
from ..renting.sight import JobSeen, OfferSeen, RentalSeen, Situation
from .cheapest_offer import cheapest, cheapest_on_demand
from .refused_offers import RefusedOffers


class Place(Enum):
    """Where a job runs during a tick."""

    NOWHERE = "nowhere"
    SPOT = "spot"
    ON_DEMAND = "on demand"


class TickSeen(Struct, frozen=True, gc=False):
    """The facts that the rules know at the beginning of a tick, times in ms. `last` is where the job ran in the tick
    before, `now` the same, but nowhere where that rental is gone; `is_working` says that no restart overhead was left
    of it.

    `need_1_ms` and `need_2_ms` are the work that is left with one and with two restarts, `time_ms` the time that is
    left to the deadline, all in whole ticks; `is_spot_up` says that spot can be had, or goes on.
    """

    elapsed_ms: int
    done_ms: int
    work_ms: int
    deadline_ms: int
    restart_ms: int
    need_1_ms: int
    need_2_ms: int
    time_ms: int
    last: Place
    now: Place
    is_working: bool
    is_spot_up: bool


class DeadlinePolicy(ABC):
    """Places a job on spot or on demand, tick by tick, and goes on demand when the deadline asks for it.

    Among several spot offers a job stays where it is; when it has to go elsewhere, `prefer` says where to: the
    `cheapest` offer, or the `next` one by name, the last one again first of all.
    """

    def __init__(self, prefer: str = "cheapest") -> None:
        if prefer not in {"cheapest", "next"}:
            raise ValueError(f'option prefer must be "cheapest" or "next", not "{prefer}"')
        self._prefer = prefer
        self._refused = RefusedOffers()
        self._asked_ms = -1
        # Where it ran in the tick before, and from when on that worked.
        self._before: tuple[Place, int] = (Place.NOWHERE, 0)
        self._chosen: tuple[Place, int] = (Place.NOWHERE, 0)
        self._spot_name = ""

    @abstractmethod
    def place(self, tick: TickSeen) -> Place:
        """Where the job is to run in this tick, but for the guarantee that holds for all."""

    def decide(self, seen: Situation, occasion: Occasion) -> Iterable[Decision]:
        self._refused.note(seen.now_ms, occasion)
        if isinstance(occasion, RentalRan):
            self._note_ready(seen)
        if not isinstance(occasion, Began | Ticked | RentRefused):
            return ()
        if seen.now_ms != self._asked_ms:
            self._asked_ms = seen.now_ms
            self._before = self._chosen
        elif not isinstance(occasion, RentRefused):
            return ()  # the tick has been decided
        job = seen.job
        assert job is not None
        assert seen.tick_ms is not None
        current = seen.rentals[0] if seen.rentals else None
        offers = self._refused.others(seen.offers)
        spot = self._spot_offer(offers, current)
        chosen = self._guarded(self._tick(seen, job, seen.tick_ms, current, is_spot_up=spot is not None), current)
        if chosen is Place.SPOT and current is not None and current.offer.spot:
            target: OfferSeen | None = current.offer
        elif chosen is Place.SPOT:
            target = spot
        else:
            target = (_on_demand_offer(offers, current) or spot) if chosen is Place.ON_DEMAND else None
        return self._moved(seen, current, target, job.restart_overhead_ms)

    def _tick(
        self, seen: Situation, job: JobSeen, tick_ms: int, current: RentalSeen | None, *, is_spot_up: bool
    ) -> TickSeen:
        last, ready_ms = self._before
        now = Place.NOWHERE if current is None else _place_of(current.offer)
        if current is not None and current.ready_ms is not None:
            ready_ms = current.ready_ms
        elapsed_ms = seen.now_ms - job.arrived_ms
        # Without a deadline there is always time enough.
        deadline_ms = job.work_ms + elapsed_ms + 10**15 if job.deadline_ms is None else job.deadline_ms - job.arrived_ms
        return TickSeen(
            elapsed_ms=elapsed_ms,
            done_ms=job.done_ms,
            work_ms=job.work_ms,
            deadline_ms=deadline_ms,
            restart_ms=job.restart_overhead_ms,
            need_1_ms=_up(job.left_ms + job.restart_overhead_ms, tick_ms),
            need_2_ms=_up(job.left_ms + 2 * job.restart_overhead_ms, tick_ms),
            time_ms=(deadline_ms - elapsed_ms) // tick_ms * tick_ms,
            last=last,
            now=now,
            is_working=ready_ms <= seen.now_ms,
            is_spot_up=is_spot_up,
        )

    def _guarded(self, tick: TickSeen, current: RentalSeen | None) -> Place:
        """The policy's choice, and the guarantee: when the work that is left needs all the time that is left, only
        spot that works already may go on."""
        chosen = self.place(tick)
        if tick.need_1_ms >= tick.time_ms:
            if not (tick.last is Place.SPOT and tick.is_working):
                return Place.ON_DEMAND
            # Spot is that very rental: if it is gone at this tick, nothing runs, and the next tick goes on demand.
            return Place.SPOT if tick.now is Place.SPOT else Place.NOWHERE
        if chosen is Place.SPOT and not tick.is_spot_up:
            return Place.NOWHERE
        return chosen

    def _spot_offer(self, offers: Sequence[OfferSeen], current: RentalSeen | None) -> OfferSeen | None:
        """The spot offer on which the job goes on or begins; None where there is none."""
        if current is not None and current.offer.spot:
            return current.offer
        spot = [offer for offer in offers if offer.spot]
        if self._prefer == "cheapest" or not spot:
            return cheapest(spot)
        after = [offer for offer in spot if offer.name >= self._spot_name]
        return min(after or spot, key=lambda offer: offer.name)

    def _moved(
        self, seen: Situation, current: RentalSeen | None, target: OfferSeen | None, restart_ms: int
    ) -> list[Decision]:
        """The decisions that bring the job there, or leave it where it is."""
        if target is not None and target.spot:
            self._spot_name = target.name
        if target is not None and current is not None and current.offer.name == target.name:
            self._chosen = (_place_of(target), current.ready_ms if current.ready_ms is not None else self._before[1])
            return []
        decisions: list[Decision] = [] if current is None else [End(current.rental_id)]
        if target is None:
            self._chosen = (Place.NOWHERE, 0)
            return decisions
        self._chosen = (_place_of(target), seen.now_ms + restart_ms)
        return [*decisions, Rent(target.name)]

    def _note_ready(self, seen: Situation) -> None:
        """Take in from when on the rental works, which is known once it runs."""
        if seen.rentals and seen.rentals[0].ready_ms is not None:
            self._chosen = (self._chosen[0], seen.rentals[0].ready_ms)


class Greedy(DeadlinePolicy):
    """Spot where it is up, else nothing, until the time that is left allows for no more than two restarts."""

    def place(self, tick: TickSeen) -> Place:
        return in_time(tick, Place.SPOT if tick.is_spot_up else Place.NOWHERE)


class UniformProgress(DeadlinePolicy):
    """Keeps up with a uniform progress to the deadline: on demand while behind it, on spot or waiting while ahead."""

    def place(self, tick: TickSeen) -> Place:
        chosen = Place.SPOT if tick.is_spot_up else Place.NOWHERE
        # c < t·C/D, in whole numbers.
        if tick.done_ms * tick.deadline_ms < tick.elapsed_ms * tick.work_ms:
            chosen = Place.SPOT if tick.is_spot_up else Place.ON_DEMAND
        lead = (tick.elapsed_ms + 2 * tick.restart_ms) * tick.work_ms >= tick.done_ms * tick.deadline_ms
        if tick.now is Place.ON_DEMAND and (not tick.is_spot_up or lead):
            chosen = Place.ON_DEMAND  # it stays there until the lead is worth two restarts
        return in_time(tick, chosen)


def in_time(tick: TickSeen, chosen: Place) -> Place:
    """The choice, or on demand once there is time for no more than two restarts, and for one even from spot."""
    if tick.need_2_ms >= tick.time_ms and tick.now is not Place.SPOT:
        chosen = Place.ON_DEMAND
    if tick.need_1_ms >= tick.time_ms:
        chosen = Place.SPOT if tick.now is Place.SPOT and tick.is_working else Place.ON_DEMAND
    return chosen


def _place_of(offer: OfferSeen) -> Place:
    return Place.SPOT if offer.spot else Place.ON_DEMAND


def _on_demand_offer(offers: Iterable[OfferSeen], current: RentalSeen | None) -> OfferSeen | None:
    """The cheapest on-demand offer, or the one that the job is on."""
    if current is not None and not current.offer.spot:
        return current.offer
    return cheapest_on_demand(offers)


def _up(duration_ms: int, tick_ms: int) -> int:
    """The duration in whole ticks, rounded up."""
    return -(-duration_ms // tick_ms) * tick_ms
