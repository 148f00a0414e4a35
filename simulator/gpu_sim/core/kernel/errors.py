"""Refusals: everything that the simulation can turn down.

    Refusal
    ├── InvalidValue
    ├── InsufficientCredit
    ├── OfferNotFound
    ├── OfferUnavailable
    ├── RentalNotFound
    ├── RentalNotInState
    ├── AccountNotFound
    ├── AccountExists
    ├── IdempotencyKeyReused
    ├── FaultNotFound
    ├── ActNotFound
    ├── ActExists
    ├── JournalInvalid
    ├── JournalDropped
    └── SnapshotInvalid

A refusal changes nothing. Its `code` is stable and names the reason; which HTTP status that means is
decided in `gpu_sim.api.problems`, never here.
"""

from typing import ClassVar


class Refusal(Exception):
    """The base of all refusals: a stable `code`, a `message` for people, and the field concerned, if one is."""

    code: ClassVar[str]

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param


class InvalidValue(Refusal):
    """A name that the catalogue lacks, or a value out of its bounds (A13). Mend the field named by `param`."""

    code = "invalid_value"


class InsufficientCredit(Refusal):
    """The available balance is below the hold (F17). Top up by `amount_needed_micros`, then rent again."""

    code = "insufficient_credit"

    def __init__(self, message: str, *, amount_needed_micros: int) -> None:
        super().__init__(message)
        self.amount_needed_micros = amount_needed_micros


class OfferNotFound(Refusal):
    """Each name exists, but nobody offers the combination (A13). Choose one from the offers list."""

    code = "offer_not_found"


class OfferUnavailable(Refusal):
    """Too few free GPUs, or an outage (F6, A13). Retry later, unless `retry_helps` is false (A16)."""

    code = "offer_unavailable"

    def __init__(self, message: str, *, retry_helps: bool, param: str | None = None) -> None:
        super().__init__(message, param=param)
        self.retry_helps = retry_helps


class RentalNotFound(Refusal):
    """No such rental of this account (A13): another account's is as unknown as one that never was."""

    code = "rental_not_found"


class RentalNotInState(Refusal):
    """The act does not fit the rental's present status, as a touch on a terminated one. Look at it first."""

    code = "rental_not_in_state"


class AccountNotFound(Refusal):
    """No account of that name in this world."""

    code = "account_not_found"


class AccountExists(Refusal):
    """An account of that name is already there. Choose another name."""

    code = "account_exists"


class IdempotencyKeyReused(Refusal):
    """The key was used within 24 h for a rent with another body (A17). Use a new key for a new request."""

    code = "idempotency_key_reused"


class FaultNotFound(Refusal):
    """No fault rule of that name in this world. Look at those that there are."""

    code = "fault_not_found"


class ActNotFound(Refusal):
    """No act of that name is in force in this world. Look at those that are: it is over, or has yet to begin."""

    code = "act_not_found"


class ActExists(Refusal):
    """An act of the timeline that has yet to begin has that name. Choose another one."""

    code = "act_exists"


class JournalInvalid(Refusal):
    """The bytes are no journal of this format. `param` names the line."""

    code = "journal_invalid"


class JournalDropped(Refusal):
    """The first lines of the journal are no longer held. Keep more of them, or keep them in a file."""

    code = "journal_dropped"


class SnapshotInvalid(Refusal):
    """The snapshot is of another format or version, is damaged, or does not fit the world. Nothing was restored."""

    code = "snapshot_invalid"
