"""The header `x-sim`, by which a request asks for a fault, with the fields of a rule's effect."""

from typing import Any

import msgspec
from starlette.types import Scope

from ...core.faults import Injection
from ...core.kernel.errors import InvalidValue
from ...core.kernel.names import did_you_mean
from ...core.scenario.fault_rules import RESERVED, FaultEffect
from ...notation import decode_quantity, write_out_distribution
from ...type_errors import parse_type_error
from ..auth import header_values
from ..exchange import FAULT_HEADER

HEADER = FAULT_HEADER.decode()
_FLAGS = ("reset", "malformed", "lose_response", "duplicate")
_WITH_VALUE = ("respond", "retry_after", "retry_after_as", "delay", "clock", "hang", "truncate", "drip")


def injection_asked_for(scope: Scope) -> Injection | None:
    """The fault that a request's header asks for, or None without one. Raises InvalidValue."""
    values = header_values(scope, FAULT_HEADER)
    if not values:
        return None
    if len(values) > 1:
        raise _refusal("the header stands there twice")
    effect = parse_effect(values[0].decode("latin-1"))
    # A header can only give a fixed delay, so any draw will do, and no stream of the world is drawn from.
    delay_ms = 0 if effect.delay is None else effect.delay.sampler()(0)
    return Injection(RESERVED, effect, delay_ms)


def parse_effect(text: str) -> FaultEffect:
    """Parse an effect such as `respond=429; retry_after=2s; delay=2s` or `lose_response`. Raises InvalidValue."""
    fields: dict[str, Any] = {}
    for piece in text.split(";"):
        name, equals, value = (part.strip() for part in piece.partition("="))
        if name in fields:
            raise _refusal(f"{name} stands there twice")
        fields[name] = _read(name, value if equals else None)
    try:
        return msgspec.convert(fields, FaultEffect, dec_hook=decode_quantity)
    except msgspec.ValidationError as error:
        problem = parse_type_error(str(error))
        # A header only has the short form of a delay, and `fixed` is not in it.
        place = problem.place.removesuffix(".fixed")
        raise _refusal(f"{problem.reason} - at `{place}`" if place else problem.reason) from None


def _read(name: str, value: str | None) -> object:
    """Read a field's value into the form that it has in a rule's JSON. Raises InvalidValue."""
    if name in _FLAGS:
        if value is not None:
            raise _refusal(f"{name} stands alone, without a value")
        return True
    if name == "rate_limit":
        raise _refusal("rate_limit counts over several requests: it takes a rule")
    if name not in _WITH_VALUE:
        raise _refusal(f'no fault "{name[:64]}"{did_you_mean(name[:64], (*_WITH_VALUE, *_FLAGS))}')
    if not value:
        raise _refusal(f"{name} needs a value, as in {name}=...")
    if name == "respond":
        return int(value) if value.isascii() and value.isdigit() and len(value) <= 3 else value
    if name == "delay":
        return write_out_distribution(value)
    if name == "drip":
        return _drip(value)
    return value


def _drip(value: str) -> dict[str, object]:
    size, slash, every = value.partition("/")
    if not slash or not (size.isascii() and size.isdigit() and len(size) <= 9):
        raise _refusal("drip is bytes/every, such as 100/100ms")
    return {"bytes": int(size), "every": every}


def _refusal(message: str) -> InvalidValue:
    return InvalidValue(f"{HEADER}: {message}", param=HEADER)
