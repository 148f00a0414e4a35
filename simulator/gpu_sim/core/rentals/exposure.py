"""An offer whose rentals may be struck: what exposes them, which run, and the strikes that are known."""

from msgspec import Struct

from ..kernel.awaited_events import AwaitedEvents
from ..kernel.quantities import Natural
from ..kernel.schedule import Priority
from ..market.offer import Offer
from .hazard import ShockClock
from .rental import Rental


class AnnouncedShock(Struct, frozen=True, gc=False, array_like=True):
    """An offer's rentals will be struck: when, the number of the shock, and the share of them that falls; or how many
    GPUs are `left` to them, where a trace counts those."""

    at_ms: Natural
    shock: Natural
    severity_ppm: Natural
    left: Natural | None = None


class ExposureState(Struct, frozen=True, array_like=True):
    """An offer's counters of shocks, the ids of what runs in the order in which it began to, and its strikes."""

    draws: Natural = 0
    index: Natural = 0
    running: tuple[str, ...] = ()
    told: tuple[AnnouncedShock, ...] = ()
    coming: tuple[AnnouncedShock, ...] = ()


UNTOUCHED = ExposureState()
"""That of an offer about which nobody has asked yet."""


class OfferExposure(Struct, eq=False, gc=False):
    """An offer, the shocks that it exposes its rentals to, those that run, and the strikes to come, next first: those
    that were `told` of, and those behind them that were not."""

    offer: Offer
    shocks: ShockClock
    notice_ms: int
    running: dict[str, Rental] = {}
    told: list[AnnouncedShock] = []
    coming: list[AnnouncedShock] = []

    @property
    def name(self) -> str:
        """That of the offer."""
        return self.offer.name

    def state(self) -> ExposureState:
        """What a snapshot holds of it."""
        strikes = tuple(self.told), tuple(self.coming)
        return ExposureState(self.shocks.draws, self.shocks.index, tuple(self.running), *strikes)

    def restore(self, state: ExposureState, running: dict[str, Rental], awaited: AwaitedEvents) -> None:
        """Be as the state says, and take what runs here out of all that runs. Raises ValueError or KeyError unless each
        strike to come is pending, and the notice of each that was not told of."""
        self.shocks.draws, self.shocks.index = state.draws, state.index
        self.running = {id_: running.pop(id_) for id_ in state.running}
        self.told, self.coming = list(state.told), list(state.coming)
        notices_ms = [strike.at_ms - self.notice_ms for strike in self.coming] if self.notice_ms else []
        awaited.claim_due(Priority.SHOCK, self.name, [strike.at_ms for strike in (*self.told, *self.coming)])
        awaited.claim_due(Priority.NOTICE, (self.name, 0), notices_ms)
        if self.told and not self.notice_ms:
            raise ValueError(f"{self.name} told of what it never tells of")
        if any(rental.offer is not self.offer for rental in self.running.values()):
            raise ValueError(f"what is to run on {self.name} runs on another offer")
