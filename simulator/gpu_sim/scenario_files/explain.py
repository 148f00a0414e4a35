"""Explanations of values that fit no type: line and column, a plain reason and the nearest name.

Loaded only when there is a problem to explain.
"""

from decimal import Decimal
from types import NoneType

from ..core.kernel.names import did_you_mean
from ..core.scenario.scenario import Scenario
from ..type_errors import TypeProblem, parse_type_error
from .problems import FieldPath, Problem, problem_at
from .yaml_tree import Node

_KINDS: dict[type, str] = {
    str: "str",
    int: "int",
    Decimal: "decimal",
    bool: "bool",
    list: "array",
    dict: "object",
    NoneType: "null",
}
"""The kinds of values, as msgspec calls them."""

_TYPE_NAMES = {
    "str": "text",
    "int": "a whole number",
    "float": "a decimal number",
    "decimal": "a decimal number",
    "bool": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}


def explain(message: str, root: Node) -> tuple[Problem, FieldPath | None]:
    """The problem behind a message of msgspec, and the path of the unknown key if it is one."""
    problem = parse_type_error(message)
    if problem.kind == "unknown_field":
        return _unknown_key(problem, root), (*problem.path, problem.name)
    return place_problem((*problem.path, *_entry(problem, root)), _plain_reason(problem), root), None


def _entry(problem: TypeProblem, root: Node) -> FieldPath:
    """The key of the entry that a problem is with, where msgspec only says that it is one of a mapping's."""
    mapping = root.find(*problem.path)
    if not problem.place.endswith("[...]") or mapping is None or not isinstance(mapping.value, dict):
        return ()
    return tuple(key for key, node in mapping.value.items() if _KINDS.get(type(node.value)) == problem.got)[:1]


def place_problem(path: FieldPath, reason: str, root: Node) -> Problem:
    """A problem with the value at a path, or with what was written in its place."""
    written, node = root.trail(path)
    return problem_at(node.place, written, reason)


def _unknown_key(problem: TypeProblem, root: Node) -> Problem:
    key, path, known = problem.name, problem.path, problem.known(Scenario)
    written, node = root.trail((*path, key))
    where = node.key_place if node.key_place is not None and len(written) > len(path) else node.place
    return problem_at(where, written, f'unknown key "{key}"{problem.hint(known) or _listed(known)}')


def _plain_reason(problem: TypeProblem) -> str:
    match problem.kind:
        case "missing_field":
            return f"{problem.name} is missing"
        case "unknown_value":
            known = problem.known(Scenario)
            return f'"{problem.name}" is not possible here{_listed(known)}{did_you_mean(problem.name, known)}'
        case "wrong_type":
            expected = " or ".join(_TYPE_NAMES.get(name, name) for name in problem.expected)
            got = _TYPE_NAMES.get(problem.got, problem.got)
            quotes = " (text that looks like something else goes in quotes)" if "str" in problem.expected else ""
            return f"expected {expected}, got {got}{quotes}"
    return problem.reason


def _listed(known: list[str]) -> str:
    return f" ({'one of ' if len(known) > 1 else ''}{', '.join(known)})" if known else ""
