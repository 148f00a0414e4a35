"""An offer whose rentals may be struck: what exposes them, which run, and the strikes that are known."""

from collections.abc import Callable

from msgspec import Struct

from .interruptions import ShockClock
from .offer import Offer
from .rental import Rental


class Strike(Struct, frozen=True, gc=False, array_like=True):
    """An offer's rentals will be struck: when, the number of the shock, and the share of them that falls; or how many
    GPUs are `left` to them, where a trace counts those."""

    at_ms: int
    shock: int
    severity_ppm: int
    left: int | None = None


class ExposedState(Struct, frozen=True, array_like=True):
    """An offer's counters of shocks, the ids of what runs in the order in which it began to, and its strikes."""

    draws: int = 0
    index: int = 0
    running: tuple[str, ...] = ()
    told: tuple[Strike, ...] = ()
    coming: tuple[Strike, ...] = ()
    past: tuple[Strike, ...] = ()


UNTOUCHED = ExposedState()
"""That of an offer about which nobody has asked yet."""


class Exposed(Struct, eq=False, gc=False):
    """An offer, the shocks that it exposes its rentals to, those that run, and the strikes to come, next first: those
    that were `told` of, and those behind them that were not. Those `past` may still meet what begins to run."""

    offer: Offer
    shocks: ShockClock
    notice_ms: int
    running: dict[str, Rental] = {}
    told: list[Strike] = []
    coming: list[Strike] = []
    past: list[Strike] = []

    @property
    def name(self) -> str:
        """That of the offer."""
        return self.offer.name

    def forget_past(self, before_ms: int) -> None:
        """Let go of the strikes up to an instant."""
        while self.past and self.past[0].at_ms <= before_ms:
            self.past.pop(0)

    def state(self) -> ExposedState:
        """What a snapshot holds of it."""
        strikes = (tuple(each) for each in (self.told, self.coming, self.past))
        return ExposedState(self.shocks.draws, self.shocks.index, tuple(self.running), *strikes)

    def restore(self, state: ExposedState, find: Callable[[str], Rental]) -> None:
        """Be as the state says; `find` gives the rental of an id."""
        self.shocks.draws, self.shocks.index = state.draws, state.index
        self.running = {id_: find(id_) for id_ in state.running}
        self.told, self.coming, self.past = list(state.told), list(state.coming), list(state.past)
