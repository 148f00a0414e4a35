"""Records of a world, as the control plane shows them to tests. Money is in US dollars, time virtual and in UTC
(A23)."""

from datetime import datetime
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from ..request_record import RequestRecord
from ..terminal_text import printable


class Account(Struct, frozen=True):
    """A customer and the money of that customer: `balance` is `available` and `held` together (F16)."""

    name: str
    token: str
    balance: Decimal
    available: Decimal
    held: Decimal

    def __repr__(self) -> str:
        money = f"balance={self.balance!r}, available={self.available!r}, held={self.held!r}"
        return f"Account(name={self.name!r}, token=..., {money})"  # pytest shows it where an assertion fails


class Posting(Struct, frozen=True):
    """One signed leg of a ledger entry, in US dollars."""

    account: str
    amount: Decimal


class Entry(Struct, frozen=True):
    """A ledger entry; its postings sum to zero (A8)."""

    seq: int
    at: datetime
    kind: str
    account: str | None
    rental_id: str | None
    postings: tuple[Posting, ...]


class Notice(Struct, frozen=True):
    """A notice given `at` an instant, of an interruption at another."""

    at: datetime
    interrupts_at: datetime


class Rental(Struct, frozen=True):
    """A rental, with more than the API shows (F11, A18). `price_per_gpu_hour`, `hold_amount` and `billed_amount` are in
    US dollars; what is not known yet is None, and so is a notice that was withdrawn."""

    rental_id: str
    account: str
    status: Literal["provisioning", "running", "terminated"]
    gpu_model: str
    provider_id: str
    region: str
    gpu_count: int
    price_per_gpu_hour: Decimal
    hold_amount: Decimal
    hold_status: Literal["active", "settled", "expired"]
    created_at: datetime
    started_at: datetime | None
    terminated_at: datetime | None
    termination_reason: str | None
    billed_amount: Decimal | None
    interruption_notice: Notice | None = None


class Request(RequestRecord[datetime], frozen=True):
    """A request to the API. `status` is 0 where the client got no answer; `body` is there where it was a JSON object
    that was short enough to keep; tokens and SSH keys are not in it."""

    def __str__(self) -> str:
        target = f"{self.path}?{self.query}" if self.query else self.path
        injected = f" (fault {self.fault})" if self.fault else ""
        about = f" {self.rental_id}" if self.rental_id and self.rental_id not in target else ""
        shown = printable(f"{self.method} {target}{about}")  # pytest shows it where a test fails
        return f"#{self.seq} {self.at:%H:%M:%S} {shown} -> {self.status or 'no answer'}{injected}"


class KeptRequests(Struct, frozen=True):
    """The requests that are kept, oldest first; `latest` is the number of the latest, `dropped` counts those no longer
    kept."""

    data: tuple[Request, ...]
    latest: int
    dropped: int
