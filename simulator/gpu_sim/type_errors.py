"""Messages of msgspec about values that fit no type, parsed into kind, name and path."""

import re
from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import Struct, inspect

from .core.kernel.names import did_you_mean

Kind = Literal["unknown_field", "missing_field", "unknown_value", "wrong_type", "other"]

_at_the_end = re.compile(r"(.*) - at `\$((?:\.\w+|\[(?:\d+|\.\.\.)\])*)`", re.DOTALL).fullmatch
_step = re.compile(r"\.(\w+)|\[(\d+)\]")
_wrong_type = re.compile(r"Expected `([^`]*)`, got `([^`]*)`").fullmatch
_NAMED: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("unknown_field", re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)),
    ("missing_field", re.compile(r"Object missing required field `(.*)`")),
    ("unknown_value", re.compile(r"Invalid enum value '(.*)'", re.DOTALL)),
    ("unknown_value", re.compile(r'Invalid enum value "(.*)"', re.DOTALL)),  # it has a single quote in it
    ("unknown_value", re.compile(r"Invalid enum value (.*)")),  # a number
)


_REFUSE = '; a server refuses connections, of all its worlds at once: POST /_sim/server/refuse {"for": "30s"}'


class TypeProblem(Struct, frozen=True):
    """The problem with a value that fits no type. `reason` is msgspec's sentence without the place.

    `name` is the field that is unknown or missing, or the value that is none of those possible, as text; `expected`
    and `got` are msgspec's words for types. Each is empty where the problem is of another kind.
    """

    kind: Kind
    reason: str
    place: str
    """The place, as msgspec writes it, such as `in_order[2].status`; empty at the top."""
    name: str = ""
    expected: tuple[str, ...] = ()
    got: str = ""

    @property
    def path(self) -> tuple[str | int, ...]:
        """The place, step by step, as far as names of fields and numbers of items lead."""
        return tuple(int(index) if index else name for name, index in _step.findall(f".{self.place}"))

    def known(self, type_: type[object]) -> list[str]:
        """The fields or values that `type_`, which was to be read, has at the place of an unknown one."""
        types = [inspect.type_info(type_)]
        for step in self.path:
            types = [inner for type_ in types for inner in _step_into(type_, step)]
        if self.kind == "unknown_field":
            structs = [type_ for type_ in types if isinstance(type_, inspect.StructType)]
            return [field.encode_name for struct in structs for field in struct.fields]
        literals = [type_ for type_ in types if isinstance(type_, inspect.LiteralType)]
        return [str(value) for literal in literals for value in literal.values]

    def hint(self, known: Sequence[str]) -> str:
        """A clause for the end of an error message about an unknown field: the known one that it is near to."""
        is_effect = self.path[-1:] == ("effect",)
        return effect_hint(self.name, known) if is_effect else did_you_mean(self.name, known)


def effect_hint(name: str, known: Sequence[str]) -> str:
    """As `did_you_mean`, for the name of a fault's effect: one that is no effect is a call of its own."""
    return _REFUSE if name == "refuse" else did_you_mean(name, known)


def parse_type_error(message: str) -> TypeProblem:
    """The problem behind the message of a `msgspec.DecodeError`."""
    ended = _at_the_end(message)
    reason, place = (ended[1], ended[2].removeprefix(".")) if ended is not None else (message, "")
    wrong_type = _wrong_type(reason)
    if wrong_type is not None:
        return TypeProblem("wrong_type", reason, place, expected=tuple(wrong_type[1].split(" | ")), got=wrong_type[2])
    for kind, pattern in _NAMED:
        named = pattern.fullmatch(reason)
        if named is not None:
            return TypeProblem(kind, reason, place, named[1])
    return TypeProblem("other", reason, place)


def _step_into(type_: inspect.Type, step: str | int) -> Iterator[inspect.Type]:
    """The types that may stand under a field or in a list, unions taken apart."""
    if isinstance(step, int):
        if isinstance(type_, inspect.ListType | inspect.VarTupleType):
            yield from _alternatives(type_.item_type)
    elif isinstance(type_, inspect.StructType):
        for field in type_.fields:
            if field.encode_name == step:
                yield from _alternatives(field.type)


def _alternatives(type_: inspect.Type) -> tuple[inspect.Type, ...]:
    while isinstance(type_, inspect.Metadata):  # a description stands around it
        type_ = type_.type
    return type_.types if isinstance(type_, inspect.UnionType) else (type_,)
