"""Answers about rentals."""

from msgspec import UNSET, Struct, UnsetType, field

from ....core.billing.holds import HoldStatus
from ....core.events import Reason
from ....core.rentals.transitions import Status
from ....core.scenario.provisioning_parts import Phase
from .texts import AmountText, InstantText, PriceText


class TransitionView(Struct, frozen=True):
    """A transition that a rental has made."""

    at: InstantText
    from_: Status | None = field(name="from")
    """Null for the first."""
    to: Status
    reason: Reason | None
    """The reason of its end."""


class NoticeView(Struct, frozen=True):
    """An interruption notice."""

    at: InstantText
    """When it was given."""
    interrupts_at: InstantText
    """When the market interrupts the rental."""


class SshAccess(Struct, frozen=True):
    """The SSH access of a rental (F9); nothing listens there."""

    host: str
    port: int
    user: str


class RentalView(Struct, frozen=True, kw_only=True):
    """A rental with fields that the API does not show."""

    rental_id: str
    status: Status
    gpu_model: str
    provider_id: str
    region: str
    model_id: str
    docker_image: str
    fine_tuned: bool
    gpu_count: int
    price_per_gpu_hour: PriceText
    hold_amount: AmountText
    """The credit that was held when it began (F15)."""
    created_at: InstantText
    started_at: InstantText | None
    terminated_at: InstantText | None
    termination_reason: Reason | None
    billed_amount: AmountText | None
    """Its cost; null until it is over."""
    ssh: SshAccess | UnsetType = UNSET
    """There only where the rent gave a key."""
    account: str
    hold_status: HoldStatus
    transitions: list[TransitionView]
    """Those that it has made, in order."""
    phase: Phase | None
    """The part of provisioning that goes on."""
    held_back: bool
    """True while an operator holds it in `provisioning`."""
    end_held_back: bool
    """True while a DELETE ends nothing, since an operator holds its end back."""
    held_delete_at: InstantText | None
    """When the first DELETE was answered that ended nothing."""
    vanished: bool
    """True while the API does not know it."""
    interruption_notice: NoticeView | None
    """The latest that was not withdrawn."""
