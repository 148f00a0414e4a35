"""Answers that a fault gives in place of the API's, in its error envelope (A12), with Retry-After."""

from email.utils import formatdate

from ...core.faults import Injection
from ...core.kernel import errors
from ...core.kernel.errors import Refusal
from ...core.scenario.fault_rules import Operation
from ...wall_clock import Pacer, wall_epoch_ms
from ..problems import InvalidToken, NotFound, PayloadTooLarge, UnsupportedMediaType, api_problem
from ..replies import Headers, Reply, json_reply

RETRY_AFTER_SECONDS = 1
"""The Retry-After of an injected 429 or 503 whose rule gives none."""

_SAYS = "injected by a fault of the simulator"
_MISSING_MICROS = 1_000_000  # the amount that an injected 402 claims to be missing
_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 409: "conflict_error"}
_TYPES |= {402: "insufficient_credit_error", 429: "rate_limit_error"}
_NOT_FOUND: dict[Operation, type[Refusal]] = {
    "list_offers": NotFound,
    "rent_gpu": errors.OfferNotFound,
    "get_rental": errors.RentalNotFound,
    "terminate_rental": errors.RentalNotFound,
}


def injected_reply(injection: Injection, operation: Operation, pacer: Pacer) -> Reply:
    """The injected answer; where the operation itself can refuse with this status, the same as that refusal."""
    status = 429 if injection.effect.respond is None else injection.effect.respond
    refusal = _as_refused(status, operation)
    if refusal is not None:
        return api_problem(refusal)
    type_ = _TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
    code = "rate_limited" if status == 429 else "injected_fault"
    headers: Headers = ()
    if status in (429, 503):
        headers = ((b"retry-after", _retry_after(injection, pacer)),)
    return json_reply(status, {"error": {"message": _SAYS, "type": type_, "param": None, "code": code}}, headers)


def _as_refused(status: int, operation: Operation) -> Refusal | None:
    """The operation's refusal with this status (A13), or None where it has none that fits any request.

    A 400 names a field at fault, for instance, which a sound request does not have.
    """
    refusals: dict[int, Refusal] = {
        401: InvalidToken(_SAYS),
        402: errors.InsufficientCredit(_SAYS, amount_needed_micros=_MISSING_MICROS),
        404: _NOT_FOUND[operation](_SAYS),
        413: PayloadTooLarge(_SAYS, more_comes=False),
        415: UnsupportedMediaType(_SAYS),
        422: errors.IdempotencyKeyReused(_SAYS),
    }
    if operation == "rent_gpu":
        refusals[409] = errors.OfferUnavailable(_SAYS, retry_helps=True)
    return refusals.get(status)


def _retry_after(injection: Injection, pacer: Pacer) -> bytes:
    """The Retry-After header: the rule's seconds, or those on the wall until the rate limit's next token (A24)."""
    effect = injection.effect
    if effect.retry_after is not None:
        seconds = -(-effect.retry_after // 1000)  # rounded up: a client that waits less comes too early
    elif effect.rate_limit is not None:
        seconds = pacer.in_wall_seconds(injection.wait_ms)
    else:
        seconds = RETRY_AFTER_SECONDS
    if effect.retry_after_as == "negative":
        return b"-%d" % seconds
    if effect.retry_after_as == "date":
        return formatdate(wall_epoch_ms() // 1000 + seconds, usegmt=True).encode()
    return b"%d" % seconds
