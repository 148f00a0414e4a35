"""The JSON Schema of scenario files, from the types of the core: an editor completes and checks with it."""

from typing import Any

from msgspec import NODEFAULT, Struct, inspect

from .. import notation
from ..core.kernel import quantities
from ..core.scenario.distributions import Distribution
from ..core.scenario.scenario import BillingSettings, Scenario
from ..field_docs import field_docs

_SCALARS: dict[type[inspect.Type], str] = {
    inspect.StrType: "string",
    inspect.IntType: "integer",
    inspect.BoolType: "boolean",
    inspect.NoneType: "null",
}


def _text(pattern: str, description: str) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^{pattern}$", "description": description}


_QUANTITIES: dict[type, dict[str, Any]] = {
    quantities.Duration: _text(notation.DURATION_PATTERN, "a duration such as 90s, 15m, 1h30m or 250ms"),
    quantities.Instant: _text(notation.INSTANT_PATTERN, "an instant such as 2026-01-01T00:00:00Z"),
    quantities.Money: _text(notation.MONEY_PATTERN, 'dollars in quotes, such as "25.00"'),
    quantities.Price: _text(notation.PRICE_PATTERN, 'dollars per GPU and hour in quotes, such as "0.287"'),
    quantities.Size: _text(notation.SIZE_PATTERN, "a size such as 9GB or 1.5GB"),
    quantities.Share: {
        "anyOf": [_text(notation.SHARE_PATTERN, "a share such as 5%"), {"type": "number", "minimum": 0, "maximum": 1}]
    },
    quantities.Availability: {
        "anyOf": [
            {"const": "always"},
            _text(notation.SHARE_PATTERN, "a share such as 81%"),
            {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        ]
    },
    quantities.Factor: {
        "anyOf": [
            {"type": "number", "minimum": 0, "maximum": notation.FACTOR_MAX},
            _text(notation.FACTOR_PATTERN, "60"),
        ]
    },
}


def build_schema() -> dict[str, Any]:
    """The schema (2020-12) of a scenario file, shorthands and defaults included."""
    types: dict[type, inspect.StructType] = {}
    _collect(inspect.type_info(Scenario), types)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Scenario",
        "$ref": "#/$defs/Scenario",
        "$defs": {cls.__name__: _definition(type_) for cls, type_ in types.items()},
    }


def _collect(type_: inspect.Type, types: dict[type, inspect.StructType]) -> None:
    if isinstance(type_, inspect.UnionType):
        for alternative in type_.types:
            _collect(alternative, types)
    elif isinstance(type_, inspect.VarTupleType):
        _collect(type_.item_type, types)
    elif isinstance(type_, inspect.DictType):
        _collect(type_.value_type, types)
    elif isinstance(type_, inspect.TupleType):
        for item in type_.item_types:
            _collect(item, types)
    elif isinstance(type_, inspect.StructType) and type_.cls not in types:
        types[type_.cls] = type_
        for field in type_.fields:
            _collect(field.type, types)


def _definition(type_: inspect.StructType) -> dict[str, Any]:
    properties = {field.encode_name: _property(type_.cls, field) for field in type_.fields}
    definition: dict[str, Any] = {
        "type": "object",
        "description": " ".join((type_.cls.__doc__ or "").split()),
        "properties": properties,
        "required": [field.encode_name for field in type_.fields if field.required],
        "additionalProperties": False,
    }
    if type_.cls is Distribution:
        return {"anyOf": [_QUANTITIES[quantities.Duration], definition]}
    return definition


def _property(owner: type, field: inspect.Field) -> dict[str, Any]:
    schema = _schema(field.type)
    # `none` is how files write it: the loader has made it null before the type is looked at.
    if owner is BillingSettings and field.name in ("idle_timeout", "hold_expiry"):
        schema = {"anyOf": [*schema["anyOf"], {"const": "none"}]}
    # A struct's default is that of its fields, which say it themselves.
    if field.default is not NODEFAULT and not isinstance(field.default, Struct | tuple):
        schema = {**schema, "default": _default(field.default)}
    described = field_docs(owner).get(field.name)
    if described is None:
        return schema
    # A quantity's description says how it is written.
    notation_ = f" Written as {schema['description']}." if "description" in schema else ""
    return {**schema, "description": described + notation_}


def _schema(type_: inspect.Type) -> dict[str, Any]:
    if isinstance(type_, inspect.StructType):
        return {"$ref": f"#/$defs/{type_.cls.__name__}"}
    if isinstance(type_, inspect.UnionType):
        return {"anyOf": [_schema(alternative) for alternative in type_.types]}
    if isinstance(type_, inspect.VarTupleType | inspect.TupleType | inspect.DictType):
        return _collection(type_)
    if isinstance(type_, inspect.LiteralType):
        return {"enum": list(type_.values)}
    if isinstance(type_, inspect.CustomType):
        return _QUANTITIES[type_.cls]
    return {"type": _SCALARS[type(type_)]}


def _collection(type_: inspect.VarTupleType | inspect.TupleType | inspect.DictType) -> dict[str, Any]:
    if isinstance(type_, inspect.DictType):
        return {"type": "object", "additionalProperties": _schema(type_.value_type)}
    if isinstance(type_, inspect.VarTupleType):
        return {"type": "array", "items": _schema(type_.item_type)}
    items = [_schema(item) for item in type_.item_types]
    return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}


def _default(value: object) -> object:
    """A default as a scenario file writes it; a share as a number, so that an editor can hold it against the bounds."""
    if isinstance(value, quantities.Share | quantities.Availability):
        return notation.format_factor(value)
    return notation.encode_quantity(value) if type(value) in _QUANTITIES else value
