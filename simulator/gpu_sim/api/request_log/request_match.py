"""Matching of logged requests against expectations, field by field."""

import re
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from ...core.faults.injection import NAMES_BETWEEN
from ...core.scenario.fault_rules import Operation
from .logged_request import LoggedRequest

BODY_BYTES_MAX = 16 << 10
"""The largest body of a match in bytes: it is compared with every request's body."""

_CHARACTERS_SHOWN = 256

_is_class = re.compile(r"[0-9]xx").fullmatch

_FIELDS = {
    "operation": "operation",
    "account": "account",
    "error": "error",
    "fault": "fault",
    "rental": "rental_id",
    "provider": "provider_id",
    "gpu_model": "gpu_model",
    "region": "region",
    "method": "method",
    "path": "path",
    "idempotency_key": "idempotency_key",
}
"""Fields of a match that are compared by equality, with their names in a logged request."""

_OPEN_IN_FLIGHT = frozenset(("status", "error", "fault"))
"""Fields of a request that are certain only once it is over."""

_NAMED_BY_BODY = frozenset(("account", "provider", "gpu_model", "region"))
"""Fields that are certain only once the body has come; the token is looked up after that too."""


class Mismatch(Struct, frozen=True):
    """A field of a request that differs from the expectation."""

    field: str
    expected: Any
    actual: Any


class Match(Struct, frozen=True, forbid_unknown_fields=True):
    """An expectation of a request. A field left out allows any value, null only a missing one; `fault` is that of any
    rule that acted.

    `status` is one such as 409, or a class such as "4xx"; `error` is the code of the answer's error, such as
    "offer_unavailable"; `provider`, `gpu_model` and `region` are of the offer that a rent names; of `body` only the
    fields given are compared.
    """

    operation: Operation | UnsetType | None = UNSET
    account: str | UnsetType | None = UNSET
    status: int | str | UnsetType = UNSET
    error: str | UnsetType | None = UNSET
    fault: str | UnsetType | None = UNSET
    rental: str | UnsetType | None = UNSET
    provider: str | UnsetType | None = UNSET
    gpu_model: str | UnsetType | None = UNSET
    region: str | UnsetType | None = UNSET
    method: str | UnsetType = UNSET
    path: str | UnsetType = UNSET
    idempotency_key: str | UnsetType | None = UNSET
    body: dict[str, Any] | UnsetType = UNSET

    def __post_init__(self) -> None:
        if isinstance(self.status, str) and _is_class(self.status) is None:
            raise ValueError('a status is a number such as 409, or a class such as "4xx"')
        if self.body is not UNSET and len(msgspec.json.encode(self.body)) > BODY_BYTES_MAX:
            raise ValueError(f"the body of a match is at most {BODY_BYTES_MAX} bytes")

    def mismatches(self, request: LoggedRequest) -> list[Mismatch]:
        """The fields in which a request differs from this match; none where it matches."""
        found = []
        for name, field in _FIELDS.items():
            expected, actual = getattr(self, name), getattr(request, field)
            if expected is not UNSET and expected != actual and not _is_one_of_several(name, expected, actual):
                found.append(Mismatch(name, expected, actual))
        if self.status is not UNSET and not _has_status(self.status, request.status):
            found.append(Mismatch("status", self.status, request.status))
        if self.body is not UNSET:
            body = request.body or {}
            for name, expected in self.body.items():
                if name not in body or not _is_same(expected, body[name]):
                    found.append(Mismatch(f"body.{name}", expected, body.get(name)))
        return found

    def is_about(self, operation: str | None, account: str | None) -> bool:
        """True where a request with this operation and account may be like this match."""
        return self.operation in (UNSET, operation) and self.account in (UNSET, account)

    def may_fit(self, request: LoggedRequest, *, has_body: bool) -> bool:
        """True where a request in flight may be like this match once it is over: nothing that is certain by now
        differs. `has_body` is False while its body is still coming."""
        fields = {mismatch.field for mismatch in self.mismatches(request)} - _OPEN_IN_FLIGHT
        if request.operation == "rent_gpu" and request.rental_id is None:
            fields.discard("rental")
        if not has_body:
            fields = {field for field in fields if field not in _NAMED_BY_BODY and not field.startswith("body.")}
        return not fields


def _is_one_of_several(field: str, expected: str | None, actual: str | None) -> bool:
    """True for one of the fault rules that acted on a request."""
    return field == "fault" and actual is not None and expected in actual.split(NAMES_BETWEEN)


def _has_status(expected: int | str | UnsetType, actual: int) -> bool:
    return f"{actual // 100}xx" == expected if isinstance(expected, str) else actual == expected


def _is_same(expected: Any, actual: Any) -> bool:
    """Compare JSON values by type too: 1 is neither true nor 1.0. The first difference ends the comparison."""
    if type(expected) is not type(actual):
        return False
    if isinstance(expected, dict):
        return expected.keys() == actual.keys() and all(_is_same(item, actual[key]) for key, item in expected.items())
    if isinstance(expected, list):
        return len(expected) == len(actual) and all(map(_is_same, expected, actual))
    return bool(expected == actual)


def shortened(mismatch: Mismatch) -> Mismatch:
    """Shorten a mismatch for an answer: a long name, and the JSON of a long value, are cut."""
    return Mismatch(mismatch.field[:_CHARACTERS_SHOWN], _shortened(mismatch.expected), _shortened(mismatch.actual))


def _shortened(value: Any) -> Any:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return value if len(text) <= _CHARACTERS_SHOWN else f"{text[:_CHARACTERS_SHOWN]}…"
