"""The statements of the OpenAPI document that are only about injected faults: each is marked `x-injected`.

They apply to answers that a fault made or changed, which have the header `x-sim-fault`, and to no others.
"""

from typing import Any

MARKER = "x-injected"
FAULT_HEADER = "x-sim-fault"

Node = dict[str, Any]


def without_fault_statements(document: Node) -> Node:
    """A copy of the document without the statements that are marked, and without the references to them."""
    gone = frozenset(
        f"#/components/{group}/{name}"
        for group, parts in document["components"].items()
        for name, part in parts.items()
        if MARKER in part
    )
    left: Node = _left(document, gone)
    return left


def _left(node: Any, gone: frozenset[str]) -> Any:
    if isinstance(node, list):
        return [_left(item, gone) for item in node if not _is_gone(item, gone)]
    if isinstance(node, dict):
        return {key: _left(value, gone) for key, value in node.items() if not _is_gone(value, gone)}
    return node


def _is_gone(node: Any, gone: frozenset[str]) -> bool:
    return isinstance(node, dict) and (MARKER in node or node.get("$ref") in gone)
