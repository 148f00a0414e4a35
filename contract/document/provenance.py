"""The provenance of the OpenAPI document: each of its statements must name the one clause that it rests on.

A statement is anything that a reader relies on: the document as a whole, a path, an operation, a parameter, a request
body, a response, a header, a link, an example, a schema, a property of one, and the security scheme. Its `x-provenance`
is one clause of the README. Where something rests on a documented clause, but part of it is assumed, `x-assumed` lists
these parts: each has a clause and a sentence of its own, and the `keywords` beside it that would not be there without.
`x-documented` lists in the same form what a fact adds, which may be another one.

A constraint or an example within a documented statement is in one of the two lists; so none stays by oversight when the
assumptions are taken out. Only for `type` and `required` the clause of the statement itself is enough: F3, F4, F7 and
F10 name fields with their types, and which of them are optional.
"""

from collections.abc import Collection, Iterator
from typing import Any

NAMED = frozenset(
    {
        "examples",
        "headers",
        "links",
        "parameters",
        "paths",
        "properties",
        "requestBodies",
        "responses",
        "schemas",
        "securitySchemes",
    }
)
"""Keys of maps whose values are statements."""
METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
SINGLE = METHODS | {"info", "requestBody"}
"""Keys whose values are statements."""
DATA = frozenset({"const", "default", "dependentRequired", "enum", "example", "value"})
"""Keys of values that are no part of the description, but data of the API or names of its fields."""
PARTS = frozenset({"x-provenance", "description", "keywords"})
LISTS = {"x-assumed": "A", "x-documented": "F"}
"""The lists of parts, each with the letter of its clauses."""
CONSTRAINTS = frozenset(
    {
        *("additionalProperties", "const", "contains", "default", "dependentRequired", "enum", "example"),
        *("exclusiveMaximum", "exclusiveMinimum", "format", "maxContains", "maxItems", "maxLength", "maxProperties"),
        *("maximum", "minContains", "minItems", "minLength", "minProperties", "minimum", "multipleOf", "not"),
        *("pattern", "patternProperties", "prefixItems", "propertyNames", "required", "type"),
        *("unevaluatedItems", "unevaluatedProperties", "uniqueItems"),
    }
)
"""Keywords that narrow what an answer or a request may be, or show one."""
OF_THE_CLAUSE = frozenset({"type", "required"})
"""Constraints for which a statement's own clause is enough."""

Node = dict[str, Any]


def complaints(document: Node, clauses: Collection[str]) -> list[str]:
    """The faults in a document's provenance, place by place. The list is empty if there are none."""
    found = [f"{where}: no x-provenance" for where, node in statements(document) if "x-provenance" not in node]
    for where, node, clause in _nodes(document, "", ""):
        if "x-provenance" in node:
            found += _of_provenance(where, node["x-provenance"], clauses)
        for name in LISTS:
            for part in node.get(name, ()):
                found += _of_part(where, node, part, name)
        if not clause.startswith("A"):
            found += _of_constraints(where, node)
        if node.get("x-injected", True) is not True:
            found.append(f"{where}: x-injected is true or not there")
    return found


def statements(document: Node) -> Iterator[tuple[str, Node]]:
    """Every statement with its place. A mere `$ref` is no statement."""
    for where, node, _ in _nodes(document, "", ""):
        for key, value in node.items():
            if key in NAMED:
                children = list(value.items() if isinstance(value, dict) else enumerate(value))
                inner = [(f"{where}/{key}/{name}", child) for name, child in children]
            else:
                inner = [(f"{where}/{key}", value)] if key in SINGLE else []
            yield from ((place, child) for place, child in inner if isinstance(child, dict) and set(child) != {"$ref"})


def _nodes(node: Any, where: str, clause: str) -> Iterator[tuple[str, Node, str]]:
    """Every object of the description at any depth, with its place and the clause that it rests on: its own, or that of
    the object around it. Maps from names to objects are left out, since their keys are no keywords."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from _nodes(item, f"{where}/{index}", clause)
    if not isinstance(node, dict):
        return
    clause = str(node.get("x-provenance", clause))
    yield where, node, clause
    for key, value in node.items():
        if key in NAMED and isinstance(value, dict):
            for name, child in value.items():
                yield from _nodes(child, f"{where}/{key}/{name}", clause)
        elif key not in DATA:
            yield from _nodes(value, f"{where}/{key}", clause)


def _of_provenance(where: str, provenance: object, clauses: Collection[str]) -> Iterator[str]:
    if not isinstance(provenance, str):
        yield f"{where}: x-provenance must be one clause, not {provenance!r}"
    elif provenance not in clauses:
        yield f"{where}: no clause {provenance!r}"


def _of_part(where: str, node: Node, part: Node, name: str) -> Iterator[str]:
    if not {"x-provenance", "description"} <= set(part) <= PARTS:
        yield f"{where}: a part of {name} has x-provenance, description and maybe keywords, not {sorted(part)}"
    if str(part.get("x-provenance"))[:1] != LISTS[name]:
        yield f"{where}: {name} is for clauses {LISTS[name]}…, not {part.get('x-provenance')!r}"
    for keyword in part.get("keywords", ()):
        if keyword not in node:
            yield f"{where}: {name} names {keyword!r}, which is not there"


def _of_constraints(where: str, node: Node) -> Iterator[str]:
    """Complaints about constraints of something documented that are not in exactly one of the lists."""
    listed = [keyword for name in LISTS for part in node.get(name, ()) for keyword in part.get("keywords", ())]
    enough = OF_THE_CLAUSE if "x-provenance" in node else frozenset()
    for keyword in sorted(CONSTRAINTS & set(node)):
        times = listed.count(keyword)
        if times > 1:
            yield f"{where}: {keyword!r} is listed {times} times"
        if times == 0 and keyword not in enough:
            yield f"{where}: {keyword!r} is in neither of {', '.join(LISTS)}"
