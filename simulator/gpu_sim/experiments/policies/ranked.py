"""Policies that keep up a number of rentals, each on the best offer by a ranking: cheapest, most reliable and so on."""

from abc import ABC, abstractmethod
from collections.abc import Iterable

from ...core.kernel.numerics import exp, ln
from ...core.kernel.randomness import PPM
from ...core.scenario.experiment.renters import Checkpoint
from ..renting.occasions import Occasion
from ..renting.policy import Decision, End, Rent, Wait
from ..renting.sight import OfferSeen, RentalSeen, Situation
from .cheapest_offer import cheapest, cheapest_on_demand
from .refused_offers import RefusedOffers
from .replicas import surplus, wanted

LOOK_AGAIN_MS = 60_000
"""The wait of a renter without a tick that finds nothing to rent."""
_HOUR_MS = 3_600_000
_EXPONENT_MAX = 600.0


class Ranked(ABC):
    """Rents the best offer for each rental that is missing, the next best where it is refused, and stays with it.

    A rental with a notice of interruption is replaced at once, on another offer, and works on until it goes.
    """

    def __init__(self) -> None:
        self._refused = RefusedOffers()

    @abstractmethod
    def best(self, offers: list[OfferSeen], seen: Situation) -> OfferSeen | None:
        """The offer to rent, of those that are not refused and not about to be interrupted; None for none."""

    def decide(self, seen: Situation, occasion: Occasion) -> Iterable[Decision]:
        self._refused.note(seen.now_ms, occasion)
        staying: list[RentalSeen] = []
        leaving: list[str] = []
        for rental in seen.rentals:
            if rental.interrupts_ms is None or _outlives(rental, rental.interrupts_ms, seen):
                staying.append(rental)
            else:
                leaving.append(rental.offer.name)
        missing = wanted(seen) - len(staying)
        if missing <= 0:
            return [End(rental.rental_id) for rental in surplus(staying, -missing, seen.now_ms)] if missing else ()
        offers = [offer for offer in self._refused.others(seen.offers) if offer.name not in leaving]
        best = self.best(offers, seen)
        if best is not None:
            return [Rent(best.name)] * missing
        return () if seen.tick_ms is not None else (Wait(LOOK_AGAIN_MS),)


def _outlives(rental: RentalSeen, interrupts_ms: int, seen: Situation) -> bool:
    """True if the rental's job is done before the interruption that is announced, so that no other is needed."""
    if seen.job is None or rental.ready_ms is None:
        return False
    return max(rental.ready_ms, seen.now_ms) + seen.job.left_ms <= interrupts_ms


class Cheapest(Ranked):
    """The lowest price now; of equal ones the first in the list."""

    def best(self, offers: list[OfferSeen], seen: Situation) -> OfferSeen | None:
        return cheapest(offers)


class OnDemand(Ranked):
    """The cheapest offer that is never interrupted: the ceiling that others are compared with."""

    def best(self, offers: list[OfferSeen], seen: Situation) -> OfferSeen | None:
        return cheapest_on_demand(offers)


class MostReliable(Ranked):
    """The lowest probability of interruption; of equal ones the cheapest."""

    def best(self, offers: list[OfferSeen], seen: Situation) -> OfferSeen | None:
        return min(offers, key=lambda offer: (offer.interruption_ppm, offer.price_micros_per_hour), default=None)


class Pinned(Ranked):
    """One offer and no other, whether it is there or not: that of the option `offer`, or else the first cheapest."""

    def __init__(self, offer: str = "") -> None:
        super().__init__()
        self._offer = offer

    def best(self, offers: list[OfferSeen], seen: Situation) -> OfferSeen | None:
        first = cheapest(offers)
        if not self._offer and first is not None:
            self._offer = first.name
        return next((offer for offer in offers if offer.name == self._offer), None)


class CheapestPerUsefulHour(Ranked):
    """The lowest price of an hour that counts: price × the time that such an hour takes, interruptions included.

    An offer's probability of interruption is read as that within an hour, at a constant rate (A1). Between two
    checkpoints, or up to the end where there are none, everything has to succeed in one go.
    """

    def best(self, offers: list[OfferSeen], seen: Situation) -> OfferSeen | None:
        return min(
            offers,
            key=lambda offer: (
                offer.price_micros_per_hour * time_per_useful_hour(offer.interruption_ppm, seen),
                offer.interruption_ppm,
            ),
            default=None,
        )


def time_per_useful_hour(interruption_ppm: int, seen: Situation) -> float:
    """The mean time that a rental takes for an hour of work that counts, in hours ≥ 1.

    For a stretch of work w with a checkpoint of cost c after it, a restart of r and a hazard rate h it is
    e^(h·r) · (e^(h·(w + c)) − 1) / (h·w), as Young and Daly have it; for a service 1 + h·r.
    """
    survival_ppm = max(1, PPM - interruption_ppm)
    hazard = -ln(survival_ppm / PPM) if survival_ppm < PPM else 0.0
    job = seen.job
    if job is None:
        assert seen.renter.service is not None
        return 1.0 + hazard * seen.renter.service.cold_start / _HOUR_MS
    checkpoint = seen.renter.jobs.checkpoint if seen.renter.jobs is not None else None
    stretch_ms, cost_ms = _stretch(checkpoint, max(job.left_ms, 1))
    restart = hazard * job.restart_overhead_ms / _HOUR_MS
    if stretch_ms == 0:
        return exp(min(restart, _EXPONENT_MAX))
    work = hazard * stretch_ms / _HOUR_MS
    whole = hazard * (stretch_ms + cost_ms) / _HOUR_MS
    if work < 1e-9:
        return 1.0 + cost_ms / stretch_ms
    return exp(min(restart + whole, _EXPONENT_MAX)) * (1.0 - exp(max(-whole, -_EXPONENT_MAX))) / work


def _stretch(checkpoint: Checkpoint | None, left_ms: int) -> tuple[int, int]:
    """The work that is lost together, in ms, and the cost of keeping it."""
    if checkpoint is None:
        return left_ms, 0
    return min(int(checkpoint.every), left_ms), int(checkpoint.cost)
