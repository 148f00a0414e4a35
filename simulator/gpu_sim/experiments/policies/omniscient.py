"""The policy that knows the recording: what it pays is the floor for all others."""

from collections.abc import Iterable

from ..renting.occasions import Began, Occasion, RentRefused, Ticked
from ..renting.policy import Decision, End, Recording, Rent
from ..renting.sight import JobSeen, OfferSeen, Situation
from .cheapest_offer import cheapest_on_demand
from .problems import PolicyUnfit
from .recorded_plan import Place, RecordedPlan
from .refused_offers import RefusedOffers

_SLACK_MS = 1
"""Work that a renter with ticks need not do."""


class Omniscient:
    """Follows the cheapest course that has one job done by its deadline, which it computes when it is first asked."""

    def __init__(self) -> None:
        self.recording: Recording | None = None
        self._plan: tuple[Place, ...] | None = None
        self._began_ms = 0
        self._refused = RefusedOffers()

    def decide(self, seen: Situation, occasion: Occasion) -> Iterable[Decision]:
        self._refused.note(seen.now_ms, occasion)
        if not isinstance(occasion, Began | Ticked | RentRefused):
            return ()
        assert seen.job is not None
        assert seen.tick_ms is not None
        if self._plan is None:
            self._began_ms = seen.now_ms
            self._plan = self._planned(seen, seen.job, seen.tick_ms)
        number = (seen.now_ms - self._began_ms) // seen.tick_ms
        offers = self._refused.others(seen.offers)
        place = self._plan[number] if number < len(self._plan) else _firm(offers)
        if place is not None and place[0] not in {offer.name for offer in (*offers, *(r.offer for r in seen.rentals))}:
            place = _firm(offers)
        current = seen.rentals[0] if seen.rentals else None
        here = None if current is None else (current.offer.name, current.offer.price_micros_per_hour)
        if here == place:
            return ()
        decisions: list[Decision] = [] if current is None else [End(current.rental_id)]
        return decisions if place is None else [*decisions, Rent(place[0])]

    def _planned(self, seen: Situation, job: JobSeen, tick_ms: int) -> tuple[Place, ...]:
        if self.recording is None:
            raise PolicyUnfit('policy "omniscient" needs a market that follows a recording')
        first = seen.now_ms // tick_ms
        recorded = {name: self.recording.prices(name, tick_ms)[first:] for name in self.recording.offers()}
        count = max(map(len, recorded.values()), default=0)
        if job.deadline_ms is not None:
            count = max(0, (job.deadline_ms - seen.now_ms) // tick_ms)
        firm = _firm(seen.offers)
        ticks: list[dict[str, int]] = [dict([] if firm is None else [firm]) for _ in range(count)]
        for name, prices in recorded.items():
            for tick, price in zip(ticks, prices, strict=False):
                if price is not None:
                    tick[name] = price
        plan = RecordedPlan(ticks, tick_ms=tick_ms, restart_ms=job.restart_overhead_ms)
        return plan.cheapest(job.left_ms - _SLACK_MS).places


def _firm(offers: Iterable[OfferSeen]) -> tuple[str, int] | None:
    """The cheapest on-demand offer and its price."""
    firm = cheapest_on_demand(offers)
    return None if firm is None else (firm.name, firm.price_micros_per_hour)
