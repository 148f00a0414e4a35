"""Decoding of query strings as structs: a parameter for each field, under the field's name and of its type.

A field may be text, a whole number, true or false, one of a closed list, an instant, a duration, or a `Since`. A field
that is a tuple of one of these takes several values, repeated or with commas between them.
"""

from functools import cache
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec import Struct, inspect

from ...core.kernel.errors import InvalidValue
from ...core.kernel.names import did_you_mean
from ...notation import decode_quantity
from ...type_errors import parse_type_error
from ..fields import parameter_text, query_pairs, stands_twice
from ..problems import MissingField, UnknownParameter
from .since import Since, parse_since

_DIGITS_MAX = 15
"""Far below 2**63, which indexes want."""

_T = TypeVar("_T", bound=Struct)


class Parameter(NamedTuple):
    """A parameter of a query, as far as its decoding goes."""

    is_repeatable: bool
    is_number: bool
    is_flag: bool


def decode_query(raw: bytes, type_: type[_T]) -> _T:
    """Decode a query string as a struct. Raises UnknownParameter, MissingField, or InvalidValue for a parameter that is
    malformed, repeated where it may not be, or of a value that it cannot have."""
    parameters = parameters_of(type_)
    found: dict[str, Any] = {}
    for name, value in query_pairs(raw):
        parameter = parameters.get(name)
        if parameter is None:
            raise _unknown(name, parameters)
        text = parameter_text(name, value)
        if parameter.is_repeatable:
            found.setdefault(name, []).extend(_plain(name, each, parameter) for each in _several(name, text))
        elif name in found:
            raise stands_twice(name)
        else:
            found[name] = _plain(name, text, parameter)
    try:
        return msgspec.convert(found, type_, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise _refusal(str(error), type_) from None


@cache
def parameters_of(type_: type[Struct]) -> dict[str, Parameter]:
    """The parameters of a query by name, in their order."""
    info = inspect.type_info(type_)
    assert isinstance(info, inspect.StructType)
    return {field.encode_name: _parameter(field.type) for field in info.fields}


def _parameter(type_: inspect.Type) -> Parameter:
    while isinstance(type_, inspect.Metadata):  # a description stands around it
        type_ = type_.type
    alternatives = list(type_.types) if isinstance(type_, inspect.UnionType) else [type_]
    several = [each.item_type for each in alternatives if isinstance(each, inspect.VarTupleType)]
    values = [*several, *alternatives]
    return Parameter(
        is_repeatable=bool(several),
        is_number=any(isinstance(each, inspect.IntType) for each in values),
        is_flag=any(isinstance(each, inspect.BoolType) for each in values),
    )


def _several(name: str, text: str) -> list[str]:
    values = text.split(",")
    if "" in values:
        raise InvalidValue(f"{name} has an empty value between its commas", param=name)
    return values


def _plain(name: str, text: str, parameter: Parameter) -> str | int | bool:
    """A value as JSON would have it."""
    if parameter.is_number:
        return whole_number(name, text)
    if parameter.is_flag:
        if text not in ("true", "false"):
            raise InvalidValue(f"{name} must be true or false", param=name)
        return text == "true"
    return text


def whole_number(name: str, text: str) -> int:
    """A whole number of a request. Raises InvalidValue."""
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX):
        raise InvalidValue(f"{name} must be a whole number from 0 on, of {_DIGITS_MAX} digits at most", param=name)
    return int(text)


def _decode(type_: type[Any], value: Any) -> Any:
    return parse_since(value) if type_ is Since else decode_quantity(type_, value)


def _unknown(name: str, parameters: dict[str, Parameter]) -> UnknownParameter:
    if not parameters:
        return UnknownParameter(f'no parameter "{name}": this call takes none', param=name)
    known = ", ".join(parameters)
    return UnknownParameter(f'no parameter "{name}" among {known}{did_you_mean(name, parameters)}', param=name)


def _refusal(message: str, type_: type[Struct]) -> MissingField | InvalidValue:
    problem = parse_type_error(message)
    param = str(problem.path[0]) if problem.path else None
    if problem.kind == "missing_field":
        return MissingField(f"{problem.name} is required", param=problem.name)
    if problem.kind == "unknown_value":
        known = problem.known(type_)
        hint = did_you_mean(problem.name, known)
        return InvalidValue(f'"{problem.name}" is not among {", ".join(known)}{hint}', param=param)
    return InvalidValue(f"{param}: {problem.reason}", param=param)
