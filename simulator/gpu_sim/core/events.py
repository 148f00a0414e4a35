"""The closed list of events besides the ledger's entries. Times are ms since the start.

Events with an `account` concern that account; those of offers only appear with `journal: full`.
"""

from typing import Literal

from msgspec import Struct

from .scenario.acts import (
    ActKind,
    CapacityAct,
    InterruptAct,
    MarketAct,
    OutageAct,
    PriceAct,
    ProvisioningAct,
    VanishAct,
)
from .scenario.provisioning_parts import Phase

Reason = Literal["deleted", "idle_timeout", "credit_exhausted", "interrupted", "operator", "provisioning_failed"]
"""Why a rental ended."""

Cause = Literal["shock", "own", "forced"]
"""The cause of an interruption: a shock of the offer, the rental's own hazard, or an act or operator."""

EndedBy = Literal["time", "operator", "timeline", "name", "superseded", "reset"]
"""The reason for which an act ended: its time, a control call, an act `end` of the timeline, another one that began
under its name or took its place where no more fit, or a reset of the market."""


class RentalEvent(Struct, frozen=True, gc=False, tag_field="type"):
    """An event in the life of one rental; its fields come first in the journal."""

    at: int
    account: str
    rental_id: str


class OfferEvent(Struct, frozen=True, gc=False, tag_field="type"):
    """An event of one offer; its fields come first in the journal."""

    at: int
    provider_id: str
    gpu_model: str
    region: str


class AccountCreated(Struct, frozen=True, gc=False, tag="account_created", tag_field="type"):
    """An account was created; its first balance follows as a ledger entry."""

    at: int
    account: str


class RentalCreated(RentalEvent, frozen=True, gc=False, tag="rental_created"):
    """The rental exists and is being provisioned (F10)."""

    provider_id: str
    gpu_model: str
    region: str
    gpu_count: int
    price_micros_per_hour: int


class ProvisioningPhaseBegan(RentalEvent, frozen=True, gc=False, tag="provisioning_phase_began"):
    """The next part of provisioning has begun; the rental's status stays what it is (F11)."""

    phase: Phase


class RentalRunning(RentalEvent, frozen=True, gc=False, tag="rental_running"):
    """The GPU runs, and billing starts (A4)."""


class RentalTouched(RentalEvent, frozen=True, gc=False, tag="rental_touched"):
    """The rental was used, so its idle time starts anew (A19)."""


class RentalTerminated(RentalEvent, frozen=True, gc=False, tag="rental_terminated"):
    """The rental is over; its settlement follows as a ledger entry."""

    reason: Reason
    cause: Cause | None
    billed_seconds: int


class TransitionHeld(RentalEvent, frozen=True, gc=False, omit_defaults=True, tag="transition_held"):
    """An operator holds the rental back: it stays provisioning when its time comes, or goes on when it is deleted."""

    to: Literal["running", "terminated"] = "running"


class TransitionReleased(RentalEvent, frozen=True, gc=False, omit_defaults=True, tag="transition_released"):
    """The rental is no longer held back."""

    to: Literal["running", "terminated"] = "running"


class DeleteHeld(RentalEvent, frozen=True, gc=False, tag="delete_held"):
    """A DELETE was answered as if it had ended the rental, which an operator holds back: it goes on and is billed."""


class RentalHidden(RentalEvent, frozen=True, gc=False, tag="rental_hidden"):
    """The API hides the rental from here on; it continues and is billed."""


class RentalShown(RentalEvent, frozen=True, gc=False, tag="rental_shown"):
    """An operator hides the rental no more; an act may still hide all rentals of its offer."""


class ActRefused(Struct, frozen=True, gc=False, tag="act_refused", tag_field="type"):
    """A command of the timeline was refused, with the code that a client would have got."""

    at: int
    account: str
    act: str
    code: str


class GpusReturned(OfferEvent, frozen=True, gc=False, tag="gpus_returned"):
    """The GPUs of an interrupted rental are on offer again."""

    gpu_count: int


class ActEvent(Struct, frozen=True, gc=False, omit_defaults=True, tag_field="type"):
    """An event of an act on offers: its place in the timeline, after which called acts are numbered on, its name, when
    it is over by itself, if it is, and in the field of its kind what it does, and to which offers."""

    at: int
    act: int
    kind: ActKind
    name: str
    until_ms: int | None = None
    outage: OutageAct | None = None
    price: PriceAct | None = None
    capacity: CapacityAct | None = None
    interrupt: InterruptAct | None = None
    provisioning: ProvisioningAct | None = None
    vanish: VanishAct | None = None

    @property
    def market_act(self) -> MarketAct:
        """The act itself: its terms and its offers."""
        act: MarketAct = getattr(self, self.kind)
        return act


class ActStarted(ActEvent, frozen=True, gc=False, omit_defaults=True, tag="act_started"):
    """An act on offers began."""


class ActEnded(ActEvent, frozen=True, gc=False, omit_defaults=True, tag="act_ended"):
    """An act on offers is over."""

    ended_by: EndedBy = "time"


class PriceMoved(OfferEvent, frozen=True, gc=False, tag="price_moved"):
    """An offer's shown price changed (with `journal: full`)."""

    price_micros_per_hour: int


class CapacityChanged(OfferEvent, frozen=True, gc=False, tag="capacity_changed"):
    """An offer has so many GPUs in all from here on, by its trace or under an act (with `journal: full`)."""

    capacity: int


class ShockStruck(OfferEvent, frozen=True, gc=False, tag="shock_struck"):
    """An offer met its shock number `shock` (with `journal: full`), whether or not anybody rented."""

    shock: int
    severity_ppm: int


class OfferWentDown(OfferEvent, frozen=True, gc=False, tag="offer_went_down"):
    """An offer cannot be rented from here on, in the modes `realistic` and `replay` (with `journal: full`)."""


class OfferCameBack(OfferEvent, frozen=True, gc=False, tag="offer_came_back"):
    """An offer that was down can be rented again (with `journal: full`)."""


class OfferLeft(OfferEvent, frozen=True, gc=False, tag="offer_left"):
    """An offer has left the market for now (with `journal: full`); its rentals run on."""


class OfferReturned(OfferEvent, frozen=True, gc=False, tag="offer_returned"):
    """An offer that had left is in the market again (with `journal: full`)."""


class InterruptionNotified(RentalEvent, frozen=True, gc=False, tag="interruption_notified"):
    """The market has given notice of the time at which it will interrupt the rental."""

    interrupts_ms: int


class InterruptionWithdrawn(RentalEvent, frozen=True, gc=False, tag="interruption_withdrawn"):
    """The interruption that was scripted for that time has been called off."""

    interrupts_ms: int


Event = (
    AccountCreated
    | RentalCreated
    | ProvisioningPhaseBegan
    | RentalRunning
    | RentalTouched
    | RentalTerminated
    | TransitionHeld
    | TransitionReleased
    | DeleteHeld
    | RentalHidden
    | RentalShown
    | ActRefused
    | GpusReturned
    | ActStarted
    | ActEnded
    | PriceMoved
    | CapacityChanged
    | ShockStruck
    | OfferWentDown
    | OfferCameBack
    | OfferLeft
    | OfferReturned
    | InterruptionNotified
    | InterruptionWithdrawn
)
