"""What happened: the closed list of events besides the ledger's entries. Times are ms since the start.

Events with an `account` are that account's fate; those of offers only appear with `journal: full`.
"""

from typing import Literal

from msgspec import Struct

Reason = Literal["deleted", "idle_timeout", "credit_exhausted", "interrupted", "operator", "provisioning_failed"]
"""Why a rental ended."""

Cause = Literal["shock", "own", "forced"]
"""What interrupted a rental: a shock of its offer, its own bad luck, or an act."""

Phase = Literal["allocate", "boot", "pull", "weights", "fine_tuned"]
"""What is being done for a rental that is provisioning by parts, in this order; the API shows nothing of it (F11)."""


class AccountCreated(Struct, frozen=True, gc=False, tag="account_created", tag_field="type"):
    """A customer is there; its first balance follows as a ledger entry."""

    at: int
    account: str


class RentalCreated(Struct, frozen=True, gc=False, tag="rental_created", tag_field="type"):
    """The rental exists and is being provisioned (F10)."""

    at: int
    account: str
    rental_id: str
    provider_id: str
    gpu_model: str
    region: str
    gpu_count: int
    price_micros_per_hour: int


class ProvisioningPhaseBegan(Struct, frozen=True, gc=False, tag="provisioning_phase_began", tag_field="type"):
    """The next part of provisioning has begun; the rental's status stays what it is (F11)."""

    at: int
    account: str
    rental_id: str
    phase: Phase


class RentalRunning(Struct, frozen=True, gc=False, tag="rental_running", tag_field="type"):
    """The GPU runs, and billing starts (A4)."""

    at: int
    account: str
    rental_id: str


class RentalTouched(Struct, frozen=True, gc=False, tag="rental_touched", tag_field="type"):
    """The rental was used, so its idle time starts anew (A19)."""

    at: int
    account: str
    rental_id: str


class RentalTerminated(Struct, frozen=True, gc=False, tag="rental_terminated", tag_field="type"):
    """The rental is over; its settlement follows as a ledger entry."""

    at: int
    account: str
    rental_id: str
    reason: Reason
    cause: Cause | None
    billed_seconds: int


class TransitionHeld(Struct, frozen=True, gc=False, tag="transition_held", tag_field="type"):
    """An operator holds the rental back: it stays provisioning when its time comes."""

    at: int
    account: str
    rental_id: str


class TransitionReleased(Struct, frozen=True, gc=False, tag="transition_released", tag_field="type"):
    """The rental is held back no more."""

    at: int
    account: str
    rental_id: str


class RentalHidden(Struct, frozen=True, gc=False, tag="rental_hidden", tag_field="type"):
    """The API does not know the rental from here on; it goes on and is billed."""

    at: int
    account: str
    rental_id: str


class RentalShown(Struct, frozen=True, gc=False, tag="rental_shown", tag_field="type"):
    """The rental is hidden by its own account no more; an act may still hide all of its offer."""

    at: int
    account: str
    rental_id: str


class ActRefused(Struct, frozen=True, gc=False, tag="act_refused", tag_field="type"):
    """A command of the timeline was turned down, with the code that a client would have got."""

    at: int
    account: str
    act: str
    code: str


class GpusReturned(Struct, frozen=True, gc=False, tag="gpus_returned", tag_field="type"):
    """The GPUs of an interrupted rental are on offer again."""

    at: int
    provider_id: str
    gpu_model: str
    region: str
    gpu_count: int


class ActStarted(Struct, frozen=True, gc=False, tag="act_started", tag_field="type"):
    """An act on offers took hold; `act` is its place in the timeline, and after its end in the order of the calls."""

    at: int
    act: int
    kind: str


class ActEnded(Struct, frozen=True, gc=False, tag="act_ended", tag_field="type"):
    """The time of an act is over."""

    at: int
    act: int
    kind: str


class PriceMoved(Struct, frozen=True, gc=False, tag="price_moved", tag_field="type"):
    """An offer's shown price changed (with `journal: full`)."""

    at: int
    provider_id: str
    gpu_model: str
    region: str
    price_micros_per_hour: int


class CapacityChanged(Struct, frozen=True, gc=False, tag="capacity_changed", tag_field="type"):
    """An offer has so many GPUs in all from here on, by its trace or under an act (with `journal: full`)."""

    at: int
    provider_id: str
    gpu_model: str
    region: str
    capacity: int


class ShockStruck(Struct, frozen=True, gc=False, tag="shock_struck", tag_field="type"):
    """An offer met its shock number `shock` (with `journal: full`), whether or not anybody rented."""

    at: int
    provider_id: str
    gpu_model: str
    region: str
    shock: int
    severity_ppm: int


class OfferWentDown(Struct, frozen=True, gc=False, tag="offer_went_down", tag_field="type"):
    """An offer cannot be had from here on, in the modes `realistic` and `replay` (with `journal: full`)."""

    at: int
    provider_id: str
    gpu_model: str
    region: str


class OfferCameBack(Struct, frozen=True, gc=False, tag="offer_came_back", tag_field="type"):
    """An offer that was down can be had again (with `journal: full`)."""

    at: int
    provider_id: str
    gpu_model: str
    region: str


class OfferLeft(Struct, frozen=True, gc=False, tag="offer_left", tag_field="type"):
    """An offer has left the market for now (with `journal: full`); what runs there runs on."""

    at: int
    provider_id: str
    gpu_model: str
    region: str


class OfferReturned(Struct, frozen=True, gc=False, tag="offer_returned", tag_field="type"):
    """An offer that had left is in the market again (with `journal: full`)."""

    at: int
    provider_id: str
    gpu_model: str
    region: str


class InterruptionNotified(Struct, frozen=True, gc=False, tag="interruption_notified", tag_field="type"):
    """The market has said when it will take the rental's GPUs back."""

    at: int
    account: str
    rental_id: str
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
)
