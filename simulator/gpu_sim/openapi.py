"""The OpenAPI document of the contract, whole or without its assumptions."""

import re
from typing import Any

import yaml

from .shipped_files import folder

Node = dict[str, Any]

_DATA = frozenset({"const", "default", "enum", "example", "value"})
"""Keys of values that are no part of the description, but data of the API."""
_NEEDED = frozenset({"schema"})
"""Keys that OpenAPI asks for, however little is left to say: a parameter has a schema."""
_reference = re.compile(r"#/components/(\w+)/(.+)").fullmatch


def contract_text() -> str:
    """The document as it is written, in YAML."""
    return (folder("contract") / "openapi.yaml").read_text(encoding="utf-8")


def load_contract() -> Node:
    """The document as data."""
    document: Node = yaml.safe_load(contract_text())
    return document


def as_yaml(document: Node) -> str:
    """A document as YAML, in its own order."""
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)


def documented_only(document: Node) -> Node:
    """The document of what the real service has promised; the one given is not changed.

    Statements whose `x-provenance` is an assumption (A…) are taken out, and so are the keywords that `x-assumed`
    names, references to what is gone, and components that nothing refers to any more. Servers and licence go as well:
    they are those of the simulator.
    """
    kept = {key: value for key, value in document.items() if key != "servers"}
    kept["info"] = {key: value for key, value in document["info"].items() if key != "license"}
    while True:  # what is taken out can leave references dangling and components unused, until nothing changes
        left = _referred_to(_without_assumptions(kept, kept["components"]))
        if left == kept:
            return left
        kept = left


def _without_assumptions(node: Any, components: Node) -> Any:
    """A part of the document without what is assumed in it."""
    if isinstance(node, list):
        return [_without_assumptions(item, components) for item in node if not _is_gone(item, components)]
    if not isinstance(node, dict):
        return node
    out = {keyword for part in node.get("x-assumed", ()) for keyword in part.get("keywords", ())} | {"x-assumed"}
    if _dangles(node.get("$ref"), components):
        out.add("$ref")
    kept: Node = {}
    for key, value in node.items():
        if key in out or _is_gone(value, components):
            continue
        left = value if key in _DATA and not _holds_names(node, key) else _without_assumptions(value, components)
        if left or not value or not isinstance(value, dict | list) or key in _NEEDED:
            kept[key] = left  # anything else that has become empty says nothing any more
    _drop_names(kept, set(node.get("properties", ())) - set(kept.get("properties", ())))
    return kept


def _is_gone(node: Any, components: Node) -> bool:
    """True where nothing is left of a part: it is assumed, or only refers to what is gone."""
    if not isinstance(node, dict):
        return False
    assumed = str(node.get("x-provenance", "")).startswith("A")
    return assumed or (set(node) == {"$ref"} and _dangles(node["$ref"], components))


def _dangles(reference: object, components: Node) -> bool:
    found = _reference(reference) if isinstance(reference, str) else None
    return found is not None and found[2] not in components.get(found[1], {})


def _holds_names(node: Node, key: str) -> bool:
    """True where a key is a name in a map, such as a property called `value`, rather than a keyword."""
    return isinstance(node[key], dict) and "x-provenance" in node[key]


def _drop_names(schema: Node, gone: set[str]) -> None:
    """Properties that are gone are neither required nor do they require others."""
    if not gone:
        return
    required = [name for name in schema.get("required", ()) if name not in gone]
    dependent = {
        name: needed
        for name, others in schema.get("dependentRequired", {}).items()
        if name not in gone and (needed := [other for other in others if other not in gone])
    }
    _put(schema, "required", required)
    _put(schema, "dependentRequired", dependent)


def _put(schema: Node, keyword: str, left: list[str] | dict[str, list[str]]) -> None:
    """Set a keyword to its remaining value; one that has become empty is removed."""
    if left:
        schema[keyword] = left
    else:
        schema.pop(keyword, None)


def _referred_to(document: Node) -> Node:
    """The document without the components that nothing refers to. Security schemes are referred to by name."""
    references = set(_references(document))
    components = {
        group: {
            name: part
            for name, part in parts.items()
            if group == "securitySchemes" or f"#/components/{group}/{name}" in references
        }
        for group, parts in document["components"].items()
    }
    return document | {"components": {group: parts for group, parts in components.items() if parts}}


def _references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [reference for item in node for reference in _references(item)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
    return own + [reference for value in node.values() for reference in _references(value)]
