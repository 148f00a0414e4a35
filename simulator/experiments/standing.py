"""Whether an offer can be had: what keeps it from being rented, taken together."""

from ..core.acts import CapacityAct, OutageAct


class Standing:
    """What keeps one offer from being rented, whoever has rented there: it `is_down`, or `is_away` from the market, or
    acts have put it out of service or left it without a GPU. GPUs that rentals hold or the market has taken back keep
    nobody out here: they say how much is rented, not whether anything could be.
    """

    __slots__ = ("_capacities", "_outages", "_stock", "is_away", "is_down")

    def __init__(self, stock: int, *, is_down: bool, is_away: bool = False) -> None:
        self.is_down = is_down
        self.is_away = is_away
        self._stock = stock
        self._outages: set[int] = set()
        self._capacities: dict[int, int] = {}

    @property
    def is_up(self) -> bool:
        """Whether a GPU could be rented, were none rented yet."""
        return not (self.is_down or self.is_away or self._outages) and self.capacity > 0

    @property
    def capacity(self) -> int:
        """The GPUs that there are: as many as the act says that began last, of those that last, or the stock."""
        return next(reversed(self._capacities.values()), self._stock)

    def begin(self, number: int, act: OutageAct | CapacityAct) -> None:
        """An act takes hold of the offer."""
        if isinstance(act, OutageAct):
            self._outages.add(number)
        else:
            self._capacities[number] = act.set

    def end(self, number: int) -> None:
        """An act is over."""
        self._outages.discard(number)
        self._capacities.pop(number, None)
