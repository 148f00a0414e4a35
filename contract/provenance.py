"""Whether each statement of the OpenAPI document names the one clause that it rests on.

A statement is whatever a reader relies on: the document as a whole, a path, an operation, a parameter, a request body,
a response, a header, a link, an example, a schema, a property of one, and the security scheme. Its `x-provenance` is
one clause of the README. Where something rests on a documented clause, but part of it is assumed, `x-assumed` lists
these parts: each has a clause and a sentence of its own, and the `keywords` beside it that would not be there without.
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
DATA = frozenset({"const", "default", "enum", "example", "value"})
"""Keys of values that are no part of the description, but data of the API."""
PARTS = frozenset({"x-provenance", "description", "keywords"})

Node = dict[str, Any]


def complaints(document: Node, clauses: Collection[str]) -> list[str]:
    """What is wrong with the provenance of a document, place by place; nothing is wrong where the list is empty."""
    found = [f"{where}: no x-provenance" for where, node in statements(document) if "x-provenance" not in node]
    for where, node in _nodes(document, ""):
        if "x-provenance" in node:
            found += _of_provenance(where, node["x-provenance"], clauses)
        for part in node.get("x-assumed", ()):
            found += _of_part(where, node, part)
    return found


def statements(document: Node) -> Iterator[tuple[str, Node]]:
    """Every statement with its place. What only refers to a statement elsewhere is none itself."""
    for where, node in _nodes(document, ""):
        for key, value in node.items():
            if key in NAMED:
                children = list(value.items() if isinstance(value, dict) else enumerate(value))
                inner = [(f"{where}/{key}/{name}", child) for name, child in children]
            else:
                inner = [(f"{where}/{key}", value)] if key in SINGLE else []
            yield from ((place, child) for place, child in inner if isinstance(child, dict) and set(child) != {"$ref"})


def _nodes(node: Any, where: str) -> Iterator[tuple[str, Node]]:
    """Every object of the description at any depth, but maps of names, whose keys mean nothing."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from _nodes(item, f"{where}/{index}")
    if not isinstance(node, dict):
        return
    yield where, node
    for key, value in node.items():
        if key in NAMED and isinstance(value, dict):
            for name, child in value.items():
                yield from _nodes(child, f"{where}/{key}/{name}")
        elif key not in DATA:
            yield from _nodes(value, f"{where}/{key}")


def _of_provenance(where: str, provenance: object, clauses: Collection[str]) -> Iterator[str]:
    if not isinstance(provenance, str):
        yield f"{where}: x-provenance must be one clause, not {provenance!r}"
    elif provenance not in clauses:
        yield f"{where}: no clause {provenance!r}"


def _of_part(where: str, node: Node, part: Node) -> Iterator[str]:
    if not {"x-provenance", "description"} <= set(part) <= PARTS:
        yield f"{where}: a part of x-assumed has x-provenance, description and maybe keywords, not {sorted(part)}"
    if str(part.get("x-provenance"))[:1] != "A":
        yield f"{where}: x-assumed is for assumptions, not {part.get('x-provenance')!r}"
    for keyword in part.get("keywords", ()):
        if keyword not in node:
            yield f"{where}: x-assumed names {keyword!r}, which is not there"
