"""The cheapest of offers, as all policies mean it."""

from collections.abc import Iterable

from ..renting.sight import OfferSeen


def cheapest(offers: Iterable[OfferSeen]) -> OfferSeen | None:
    """The one of the lowest price now, of equal ones the first; None where there is none."""
    return min(offers, key=lambda offer: offer.price_micros_per_hour, default=None)


def cheapest_on_demand(offers: Iterable[OfferSeen]) -> OfferSeen | None:
    """The cheapest of those that are never interrupted; None where there is none."""
    return cheapest(offer for offer in offers if not offer.spot)
