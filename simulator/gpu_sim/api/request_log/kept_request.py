"""A request as the log keeps it: raw but for what is too long, as few are ever read."""

from ...core.kernel.errors import Refusal
from ...worlds.request_log import NO_OFFER, AskedOffer, KeptRequest
from ..exchange import Exchange, named_offer, rental_id_in
from ..strict_json import parse_json
from .redaction import Redactor

# Bounds of one record, so that the log's limit in requests bounds its memory too.
BODY_BYTES_KEPT = 4 << 10
METHOD_CHARACTERS_KEPT = 32
KEY_BYTES_KEPT = 256
PATH_CHARACTERS_MAX = 2_048
"""The longest part of a path that is logged."""
NAME_CHARACTERS_KEPT = 256
"""The longest part of each name of an offer that is logged, where the body is too long to be kept."""

_ON_A_RENTAL = ("get_rental", "terminate_rental")


def keep(exchange: Exchange, span_ns: int, redactor: Redactor) -> KeptRequest:
    """The record of a request that has taken `span_ns` of wall time."""
    scope, operation, body = exchange.scope, exchange.operation, exchange.body
    path: str = scope["path"]
    query: bytes = scope["query_string"]
    rental_id = exchange.rental_id
    if not rental_id and operation in _ON_A_RENTAL:  # a fault or a refusal came before the rental was looked for
        rental_id = rental_id_in(path)
    is_long = len(body) > BODY_BYTES_KEPT
    # In the order of the fields: with their names it takes twice as long, and every request comes through here.
    return KeptRequest(
        exchange.now or exchange.world.now,
        span_ns,
        exchange.account,
        operation,
        scope["method"] if operation else redactor.cut(scope["method"], METHOD_CHARACTERS_KEPT),
        # Long parts are redacted here, before they are cut: half a token could not be recognised later.
        path if len(path) <= PATH_CHARACTERS_MAX else redactor.cut(path, PATH_CHARACTERS_MAX),
        query if len(query) <= PATH_CHARACTERS_MAX else _cut(query, PATH_CHARACTERS_MAX, redactor),
        exchange.status,
        exchange.error,
        exchange.fault,
        rental_id and redactor.cut(rental_id, PATH_CHARACTERS_MAX),
        _offer_in_long(body, redactor) if is_long and operation == "rent_gpu" else NO_OFFER,
        exchange.request_id,
        _idempotency_key(exchange, redactor) if operation == "rent_gpu" else b"",
        len(body) if is_long else body,
    )


def _offer_in_long(body: bytes, redactor: Redactor) -> AskedOffer:
    try:
        provider_id, gpu_model, region = named_offer(parse_json(body))
    except Refusal:
        return NO_OFFER
    return (_name(provider_id, redactor), _name(gpu_model, redactor), _name(region, redactor))


def _name(name: str | None, redactor: Redactor) -> str | None:
    return name and redactor.text(name)[:NAME_CHARACTERS_KEPT]


def _idempotency_key(exchange: Exchange, redactor: Redactor) -> bytes:
    for name, value in exchange.scope["headers"]:
        if name == b"idempotency-key":
            return _cut(value, KEY_BYTES_KEPT, redactor)
    return b""


def _cut(content: bytes, length: int, redactor: Redactor) -> bytes:
    return redactor.cut(content.decode("latin-1"), length).encode("latin-1", "replace")
