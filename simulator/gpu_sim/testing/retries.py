"""Rents that were sent again after a 402 although there was no new credit.

The log has requests in the order of their answers, the ledger money in the order of its changes, and both carry virtual
times. Within one instant only the order marks say which request came before which entry. Where they do not, credit may
have come in between, and the client is not accused.
"""

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from .records import Entry, Request

_SERVED = range(200, 300)
_arrival = re.compile(r"req_[0-9a-f]{12}_(\d+)").fullmatch


class OrderMark(Struct, frozen=True):
    """A point of both records: ledger entries up to `entry` came before the requests after number `request`, and where
    it `is_exact` later entries came after the requests up to that number."""

    request: int
    entry: int
    is_exact: bool = True


def retried_after_402(
    requests: Sequence[Request], ledger: Sequence[Entry], order_marks: Sequence[OrderMark]
) -> Iterator[Request]:
    """Rents retried after a 402 without new credit. `order_marks` are points known besides those that can be read in
    log and ledger."""
    all_marks = [*_opening(ledger), *_answers_mark(requests, ledger), *order_marks]
    refused: dict[object, Request] = {}
    for request in requests:
        if request.operation != "rent_gpu" or request.account is None or request.body is None:
            continue
        key = _offer(request)
        before = refused.get(key)
        if before is not None and not (
            _overlap(before, request, requests) or _may_have_grown(before, request, ledger, all_marks)
        ):
            yield request
        if request.status == 402:
            refused[key] = request
        elif request.status in _SERVED or request.rental_id:
            refused.pop(key, None)


def _offer(request: Request) -> str:
    body = request.body
    assert body is not None
    named = (body.get(name) for name in ("provider_id", "gpu_model", "region"))
    return repr((request.account, *named, body.get("gpu_count", 1)))


def _overlap(refusal: Request, retry: Request, requests: Sequence[Request]) -> bool:
    """True if the rent may have arrived before the 402 was answered, by the server's numbers of arrival. At one instant
    with another Idempotency-Key it is a rent of its own, not the same one again."""
    keys = {refusal.idempotency_key, retry.idempotency_key}
    if refusal.at == retry.at and len(keys) == 2 and None not in keys:
        return True
    arrived = _arrived(retry)
    if arrived is None:
        return False
    until_then = (_arrived(request) for request in requests if request.seq <= refusal.seq)
    return any(other is not None and other > arrived for other in until_then)


def _arrived(request: Request) -> int | None:
    """The place of the request among all that came, unless the client named it by an id of its own."""
    found = _arrival(request.request_id)
    return int(found[1]) if found else None


def _may_have_grown(
    refusal: Request, retry: Request, ledger: Sequence[Entry], order_marks: Sequence[OrderMark]
) -> bool:
    """True where something may have given the account credit after the 402 and before the retry."""
    before = max((mark.entry for mark in order_marks if mark.request < refusal.seq), default=0)
    after = min((mark.entry for mark in order_marks if mark.is_exact and mark.request >= retry.seq), default=None)
    is_slow = refusal.fault is not None  # a fault may delay the answer: then the 402 was decided long before it
    return any(
        entry.seq > before
        and (entry.at >= refusal.at or is_slow)
        and (after is None or entry.seq <= after)
        and entry.at <= retry.at
        and _gives(entry, refusal.account)
        for entry in ledger
    )


def _gives(entry: Entry, account: str | None) -> bool:
    return any(leg.amount > 0 and leg.account == f"{account}/available" for leg in entry.postings)


def _opening(ledger: Sequence[Entry]) -> list[OrderMark]:
    """The balances that the accounts begin with came before all requests."""
    opened: set[str | None] = set()
    for entry in ledger:
        if entry.kind != "credit_added" or entry.at != ledger[0].at or entry.account in opened:
            break
        opened.add(entry.account)
    return [OrderMark(0, ledger[len(opened) - 1].seq, is_exact=False)] if opened else []


def _answers_mark(requests: Sequence[Request], ledger: Sequence[Entry]) -> Iterator[OrderMark]:
    """The marks of the first answers to rents and to DELETEs: by then the hold is placed, or the rental settled."""
    placed = {entry.rental_id: entry.seq for entry in ledger if entry.kind == "hold_placed"}
    settled = {entry.rental_id: entry.seq for entry in ledger if entry.kind == "rental_settled"}
    for request in requests:
        if request.operation == "rent_gpu" and request.rental_id in placed:
            yield OrderMark(request.seq, placed.pop(request.rental_id), is_exact=request.fault is None)
        elif request.operation == "terminate_rental" and request.status in _SERVED and request.rental_id in settled:
            yield OrderMark(request.seq, settled.pop(request.rental_id), is_exact=False)
