"""The header `x-sim`, by which a request asks for a fault, with the fields of a rule's effect."""

from typing import Any

import msgspec
from starlette.types import Scope

from ...core.faults.injection import Injection, injected_delay
from ...core.kernel.errors import InvalidValue, Refusal
from ...core.kernel.names import did_you_mean
from ...core.scenario.fault_effects import FaultEffect
from ...core.scenario.fault_rules import RESERVED
from ...notation import decode_quantity, write_out_distribution
from ...type_errors import TypeProblem, effect_hint, parse_type_error
from ..auth import header_values
from ..exchange import FAULT_HEADER
from ..strict_json import parse_json

HEADER = FAULT_HEADER.decode()
_FLAGS = ("reset", "malformed", "lose_response", "duplicate", "gzip", "after")
_NUMBERS = {"respond": 3, "whitespace": 5}
"""The whole numbers and the digits that they may have."""

_WITH_VALUE = (
    *_NUMBERS,
    *("retry_after", "retry_after_as", "delay", "delay_of", "clock", "hang", "truncate", "drip", "form", "body"),
)
_IN_JSON = ("headers",)
"""The fields that only the long form has."""


def injection_asked_for(scope: Scope) -> Injection | None:
    """The fault that a request's header asks for, or None without one. Raises InvalidValue."""
    values = header_values(scope, FAULT_HEADER)
    if not values:
        return None
    if len(values) > 1:
        raise _refusal("the header stands there twice")
    effect = parse_effect(values[0].decode("latin-1"))
    if effect.delay is None:
        return Injection((RESERVED,), effect)
    # A header can only give a fixed delay, so any draw will do, and no stream of the world is drawn from.
    delay = injected_delay(effect, effect.delay.sampler()(0))
    return Injection((RESERVED,), None if effect.delays_alone else effect, (delay,))


def parse_effect(text: str) -> FaultEffect:
    """Parse an effect such as `respond=429; retry_after=2s; delay=2s` or `lose_response`, or JSON as a rule has it.

    Raises InvalidValue.
    """
    fields = _long_form(text) if text.lstrip().startswith("{") else _short_form(text)
    try:
        effect = msgspec.convert(fields, FaultEffect, dec_hook=decode_quantity)
    except msgspec.ValidationError as error:
        raise _refusal(_complaint(parse_type_error(str(error)))) from None
    if effect.rate_limit is not None:
        raise _refusal("rate_limit counts over several requests: it takes a rule")
    if effect.delay is not None and effect.delay.fixed is None:
        raise _refusal("a delay that is drawn takes a rule: a single request has a fixed one, such as 2s")
    return effect


def _complaint(problem: TypeProblem) -> str:
    if problem.kind == "unknown_field":
        known = problem.known(FaultEffect)
        return f'no fault "{problem.name[:64]}"{effect_hint(problem.name[:64], known)}'
    if problem.kind == "unknown_value":
        known = problem.known(FaultEffect)
        return (
            f'{problem.place}: "{problem.name[:64]}" is not among {", ".join(known)}{did_you_mean(problem.name, known)}'
        )
    # A header only has the short form of a delay, and `fixed` is not in it.
    place = problem.place.removesuffix(".fixed")
    return f"{problem.reason} - at `{place}`" if place else problem.reason


def _long_form(text: str) -> dict[str, Any]:
    """An effect in JSON; a header is in Latin-1, so that other letters stand there as escapes or in UTF-8."""
    try:
        fields = parse_json(text.encode("latin-1"))
    except Refusal as refusal:
        raise _refusal(f"no JSON of an effect: {refusal.message}") from None
    if "delay" in fields:
        fields["delay"] = write_out_distribution(fields["delay"])
    return fields


def _short_form(text: str) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for piece in text.split(";"):
        name, equals, value = (part.strip() for part in piece.partition("="))
        if name in fields:
            raise _refusal(f"{name} stands there twice")
        fields[name] = _read(name, value if equals else None)
    return fields


def _read(name: str, value: str | None) -> object:
    """Read a field's value into the form that it has in a rule's JSON. Raises InvalidValue."""
    if name in _FLAGS:
        return _flag(name, value)
    if name == "rate_limit":
        raise _refusal("rate_limit counts over several requests: it takes a rule")
    if name in _IN_JSON:
        raise _refusal(f'{name} takes the long form, which is JSON: x-sim: {{"{name}": ...}}')
    if name not in _WITH_VALUE:
        raise _refusal(f'no fault "{name[:64]}"{effect_hint(name[:64], (*_WITH_VALUE, *_FLAGS, *_IN_JSON))}')
    if not value:
        raise _refusal(f"{name} needs a value, as in {name}=...")
    if name in _NUMBERS:
        return int(value) if value.isascii() and value.isdigit() and len(value) <= _NUMBERS[name] else value
    if name == "delay":
        return write_out_distribution(value)
    if name == "drip":
        return _drip(value)
    return value


def _flag(name: str, value: str | None) -> bool:
    if name == "after" and value in ("true", "false"):
        return value == "true"
    if value is not None:
        raise _refusal(f"{name} stands alone, {'or with true or false' if name == 'after' else 'without a value'}")
    return True


def _drip(value: str) -> dict[str, object]:
    size, slash, every = value.partition("/")
    if not slash or not (size.isascii() and size.isdigit() and len(size) <= 9):
        raise _refusal("drip is bytes/every, such as 100/100ms")
    return {"bytes": int(size), "every": every}


def _refusal(message: str) -> InvalidValue:
    return InvalidValue(f"{HEADER}: {message}", param=HEADER)
