"""What concerns an offer and its rentals together: provisioning terms, hazard, shocks, GPUs that were taken back."""

from collections.abc import Callable

from msgspec import Struct

from .catalog import PROVIDER_CLASSES
from .commands import RentGpu
from .interruptions import Hazard, ShockClock, hazard
from .offers import Market, Offer
from .quantities import Share
from .randomness import stream
from .rental import Rental
from .scenario import MarketSettings


class Reclaimed(Struct, frozen=True, gc=False):
    """GPUs that the market took back, until they are on offer again."""

    offer: Offer
    gpu_count: int


class RentPlan(Struct, frozen=True, gc=False):
    """What a rent that nothing speaks against will do."""

    command: RentGpu
    offer: Offer
    hold_micros: int


Terms = tuple[Callable[[int], int], Share]
"""What turns a draw into a provisioning delay in ms, and the share that fails."""


class OfferRentals:
    """What an offer's rentals share: provisioning terms, hazard, shocks."""

    __slots__ = ("failure", "hazard", "offer", "running", "sample_delay", "shocks")

    def __init__(self, offer: Offer, hazard_: Hazard, terms: Terms, seed: int) -> None:
        self.offer = offer
        self.hazard = hazard_
        self.sample_delay, self.failure = terms
        self.shocks = ShockClock(stream(seed, f"shock/{offer.name}"), hazard_)
        self.running: dict[str, Rental] = {}


def by_offer(market: Market, settings: MarketSettings, seed: int) -> dict[str, OfferRentals]:
    """For each offer by its name what its rentals share, none of them running yet."""
    terms: dict[str, Terms] = {}
    for provider_class in PROVIDER_CLASSES:
        delay, failure = settings.provisioning.terms(provider_class)
        terms[provider_class] = delay.sampler(), failure
    return {
        offer.name: OfferRentals(
            offer,
            hazard(offer.spec.interruption_probability, settings.interruptions),
            terms[offer.spec.provider_class],
            seed,
        )
        for offer in market.offers
    }
