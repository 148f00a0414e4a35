"""The status of one offer in a run: up, or down for one of several reasons."""

from ...core.market.offer import Offer


class OfferStatus:
    """The reasons that keep an offer from being rented: it `is_down`, or `is_away` from the market, or acts have put it
    out of service (`outages`), or its `capacity` is 0. GPUs that are rented or were reclaimed are no such reason: they
    say how much is rented, not whether anything could be. So it is not the state by which the market decides.
    """

    __slots__ = ("capacity", "is_away", "is_down", "outages")

    def __init__(self, offer: Offer) -> None:
        self.capacity = offer.capacity
        self.is_down = offer.is_down
        self.is_away = offer.is_away
        self.outages: set[int] = set()

    @property
    def is_up(self) -> bool:
        """True where a GPU could be rented, were none rented yet."""
        return not (self.is_down or self.is_away or self.outages) and self.capacity > 0
