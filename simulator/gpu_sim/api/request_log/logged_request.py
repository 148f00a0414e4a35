"""A request of the log in the form in which it is shown, and as a line of the server's log."""

from typing import Any

import msgspec

from ...core.kernel.clock import format_instant
from ...core.kernel.errors import Refusal
from ...request_record import RequestRecord
from ...terminal_text import printable
from ...wall_clock import wall_epoch_ms
from ...worlds.request_log import NO_OFFER, AskedOffer, KeptRequest
from ..exchange import Exchange, named_offer
from ..strict_json import parse_json
from .kept_request import PATH_CHARACTERS_MAX
from .redaction import Redactor

_NS_PER_MS = 1_000_000


class LoggedRequest(RequestRecord[str], frozen=True):
    """A request of the log, with its time as RFC 3339 (A23)."""


def logged_request(seq: int, request: KeptRequest, redactor: Redactor) -> LoggedRequest:
    """Redact request number `seq` of a log and put it into the form in which it is shown."""
    body = request.body
    shown_body = _body(body, redactor)
    provider_id, gpu_model, region = _offer(request, shown_body)
    return LoggedRequest(
        seq=seq,
        at=request.at,
        duration_ms=_ms(request.span_ns),
        account=request.account or None,
        operation=request.operation,
        method=redactor.text(request.method),
        path=redactor.url(request.path),
        query=redactor.url(request.query.decode("latin-1")),
        status=request.status,
        error=redactor.text(request.error) or None,
        fault=request.fault or None,
        rental_id=redactor.url(request.rental_id) or None,
        provider_id=provider_id,
        gpu_model=gpu_model,
        region=region,
        request_id=redactor.text(request.request_id.decode()),
        idempotency_key=redactor.text(request.idempotency_key.decode("latin-1")) or None,
        body=shown_body,
        body_bytes=body if isinstance(body, int) else len(body),
    )


def _body(body: bytes | int, redactor: Redactor) -> dict[str, Any] | None:
    if isinstance(body, int) or not body:
        return None
    try:
        shown: dict[str, Any] = redactor.json(parse_json(body))
    except Refusal:
        return None
    return shown


def _offer(request: KeptRequest, shown_body: dict[str, Any] | None) -> AskedOffer:
    if request.operation != "rent_gpu":
        return NO_OFFER
    return request.offer if isinstance(request.body, int) else named_offer(shown_body)


def log_line(exchange: Exchange, request: KeptRequest, redactor: Redactor) -> bytes:
    """Encode a finished request as one line of JSON, line feed included."""
    is_rent = request.operation == "rent_gpu"
    provider_id, gpu_model, region = _offer(request, _body(request.body, redactor) if is_rent else None)
    line = {
        "at": exchange.world.now,
        "time": format_instant(wall_epoch_ms()),
        "world": exchange.world.name,
        "account": exchange.account or None,
        "operation": exchange.operation,
        "method": redactor.text(exchange.scope["method"]),
        "path": redactor.url(exchange.scope["path"])[:PATH_CHARACTERS_MAX],
        "query": redactor.url(request.query.decode("latin-1")),
        "status": exchange.status,
        "error": redactor.text(request.error) or None,
        "fault": exchange.fault or None,
        "rental_id": redactor.url(request.rental_id) or None,
        "provider_id": provider_id,
        "gpu_model": gpu_model,
        "region": region,
        "request_id": redactor.text(exchange.request_id.decode()),
        "duration_ms": _ms(request.span_ns),
    }
    # A terminal may show it, and JSON leaves some of what that obeys as it is.
    return printable(msgspec.json.encode(line).decode()).encode() + b"\n"


def _ms(span_ns: int) -> float:
    return round(span_ns / _NS_PER_MS, 3)
