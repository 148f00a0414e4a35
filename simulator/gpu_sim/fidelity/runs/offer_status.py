"""Whether an offer can be had: what keeps it from being rented, taken together."""

from ...core.market.offer import Offer


class OfferStatus:
    """What keeps one offer from being rented, whoever has rented there: it `is_down`, or `is_away` from the market, or
    acts have put it out of service (`outages`), or there is no GPU (`capacity`). GPUs that rentals hold or the market
    has taken back keep nobody out here: they say how much is rented, not whether anything could be.
    """

    __slots__ = ("capacity", "is_away", "is_down", "outages")

    def __init__(self, offer: Offer) -> None:
        self.capacity = offer.capacity
        self.is_down = offer.is_down
        self.is_away = offer.is_away
        self.outages: set[int] = set()

    @property
    def is_up(self) -> bool:
        """Whether a GPU could be rented, were none rented yet."""
        return not (self.is_down or self.is_away or self.outages) and self.capacity > 0
