"""One rental (F10–F12, A18), from the plan of it to the GPUs that it leaves behind."""

from msgspec import Struct

from ..billing.charges import Session
from ..billing.holds import Hold
from ..commands import RentGpu
from ..events import Reason
from ..kernel.names import rental_name
from ..kernel.quantities import Natural
from ..kernel.schedule import NO_TICKET, Ticket
from ..market.offer import Offer
from ..scenario.provisioning_parts import Phase
from .transitions import Status


class Rental(Struct, eq=False, gc=False):
    """One accepted offer until its end. Times are ms since the start, money micro-dollars, None until known.

    `number` counts all rentals of the world, `ordinal` the account's of the offer. While it is provisioning,
    `ready_ticket` is the end of that or of its `phase`, and none where it is never ready. It `is_due` once that end has
    come and an operator holds it back or an act leaves it stuck. `tickets` are the expiry of its hold, its notices and
    its drawn interruptions. `hidden` is by an operator. `foreseen_end_ms` is its known end by the market, where the
    offer gives notices, `forced_end_ms` that by an act or operator, at the event `forced_ticket`; `interrupts_ms` is
    the end that the latest notice named, given at `noticed_ms`. With `end_held` a DELETE does not end it; the first
    such one was at `held_delete_ms`, when it ran by then if `held_delete_ran`.
    """

    rental_id: str
    number: Natural
    ordinal: Natural
    offer: Offer
    command: RentGpu
    price_micros_per_hour: int
    hold: Hold
    created_ms: int
    running_ms: int | None = None
    terminated_ms: int | None = None
    reason: Reason | None = None
    billed_micros: int | None = None
    ready_ticket: Ticket = NO_TICKET
    tickets: tuple[Ticket, ...] = ()
    idle_ticket: Ticket = NO_TICKET
    mass_interrupts_met: Natural = 0
    held_back: bool = False
    is_due: bool = False
    phase: Phase | None = None
    hidden: bool = False
    foreseen_end_ms: int | None = None
    noticed_ms: int | None = None
    interrupts_ms: int | None = None
    forced_end_ms: int | None = None
    forced_ticket: Ticket = NO_TICKET
    end_held: bool = False
    held_delete_ms: int | None = None
    held_delete_ran: bool = False

    @property
    def account(self) -> str:
        """The account that rented it."""
        return self.command.account

    @property
    def name(self) -> str:
        """The name from which its luck derives: account, offer, ordinal."""
        return rental_name(self.command.account, self.offer.name, self.ordinal)

    @property
    def status(self) -> Status:
        """The status that follows from its times."""
        if self.terminated_ms is not None:
            return "terminated"
        return "provisioning" if self.running_ms is None else "running"

    @property
    def known_end_ms(self) -> int | None:
        """The earliest end that is known ahead, drawn or scripted."""
        if self.foreseen_end_ms is None or self.forced_end_ms is None:
            return self.foreseen_end_ms if self.forced_end_ms is None else self.forced_end_ms
        return min(self.foreseen_end_ms, self.forced_end_ms)

    @property
    def is_hidden(self) -> bool:
        """True where the API does not show it: by an operator, or by an act on its offer."""
        return self.hidden or self.offer.hides_rentals

    @property
    def session(self) -> Session:
        """The session by which it is billed, once it runs."""
        assert self.running_ms is not None
        return Session(self.price_micros_per_hour, self.command.gpu_count, self.running_ms)


class RentalsState(Struct, frozen=True):
    """All rentals: the live ones by number, the ended ones that are held in the order in which they ended.

    The ended ones may come from another place, as they were when they ended: `hidden` are the ids of those that are
    hidden now.
    """

    created: Natural
    ended_total: Natural
    live: tuple[Rental, ...]
    ended: tuple[Rental, ...]
    hidden: tuple[str, ...]
    ordinals: tuple[tuple[str, str, Natural], ...]
    exhaustion: dict[str, Ticket]


class Reclaimed(Struct, frozen=True, gc=False):
    """Interrupted GPUs, until they return to their offer."""

    offer: Offer
    gpu_count: int


class RentPlan(Struct, frozen=True, gc=False):
    """An accepted rent: the offer and the hold that it will place."""

    command: RentGpu
    offer: Offer
    hold_micros: int
