"""What msgspec says about a value that fits no type, said again with its place, plainer words and the nearest name.

Loaded only when there is a problem to explain.
"""

import re
from collections.abc import Iterator

from msgspec import inspect

from .core.names import did_you_mean
from .core.scenario import Scenario
from .scenario_error import FieldPath, Problem, problem_at
from .yaml_tree import Node

_PLAIN_WORDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a decimal number",
    "decimal": "a decimal number",
    "bool": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}
_step = re.compile(r"\.(\w+)|\[(\d+)\]")
_unknown_field = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL).fullmatch
_missing_field = re.compile(r"Object missing required field `(.*)`").fullmatch
_wrong_value = re.compile(r"Invalid enum value (.*)", re.DOTALL).fullmatch
_wrong_type = re.compile(r"Expected `([^`]*)`, got `([^`]*)`").fullmatch


def explain(message: str, root: Node) -> tuple[Problem, FieldPath | None]:
    """The problem behind a message of msgspec, and the path of the unknown key if it is one."""
    reason, _, place = message.partition(" - at `$")
    path: FieldPath = tuple(int(index) if index else name for name, index in _step.findall(place))
    unknown = _unknown_field(reason)
    if unknown is not None:
        return _unknown_key(unknown[1], path, root), (*path, unknown[1])
    return place_problem(path, _plain_reason(reason, path, root), root), None


def place_problem(path: FieldPath, reason: str, root: Node) -> Problem:
    """A problem with the value at a path, or with what was written in its place."""
    written, node = root.trail(path)
    return problem_at(node.mark, written, reason)


def _unknown_key(key: str, path: FieldPath, root: Node) -> Problem:
    written, node = root.trail((*path, key))
    known = [field.encode_name for type_ in _types_at(path) for field in _fields(type_)]
    where = node.key_mark if node.key_mark is not None and len(written) > len(path) else node.mark
    return problem_at(where, written, f'unknown key "{key}"{did_you_mean(key, known) or _listed(known)}')


def _plain_reason(reason: str, path: FieldPath, root: Node) -> str:
    missing, wrong_value, wrong_type = _missing_field(reason), _wrong_value(reason), _wrong_type(reason)
    if missing is not None:
        return f"{missing[1]} is missing"
    if wrong_value is not None:
        known = [str(value) for type_ in _types_at(path) for value in _values(type_)]
        given = wrong_value[1].strip("'")
        return f'"{given}" is not possible here{_listed(known)}{did_you_mean(given, known)}'
    if wrong_type is not None:
        expected = " or ".join(_PLAIN_WORDS.get(word, word) for word in wrong_type[1].split(" | "))
        got = _PLAIN_WORDS.get(wrong_type[2], wrong_type[2])
        quotes = " (text that looks like something else goes in quotes)" if "str" in wrong_type[1].split(" | ") else ""
        return f"expected {expected}, got {got}{quotes}"
    return reason


def _listed(known: list[str]) -> str:
    return f" ({'one of ' if len(known) > 1 else ''}{', '.join(known)})" if known else ""


def _types_at(path: FieldPath) -> list[inspect.Type]:
    """The types that a value at this path may have, unions taken apart."""
    types = [inspect.type_info(Scenario)]
    for step in path:
        types = [inner for type_ in types for inner in _step_into(type_, step)]
    return types


def _step_into(type_: inspect.Type, step: str | int) -> Iterator[inspect.Type]:
    if isinstance(step, int):
        if isinstance(type_, inspect.VarTupleType):
            yield from _alternatives(type_.item_type)
        return
    for field in _fields(type_):
        if field.encode_name == step:
            yield from _alternatives(field.type)


def _alternatives(type_: inspect.Type) -> tuple[inspect.Type, ...]:
    return type_.types if isinstance(type_, inspect.UnionType) else (type_,)


def _fields(type_: inspect.Type) -> tuple[inspect.Field, ...]:
    return type_.fields if isinstance(type_, inspect.StructType) else ()


def _values(type_: inspect.Type) -> tuple[object, ...]:
    return type_.values if isinstance(type_, inspect.LiteralType) else ()
