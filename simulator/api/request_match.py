"""What a request is asked to be like, and where it is not."""

import json
import re
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from ..core.fault_rules import Operation
from .logged_request import LoggedRequest

_is_class = re.compile(r"[0-9]xx").fullmatch

_FIELDS = {
    "operation": "operation",
    "account": "account",
    "fault": "fault",
    "rental": "rental_id",
    "method": "method",
    "path": "path",
    "idempotency_key": "idempotency_key",
}
"""The fields of a match that are compared as they are, and what they are called in a request."""


class Mismatch(Struct, frozen=True):
    """A field in which a request is not what was expected."""

    field: str
    expected: Any
    actual: Any


class Match(Struct, frozen=True, forbid_unknown_fields=True):
    """What a request should be like. A field left out allows everything, null only what is not there.

    `status` is one such as 409, or a class such as "4xx"; of `body` only the fields given are compared.
    """

    operation: Operation | UnsetType | None = UNSET
    account: str | UnsetType | None = UNSET
    status: int | str | UnsetType = UNSET
    fault: str | UnsetType | None = UNSET
    rental: str | UnsetType | None = UNSET
    method: str | UnsetType = UNSET
    path: str | UnsetType = UNSET
    idempotency_key: str | UnsetType | None = UNSET
    body: dict[str, Any] | UnsetType = UNSET

    def __post_init__(self) -> None:
        if isinstance(self.status, str) and _is_class(self.status) is None:
            raise ValueError('a status is a number such as 409, or a class such as "4xx"')

    def mismatches(self, request: LoggedRequest) -> list[Mismatch]:
        """Where the request is not like this, field by field; nothing where it is."""
        found = []
        for name, field in _FIELDS.items():
            expected, actual = getattr(self, name), getattr(request, field)
            if expected is not UNSET and expected != actual:
                found.append(Mismatch(name, expected, actual))
        if self.status is not UNSET and not _has_status(self.status, request.status):
            found.append(Mismatch("status", self.status, request.status))
        if self.body is not UNSET:
            body = request.body or {}
            for name, expected in self.body.items():
                if name not in body or not _is_same(expected, body[name]):
                    found.append(Mismatch(f"body.{name}", expected, body.get(name)))
        return found


def _has_status(expected: int | str | UnsetType, actual: int) -> bool:
    return f"{actual // 100}xx" == expected if isinstance(expected, str) else actual == expected


def _is_same(expected: Any, actual: Any) -> bool:
    """Equality of JSON: true is not 1."""
    return json.dumps(expected, sort_keys=True) == json.dumps(actual, sort_keys=True)
