"""The exposure of one offer to interruptions: its shock clock, its running rentals, its upcoming shocks."""

from msgspec import Struct

from ..kernel.awaited_events import AwaitedEvents
from ..kernel.quantities import Natural
from ..kernel.schedule import Priority
from ..market.offer import Offer
from .hazard import ShockClock
from .rental import Rental


class UpcomingShock(Struct, frozen=True, gc=False, array_like=True):
    """A shock that is drawn and has not hit yet: its time, its number, and the share of rentals that it interrupts.

    A trace that counts GPUs says instead how many are `left` to all rentals.
    """

    at_ms: Natural
    shock: Natural
    severity_ppm: Natural
    left: Natural | None = None


class ExposureState(Struct, frozen=True, array_like=True):
    """An offer's part of a snapshot: the counters of its shock clock, the ids of its running rentals in the order in
    which they began to run, and its upcoming shocks."""

    draws: Natural = 0
    index: Natural = 0
    running: tuple[str, ...] = ()
    announced: tuple[UpcomingShock, ...] = ()
    unannounced: tuple[UpcomingShock, ...] = ()


UNTOUCHED = ExposureState()
"""The state of an offer that nothing has used yet."""


class OfferExposure(Struct, eq=False, gc=False):
    """An offer as interruptions see it.

    Its upcoming shocks are in the order in which they hit. Of the `announced` ones the rentals concerned have had
    their notices or have them scheduled; the `unannounced` ones all come after those.
    """

    offer: Offer
    shocks: ShockClock
    notice_ms: int
    # msgspec gives each instance empty collections of its own.
    running: dict[str, Rental] = {}
    announced: list[UpcomingShock] = []
    unannounced: list[UpcomingShock] = []

    @property
    def name(self) -> str:
        """The name of the offer."""
        return self.offer.name

    def state(self) -> ExposureState:
        """Its part of a snapshot."""
        upcoming = tuple(self.announced), tuple(self.unannounced)
        return ExposureState(self.shocks.draws, self.shocks.index, tuple(self.running), *upcoming)

    def restore(self, state: ExposureState, running: dict[str, Rental], awaited: AwaitedEvents) -> None:
        """Restore from `state`, and move the offer's rentals out of `running`. Raises ValueError or KeyError unless
        each upcoming shock is pending, and a notice for each unannounced one."""
        self.shocks.draws, self.shocks.index = state.draws, state.index
        self.running = {id_: running.pop(id_) for id_ in state.running}
        self.announced, self.unannounced = list(state.announced), list(state.unannounced)
        notices_ms = [shock.at_ms - self.notice_ms for shock in self.unannounced] if self.notice_ms else []
        awaited.claim_due(Priority.SHOCK, self.name, [shock.at_ms for shock in (*self.announced, *self.unannounced)])
        awaited.claim_due(Priority.NOTICE, (self.name, 0), notices_ms)
        if self.announced and not self.notice_ms:
            raise ValueError(f"{self.name} announced a shock, and it gives no notices")
        if any(rental.offer is not self.offer for rental in self.running.values()):
            raise ValueError(f"a rental is listed as running on {self.name} that runs on another offer")
