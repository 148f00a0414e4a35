"""JSON Schemas of types: of what files and requests are decoded as, and of what answers are encoded from."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from msgspec import NODEFAULT, Struct, UnsetType, inspect

from . import notation
from .core.kernel import quantities
from .core.scenario.distributions import Distribution
from .core.scenario.scenario import BillingSettings
from .field_docs import class_doc, field_docs

Schema = dict[str, Any]

_SCALARS: dict[type[inspect.Type], str] = {
    inspect.StrType: "string",
    inspect.IntType: "integer",
    inspect.FloatType: "number",
    inspect.BoolType: "boolean",
    inspect.NoneType: "null",
}


def _text(pattern: str, description: str) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^{pattern}$", "description": description}


_BOUNDS = (
    ("ge", "minimum"),
    ("gt", "exclusiveMinimum"),
    ("le", "maximum"),
    ("lt", "exclusiveMaximum"),
    ("pattern", "pattern"),
    ("min_length", "minLength"),
    ("max_length", "maxLength"),
)
"""The bounds that a type can have, and the keywords for them."""

_QUANTITIES: dict[type, dict[str, Any]] = {
    quantities.Duration: _text(notation.DURATION_PATTERN, "a duration such as 90s, 15m, 1h30m or 250ms"),
    quantities.RetryAfter: {
        "anyOf": [{"const": "none"}, _text(notation.DURATION_PATTERN, "a duration such as 90s, 15m, 1h30m or 250ms")]
    },
    quantities.RecordingBegin: {
        "anyOf": [{"const": "drawn"}, _text(notation.DURATION_PATTERN, "a duration such as 90s, 15m, 1h30m or 250ms")]
    },
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
    quantities.Bound: {
        "anyOf": [
            {"type": "number", "minimum": -notation.BOUND_MAX, "maximum": notation.BOUND_MAX},
            _text(f"({notation.BOUND_PATTERN})", "98.5%"),
        ]
    },
    quantities.Factor: {
        "anyOf": [
            {"type": "number", "minimum": 0, "maximum": notation.FACTOR_MAX},
            _text(notation.FACTOR_PATTERN, "60"),
        ]
    },
}


class TypeSchemas:
    """Schemas of types, and `definitions` of the structs in them by name, to which `refs` and that name refer.

    `custom` are those of types that are neither JSON's nor quantities.
    """

    def __init__(self, refs: str, custom: Mapping[type, Schema] = MappingProxyType({})) -> None:
        self.definitions: dict[str, Schema] = {}
        self._refs = refs
        self._custom = {**_QUANTITIES, **custom}
        self._types: dict[str, type] = {}

    def of(self, type_: object) -> Schema:
        """The schema of a type, as a reference where it is a struct."""
        return self.of_info(inspect.type_info(type_))

    def of_info(self, type_: inspect.Type) -> Schema:
        """`of`, for a type that msgspec has looked at. The schema of Any is empty: it holds for every value."""
        match type_:
            case inspect.Metadata():
                extra = type_.extra_json_schema or {}
                return extra if "$ref" in extra else {**self.of_info(type_.type), **extra}
            case inspect.StructType():
                return self._reference(type_)
            case inspect.CustomType():
                return self._custom[type_.cls]
            case inspect.LiteralType():
                return {"enum": list(type_.values)}
            case inspect.AnyType():
                return {}
        return self._of_several(type_) or {"type": _SCALARS[type(type_)], **_bounds(type_)}

    def properties(self, type_: inspect.StructType) -> dict[str, Schema]:
        """The schemas of a struct's fields by name, with their descriptions and defaults."""
        return {field.encode_name: self._property(type_.cls, field) for field in type_.fields}

    def _of_several(self, type_: inspect.Type) -> Schema | None:
        """The schema of a union or a collection; None for any other type."""
        match type_:
            case inspect.UnionType():
                schemas = [self.of_info(each) for each in type_.types if not _is_unset(each)]
                return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
            case inspect.DictType():
                return {"type": "object", "additionalProperties": self.of_info(type_.value_type)}
            case inspect.VarTupleType() | inspect.ListType():
                return {"type": "array", "items": self.of_info(type_.item_type)}
            case inspect.TupleType():
                items = [self.of_info(item) for item in type_.item_types]
                # Tools that know arrays know `items`, and not all of them `prefixItems`.
                kind = {"prefixItems": items} if any(each != items[0] for each in items) else {"items": items[0]}
                return {"type": "array", **kind, "minItems": len(items), "maxItems": len(items)}
        return None

    def _reference(self, type_: inspect.StructType) -> Schema:
        name = type_.cls.__name__
        known = self._types.setdefault(name, type_.cls)
        assert known is type_.cls, f"two structs are called {name}"
        if name not in self.definitions:
            self.definitions[name] = {}  # a struct may hold itself
            self.definitions[name] = self._definition(type_)
        return {"$ref": f"{self._refs}{name}"}

    def _definition(self, type_: inspect.StructType) -> Schema:
        definition: Schema = {
            "type": "object",
            "description": class_doc(type_.cls),
            "properties": self.properties(type_),
            "required": [field.encode_name for field in type_.fields if field.required],
        }
        if type_.forbid_unknown_fields:
            definition["additionalProperties"] = False
        if type_.cls is Distribution:
            return {"anyOf": [_QUANTITIES[quantities.Duration], definition]}
        return definition

    def _property(self, owner: type[Struct], field: inspect.Field) -> Schema:
        schema = self.of_info(field.type)
        # `none` is how files write it: the loader has made it null before the type is looked at.
        if owner is BillingSettings and field.name in ("idle_timeout", "hold_expiry"):
            schema = {"anyOf": [*schema["anyOf"], {"const": "none"}]}
        # A struct's default is that of its fields, which say it themselves.
        if field.default is not NODEFAULT and not isinstance(field.default, Struct | tuple | UnsetType):
            schema = {**schema, "default": _default(field.default)}
        described = field_docs(owner).get(field.name)
        if described is None:
            return schema
        # A quantity's description says how it is written.
        notation_ = f" Written as {schema['description']}." if "description" in schema else ""
        return {**schema, "description": described + notation_}


def _is_unset(type_: inspect.Type) -> bool:
    return isinstance(type_, inspect.CustomType) and type_.cls is UnsetType


def _bounds(type_: inspect.Type) -> Schema:
    return {keyword: value for name, keyword in _BOUNDS if (value := getattr(type_, name, None)) is not None}


def _default(value: object) -> object:
    """A default as a scenario file writes it; a share as a number, so that an editor can hold it against the bounds."""
    if isinstance(value, quantities.Share | quantities.Availability):
        return notation.format_factor(value)
    return notation.encode_quantity(value) if type(value) in _QUANTITIES else value
