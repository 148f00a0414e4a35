"""Records of a world, as the control plane shows them to tests. Money is in US dollars, time virtual and in UTC
(A23)."""

from datetime import datetime
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from ..request_record import InFlightRecord, RequestRecord
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
    that was short enough to keep; `error` is the code of the answer's error; tokens and SSH keys are not in it."""

    def __str__(self) -> str:
        injected = f" (fault {self.fault})" if self.fault else ""
        answer = f"{self.status} {printable(self.error or '')}".rstrip() if self.status else "no answer"
        return f"#{self.seq} {self.at:%H:%M:%S} {_asked(self)} -> {answer}{injected}"


class RequestInFlight(InFlightRecord[datetime], frozen=True):
    """A request to the API that is still being answered, also where its client has gone. `since` is the virtual time
    of its arrival, `duration_ms` the wall time up to now."""

    def __str__(self) -> str:
        injected = f" (fault {self.fault})" if self.fault else ""
        return f"{_asked(self)} for {self.duration_ms / 1000:.1f} s{injected}"


def _asked(request: Request | RequestInFlight) -> str:
    target = f"{request.path}?{request.query}" if request.query else request.path
    named = (request.gpu_model, request.provider_id, request.region)
    offer = f" ({', '.join(name for name in named if name)})" if any(named) else ""
    about = f" {request.rental_id}" if request.rental_id and request.rental_id not in target else ""
    return printable(f"{request.method} {target}{offer}{about}")  # pytest shows it where a test fails


class FirstInFlight(Struct, frozen=True):
    """The requests in flight: their number, and the first of them."""

    total: int
    data: tuple[RequestInFlight, ...]


class KeptRequests(Struct, frozen=True):
    """The requests that are kept, oldest first, and those in flight at the same moment; `latest` is the number of the
    latest that is over, `dropped` counts those no longer kept."""

    data: tuple[Request, ...]
    latest: int
    dropped: int
    in_flight: FirstInFlight
