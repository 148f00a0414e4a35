"""The verdict on the client's behaviour, derived from request log, rentals and ledger alone."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

from ..request_record import still_being_answered
from .records import Entry, Rental, Request, RequestInFlight
from .retries import OrderMark, retried_after_402

_SERVED = range(200, 300)


class ClientReport(Struct, frozen=True):
    """The client's behaviour up to now. Print it, or assert on its fields.

    Its rentals are those that its requests made, also where the answer was lost; those that the scenario makes are not
    counted, nor what they cost."""

    rents: int
    """Rentals that the client made; a retry that was answered with the first one (A17) is not counted."""
    interrupted: int
    """Those that the market interrupted (A2)."""
    left_running: tuple[Rental, ...]
    """Those that are still provisioning or running, and so cost money or will."""
    never_deleted: tuple[Rental, ...]
    """Those that are still there or were ended by their idle timeout (F19), without a DELETE that was served or had no
    answer. Rentals that ended otherwise needed none."""
    rents_retried_after_402: tuple[Request, ...]
    """Rents of the offer that a 402 had refused (F17), sent again although the account's credit had not grown since,
    whatever their answers."""
    unauthorized: int
    """Requests that got 401 (F2), and not from a fault. On a server given by `--gpu-sim-url` it is not known whose they
    were: there it is 0."""
    client_errors: Mapping[int, int]
    """The number of requests by 4xx status."""
    server_errors: Mapping[int, int]
    """The number of requests by 5xx status, or 0 for no answer: injected faults."""
    error_codes: Mapping[str, int]
    """The number of requests by the `code` of the answer's error, also where the client did not get that answer."""
    in_flight: tuple[RequestInFlight, ...]
    """Requests that are still being answered: what comes of them, the report does not know."""
    spent: Decimal
    """The charges for its rentals, in US dollars (F13, F15)."""
    held: Decimal
    """The credit that holds reserve for them now, in US dollars (F8)."""
    requests_dropped: int
    """The number of early requests that are no longer kept; the report knows nothing of those, nor of the
    rentals that they made."""

    @property
    def problems(self) -> tuple[str, ...]:
        """Each thing that a client should not leave behind or do, as a sentence; empty where there is none."""
        found = [
            f"{rental.rental_id} ({rental.gpu_model}, {rental.provider_id}) is still {rental.status}"
            for rental in self.left_running
        ]
        found += [
            f"{rental.rental_id} ({rental.gpu_model}, {rental.provider_id}) was never deleted and idled out"
            for rental in self.never_deleted
            if rental.status == "terminated"
        ]
        found += [f"a rent refused with 402 was sent again: {request}" for request in self.rents_retried_after_402]
        if self.in_flight:
            says = still_being_answered(request.operation for request in self.in_flight)
            found.append(f"{says}: {'; '.join(map(str, self.in_flight))}")
        if self.unauthorized:
            found.append(f"requests without a valid token: {self.unauthorized}")
        return tuple(found)

    def __str__(self) -> str:
        statuses = {**self.client_errors, **self.server_errors}
        shown = ", ".join(f"{count} x {status or 'no answer'}" for status, count in sorted(statuses.items()))
        codes = ", ".join(f"{count} x {code}" for code, count in self.error_codes.items())
        lines = [
            f"{self.rents} rents, {self.interrupted} interrupted, ${self.spent} spent, ${self.held} held",
            f"errors: {shown or 'none'}" + (f" ({codes})" if codes else ""),
            *(f"- {problem}" for problem in self.problems),
        ]
        if self.requests_dropped:
            lines.append(f"the first {self.requests_dropped} requests, and what they rented, are not known any more")
        return "\n".join(lines)


def report_on(
    *,
    requests: Sequence[Request],
    requests_dropped: int,
    in_flight: Sequence[RequestInFlight],
    unknown_token_requests: Sequence[Request],
    rentals: Sequence[Rental],
    ledger: Sequence[Entry],
    order_marks: Sequence[OrderMark],
) -> ClientReport:
    """The verdict. `unknown_token_requests` are requests whose token no world knew; `order_marks` are points where it
    is known which of log and ledger came first."""
    all_requests = (*requests, *unknown_token_requests)
    statuses = Counter(request.status for request in all_requests)
    made = {request.rental_id for request in requests if request.operation == "rent_gpu" and request.rental_id}
    own = [rental for rental in rentals if rental.rental_id in made]
    deleted = {
        request.rental_id
        for request in requests
        # A DELETE without an answer counts: the client cannot know more, and it may have been served.
        if request.operation == "terminate_rental" and (request.status == 0 or request.status in _SERVED)
    }
    entries = [entry for entry in ledger if entry.rental_id in made]
    return ClientReport(
        rents=len(made),
        interrupted=sum(rental.termination_reason == "interrupted" for rental in own),
        left_running=tuple(rental for rental in own if rental.status != "terminated"),
        never_deleted=tuple(
            rental
            for rental in own
            if rental.rental_id not in deleted and rental.termination_reason in (None, "idle_timeout")
        ),
        rents_retried_after_402=tuple(retried_after_402(requests, ledger, order_marks)),
        unauthorized=sum(request.status == 401 and request.fault is None for request in all_requests),
        client_errors={status: count for status, count in sorted(statuses.items()) if 400 <= status < 500},
        server_errors={status: count for status, count in sorted(statuses.items()) if status == 0 or status >= 500},
        error_codes=dict(sorted(Counter(request.error for request in all_requests if request.error).items())),
        in_flight=tuple(in_flight),
        spent=_posted(entries, "revenue"),
        held=_posted(entries, *(f"{rental.account}/held" for rental in own)),
        requests_dropped=requests_dropped,
    )


def _posted(entries: Iterable[Entry], *accounts: str) -> Decimal:
    legs = (leg for entry in entries for leg in entry.postings if leg.account in accounts)
    # Six decimals as the ledger has them, also where nothing was posted.
    return sum((leg.amount for leg in legs), Decimal("0.000000"))


def latest(requests: Sequence[Request], unknown_token_requests: Sequence[Request], count: int) -> list[str]:
    """The latest `count` requests, each as a line; those with an unknown token come after the others."""
    lines = [str(request) for request in requests[-count:]]
    return lines + [f"{request} (a token that no world knows)" for request in unknown_token_requests[-count:]]
