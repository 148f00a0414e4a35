"""The commands of clients and operators. A command carries decoded values only; the core checks their meaning."""

from typing import ClassVar

from msgspec import Struct

from .scenario.acts import (
    CapacityAct,
    InterruptAct,
    MarketAct,
    OneAct,
    OutageAct,
    PriceAct,
    ProvisioningAct,
    RentAct,
    Transition,
    VanishAct,
)
from .scenario.scripted_interruptions import ScriptedInterruption


class RentGpu(Struct, frozen=True, gc=False, tag="rent_gpu", tag_field="command"):
    """Rent GPUs (F7). `ssh` says that a key was given; the key itself stays outside (F9)."""

    account: str
    provider_id: str
    gpu_model: str
    region: str
    gpu_count: int
    model_id: str
    docker_image: str
    fine_tuned: bool = False
    ssh: bool = False


class TerminateRental(Struct, frozen=True, gc=False, tag="terminate_rental", tag_field="command"):
    """End a rental of the account (F13)."""

    account: str
    rental_id: str


class TouchRental(Struct, frozen=True, gc=False, tag="touch_rental", tag_field="command"):
    """Count as activity of a running rental (A19)."""

    rental_id: str


class InterruptRental(
    ScriptedInterruption,
    frozen=True,
    gc=False,
    forbid_unknown_fields=False,
    tag="interrupt_rental",
    tag_field="command",
):
    """Interrupt a live rental, notify it, or call its interruption off."""

    rental_id: str


class MoveRental(
    Transition, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=False, tag="move_rental", tag_field="command"
):
    """Force a rental's transition now, hold it back, or release it."""

    rental_id: str


class HideRental(Struct, frozen=True, gc=False, tag="hide_rental", tag_field="command"):
    """Hide a rental from the API, or show it again; it continues and is billed."""

    rental_id: str
    hidden: bool


class PlayAct(OneAct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="play_act", tag_field="command"):
    """Begin an act on offers now: exactly one of the fields is given."""

    outage: OutageAct | None = None
    price: PriceAct | None = None
    capacity: CapacityAct | None = None
    interrupt: InterruptAct | None = None
    provisioning: ProvisioningAct | None = None
    vanish: VanishAct | None = None

    KINDS: ClassVar[tuple[str, ...]] = ("outage", "price", "capacity", "interrupt", "provisioning", "vanish")

    @property
    def act(self) -> MarketAct:
        """The act that is given."""
        act = self.market_act
        assert act is not None
        return act


class EndAct(Struct, frozen=True, gc=False, tag="end_act", tag_field="command"):
    """End the act of that name, which is in force, before its time."""

    name: str


class ResetMarket(Struct, frozen=True, gc=False, tag="reset_market", tag_field="command"):
    """End all acts that are in force. Those of the timeline that have yet to begin still do."""


class CreateAccount(Struct, frozen=True, gc=False, tag="create_account", tag_field="command"):
    """A new customer with a balance in micro-dollars ≥ 0."""

    account: str
    balance_micros: int


class AddCredit(Struct, frozen=True, gc=False, tag="add_credit", tag_field="command"):
    """Credit a customer with an amount in micro-dollars > 0."""

    account: str
    amount_micros: int


def rent_command(rent: RentAct) -> RentGpu:
    """The command of a rent of the timeline."""
    return RentGpu(
        account=rent.account,
        provider_id=rent.provider_id,
        gpu_model=rent.gpu_model,
        region=rent.region,
        gpu_count=rent.gpu_count,
        model_id=rent.model_id,
        docker_image=rent.docker_image,
        fine_tuned=rent.fine_tuned,
    )


Command = (
    RentGpu
    | TerminateRental
    | TouchRental
    | InterruptRental
    | MoveRental
    | HideRental
    | PlayAct
    | EndAct
    | ResetMarket
    | CreateAccount
    | AddCredit
)
