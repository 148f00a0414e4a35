"""API requests as the control plane shows them, over or in flight: one shape for the server that writes and clients
that read."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from msgspec import Struct

At = TypeVar("At")
"""The type of a virtual instant: text where it is written, a datetime where it is read."""

_NOUNS: dict[str | None, tuple[str, str]] = {
    "rent_gpu": ("rent", "rents"),
    "terminate_rental": ("DELETE of a rental", "DELETEs of rentals"),
    "get_rental": ("GET of a rental", "GETs of rentals"),
    "list_offers": ("list of offers", "lists of offers"),
    None: ("request", "requests"),
}
"""Requests of each operation, one of them and several."""


class RequestRecord(Struct, Generic[At], frozen=True):
    """One API request and what came of it, without tokens and SSH keys.

    `at` is virtual, `duration_ms` wall time; `status` is 0 where the client got no answer; `error` is the `code` of the
    answer's error, also where a fault gave that answer, spoiled it or kept it from the client. `provider_id`,
    `gpu_model` and `region` name the offer that a rent asks for. `body` is there where it was a JSON object that was
    short enough to keep, `body_bytes` always.
    """

    seq: int
    at: At
    duration_ms: float
    account: str | None
    operation: str | None
    method: str
    path: str
    query: str
    status: int
    fault: str | None
    rental_id: str | None
    request_id: str
    idempotency_key: str | None
    body: dict[str, Any] | None
    body_bytes: int
    error: str | None
    provider_id: str | None
    gpu_model: str | None
    region: str | None


class InFlightRecord(Struct, Generic[At], frozen=True):
    """One API request that is still being answered, also where its client has gone.

    `since` is the virtual time of its arrival, `duration_ms` the wall time up to now; `fault` names the rule that has
    been decided for it by now, if one was. What its body names is not known before that has come.
    """

    since: At
    duration_ms: float
    account: str | None
    operation: str | None
    method: str
    path: str
    query: str
    fault: str | None
    rental_id: str | None
    provider_id: str | None
    gpu_model: str | None
    region: str | None
    request_id: str
    idempotency_key: str | None


def still_being_answered(operations: Iterable[str | None]) -> str:
    """Say how many requests of each operation are in flight, one at least: `2 rents and 1 request are still being
    answered`."""
    counts = Counter(operations)
    parts = [f"{counts[name]} {nouns[counts[name] > 1]}" for name, nouns in _NOUNS.items() if counts[name]]
    verb = "is" if counts.total() == 1 else "are"
    return f"{_joined(parts)} {verb} still being answered"


def _joined(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
