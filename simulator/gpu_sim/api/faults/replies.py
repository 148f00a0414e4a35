"""Answers that a fault gives in place of the API's: in its error envelope (A12) or as a gateway gives them, with
Retry-After."""

from email.utils import formatdate
from http import HTTPStatus

import msgspec

from ...core.faults.injection import Injection
from ...core.kernel import errors
from ...core.kernel.errors import Refusal
from ...core.kernel.quantities import NO_RETRY_AFTER
from ...core.scenario.fault_effects import WITH_RETRY_AFTER, FaultEffect
from ...core.scenario.fault_rules import Operation
from ...wall_clock import Pacer, wall_epoch_ms
from ..problems import InvalidToken, NotFound, PayloadTooLarge, UnsupportedMediaType, api_problem
from ..replies import Headers, Reply, json_reply

RETRY_AFTER_SECONDS = 1
"""The Retry-After of an injected 429 or 503 whose rule gives none."""

CODE_CHARACTERS_MAX = 64
"""The longest part of a rule's own error code that is logged."""

_SAYS = "injected by a fault of the simulator"
_TEXT = b"text/plain; charset=utf-8"
_PAGE = (
    "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n"
    "<hr><center>gateway</center>\r\n</body>\r\n</html>\r\n"
)
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
    """The answer in place of the command's: with the effect's status, 429 of a rate limit, and the effect's body."""
    effect = injection.effect
    assert effect is not None
    status = 429 if effect.respond is None else effect.respond
    retry_after = _retry_after(effect, status, injection.wait_ms, pacer)
    if effect.has_empty_body:
        return Reply(status, b"", retry_after)
    if effect.form not in (None, "api") or effect.body is not None:
        media, body = _form(effect, status)
        return Reply(status, body, ((b"content-type", media), *retry_after), error=_code_in(effect.body))
    refusal = _as_refused(status, operation)
    if refusal is not None:
        reply = api_problem(refusal)
        # Those that the operation gives have none, and one that the effect gives is added.
        reply.headers = (*reply.headers, *retry_after)
        return reply
    type_ = _TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
    code = "rate_limited" if status == 429 else "injected_fault"
    said = {"message": _SAYS, "type": type_, "param": None, "code": code}
    return json_reply(status, {"error": said}, retry_after, error=code)


def _code_in(body: object) -> str:
    """The `code` of the error in a body of a rule's own; empty where it has none, or not in the API's envelope."""
    error = body.get("error") if isinstance(body, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    return code[:CODE_CHARACTERS_MAX] if isinstance(code, str) else ""


def _form(effect: FaultEffect, status: int) -> tuple[bytes, bytes]:
    """The media type and the body of an answer that is not in the API's envelope."""
    if isinstance(effect.body, str):
        return _TEXT, effect.body.encode()
    if effect.body is not None:
        return b"application/json", msgspec.json.encode(effect.body)
    title = _title(status)
    match effect.form:
        case "problem":
            problem = {"type": "about:blank", "title": title.partition(" ")[2], "status": status, "detail": _SAYS}
            return b"application/problem+json", msgspec.json.encode(problem)
        case "html":
            return b"text/html", _PAGE.format(title).encode()
        case _:
            return _TEXT, f"{title}\n".encode()


def _title(status: int) -> str:
    """A status with the name that it has, such as `502 Bad Gateway`."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status} Unknown"


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


def _retry_after(effect: FaultEffect, status: int, wait_ms: int, pacer: Pacer) -> Headers:
    """The Retry-After header, if any: the rule's seconds, or those on the wall until the limit's next token (A24)."""
    if effect.retry_after == NO_RETRY_AFTER:
        return ()
    if effect.retry_after is not None:
        seconds = -(-effect.retry_after // 1000)  # rounded up: a client that waits less comes too early
    elif effect.rate_limit is not None:
        seconds = pacer.in_wall_seconds(wait_ms)
    elif status in WITH_RETRY_AFTER:
        seconds = RETRY_AFTER_SECONDS
    else:
        return ()
    return ((b"retry-after", _written(effect, seconds)),)


def _written(effect: FaultEffect, seconds: int) -> bytes:
    """A span in seconds as the effect writes it."""
    match effect.retry_after_as:
        case "negative":
            return b"-%d" % seconds
        case "date":
            return formatdate(wall_epoch_ms() // 1000 + seconds, usegmt=True).encode()
        case "epoch":
            return b"%d" % (wall_epoch_ms() // 1000 + seconds)
        case _:
            return b"%d" % seconds
