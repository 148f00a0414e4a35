"""The offers that have been refused at the present instant: what a policy passes over when it looks for another."""

from collections.abc import Iterable

from ..renting.occasions import Occasion, RentalEnded, RentRefused
from ..renting.sight import OfferSeen

NEVER_RAN_REASONS = ("provisioning_failed", "stuck")
"""Why a rental may be over that was to run and did not: as good as a refusal."""


class RefusedOffers:
    """Remembers refusals until time passes: a moment later an offer may be had again."""

    def __init__(self) -> None:
        self._at_ms = -1
        self._names: list[str] = []
        self._too_dear: list[str] = []

    def note(self, now_ms: int, occasion: Occasion) -> None:
        """Take an occasion in, whatever it is; to be called at each."""
        if now_ms != self._at_ms:
            self._at_ms = now_ms
            self._names.clear()
            self._too_dear.clear()
        if isinstance(occasion, RentRefused) or (
            isinstance(occasion, RentalEnded) and occasion.reason in NEVER_RAN_REASONS
        ):
            self._names.append(occasion.offer)
        if isinstance(occasion, RentRefused) and occasion.code == "insufficient_credit":
            self._too_dear.append(occasion.offer)

    def others(self, offers: Iterable[OfferSeen]) -> list[OfferSeen]:
        """The offers that have not been refused now, in their order; of those that cost as much as one that the credit
        does not cover it covers none."""
        if not self._names:
            return list(offers)
        offers = list(offers)
        prices = [offer.price_micros_per_hour for offer in offers if offer.name in self._too_dear]
        below = min(prices, default=None)
        return [
            offer
            for offer in offers
            if offer.name not in self._names and (below is None or offer.price_micros_per_hour < below)
        ]
