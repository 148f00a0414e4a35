"""What clients and operators ask for. A command carries decoded values only; the core checks their meaning."""

from msgspec import Struct


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


class InterruptRental(Struct, frozen=True, gc=False, tag="interrupt_rental", tag_field="command"):
    """Let the market take a live rental's GPUs back now."""

    rental_id: str


class CreateAccount(Struct, frozen=True, gc=False, tag="create_account", tag_field="command"):
    """A new customer with a balance in micro-dollars ≥ 0."""

    account: str
    balance_micros: int


class AddCredit(Struct, frozen=True, gc=False, tag="add_credit", tag_field="command"):
    """Credit a customer with an amount in micro-dollars > 0."""

    account: str
    amount_micros: int


Command = RentGpu | TerminateRental | TouchRental | InterruptRental | CreateAccount | AddCredit
