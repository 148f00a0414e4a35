"""An API request as the control plane shows it: one shape for the server that writes and clients that read."""

from typing import Any, Generic, TypeVar

from msgspec import Struct

At = TypeVar("At")
"""The type of a virtual instant: text where it is written, a datetime where it is read."""


class RequestRecord(Struct, Generic[At], frozen=True):
    """One API request and what came of it, without tokens and SSH keys.

    `at` is virtual, `duration_ms` wall time; `status` is 0 where the client got no answer; `body` is there where it
    was a JSON object that was short enough to keep, `body_bytes` always.
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
