"""Defaults as `omit_defaults` sees them: by identity, for msgspec compares no values."""

from functools import cache
from typing import TypeVar

from msgspec import NODEFAULT, Struct
from msgspec.structs import FieldInfo, fields, replace

from .catalog import OfferSpec
from .recordings import Recording

_T = TypeVar("_T", bound=Struct)

_WITHOUT = (OfferSpec, Recording)
"""Structs that have no default but None and True. There may be 100,000 of them, so nobody goes through their fields."""


def with_defaults_shared(struct: _T) -> _T:
    """An equal struct in which each value that equals the default of its field is that default, at any depth, and so
    is not written."""
    changes: dict[str, object] = {}
    for field in _fields(type(struct)):
        value: object = getattr(struct, field.name)
        shared = field.default if field.default is not NODEFAULT and value == field.default else _shared(value)
        if shared is not value:
            changes[field.name] = shared
    return replace(struct, **changes) if changes else struct


@cache
def _fields(type_: type[Struct]) -> tuple[FieldInfo, ...]:
    return fields(type_)  # reads annotations, which is slow


def _shared(value: object) -> object:
    if isinstance(value, tuple) and any(isinstance(each, Struct) for each in value):
        return tuple(map(_shared, value))
    if isinstance(value, Struct) and not isinstance(value, _WITHOUT):
        return with_defaults_shared(value)
    return value
