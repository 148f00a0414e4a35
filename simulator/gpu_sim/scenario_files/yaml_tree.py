"""YAML text as a tree of plain values, each of which knows where it was written.

A small, strict part of YAML 1.2: the scalars of its core schema, so that `on`, `no` and `12:30` are text; no
tags, anchors or aliases, no key given twice, one document, bounded in size and depth. Nothing is ever executed.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import NoReturn, Protocol, TypeAlias

import yaml
from msgspec import Struct

from .problems import FieldPath, FilePlace, ScenarioError, problem_at

BYTES_MAX = 1 << 20
DEPTH_MAX = 32
_WHOLE_MAX = 2**63 - 1
_WHOLE_BOUNDS = f"a whole number must be between -{_WHOLE_MAX} and {_WHOLE_MAX}"

Scalar: TypeAlias = str | int | bool | Decimal | None

# The parser in C where there is one: it gives the same events, many times as fast.
_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NAMED_SCALARS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_whole = re.compile(r"[-+]?\d{1,40}", re.ASCII).fullmatch
_decimal = re.compile(r"[-+]?(\.\d{1,40}|\d{1,40}(\.\d{0,40})?)([eE][-+]?\d{1,3})?", re.ASCII).fullmatch


class Node(Struct, frozen=True):
    """A value and its place; an entry of a mapping also has its key's place. An `implied` value was not written."""

    value: "dict[str, Node] | list[Node] | Scalar"
    place: FilePlace
    key_place: FilePlace | None = None
    implied: bool = False

    def plain(self) -> object:
        """The value without places, as msgspec converts it."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def find(self, *path: str | int) -> "Node | None":
        """The node at a path, or None."""
        node: Node | None = self
        for step in path:
            node = node.child(step) if node is not None else None
        return node

    def trail(self, path: FieldPath) -> "tuple[FieldPath, Node]":
        """As much of a path as was written down, and the node there."""
        node, written = self, 0
        for step in path:
            child = node.child(step)
            if child is None or child.implied:
                break
            node, written = child, written + 1
        return path[:written], node

    def child(self, step: str | int) -> "Node | None":
        """The entry of that key, or the item of that index, or None."""
        if isinstance(self.value, dict):
            return self.value.get(str(step))
        if isinstance(self.value, list) and isinstance(step, int) and step < len(self.value):
            return self.value[step]
        return None


def read_tree(text: str, origin: str) -> Node:
    """The one document of a YAML text; `origin` names the file in errors. Raises ScenarioError."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise ScenarioError(
            problem_at(FilePlace(origin), (), "the text has characters that UTF-8 cannot hold")
        ) from None
    if size > BYTES_MAX:
        raise ScenarioError(problem_at(FilePlace(origin), (), f"larger than the {BYTES_MAX} bytes allowed"))
    try:
        return _Reader(text, origin).document()
    except yaml.MarkedYAMLError as error:
        place = _place_of(error.problem_mark or error.context_mark, origin)
        raise ScenarioError(problem_at(place, (), f"no YAML: {error.problem or error.context}")) from None
    except yaml.YAMLError as error:
        raise ScenarioError(problem_at(FilePlace(origin), (), f"no YAML: {' '.join(str(error).split())}")) from None


def tree_of(document: object, origin: str) -> Node:
    """The tree of a document that is decoded already, as JSON decodes it; `origin` names it in errors. Raises
    ScenarioError under the limits of `read_tree`."""
    return _node(document, FilePlace(origin), ())


class _YamlMark(Protocol):
    """A mark of either parser, the one in Python or the one in C."""

    @property
    def line(self) -> int: ...

    @property
    def column(self) -> int: ...


def _place_of(yaml_mark: _YamlMark | None, origin: str) -> FilePlace:
    """The place that a mark of the parser names; its lines and columns count from 0."""
    if yaml_mark is None:
        return FilePlace(origin)
    return FilePlace(origin, yaml_mark.line + 1, yaml_mark.column + 1)


def _node(value: object, place: FilePlace, path: FieldPath) -> Node:
    if len(path) > DEPTH_MAX:
        raise ScenarioError(problem_at(place, path[:3], f"nested more than {DEPTH_MAX} levels deep"))
    if isinstance(value, dict):
        return Node({key: _node(inner, place, (*path, key)) for key, inner in value.items()}, place, place)
    if isinstance(value, list):
        return Node([_node(inner, place, (*path, index)) for index, inner in enumerate(value)], place, place)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _WHOLE_MAX:
        raise ScenarioError(problem_at(place, path, _WHOLE_BOUNDS))
    assert value is None or isinstance(value, str | int | float), value
    # `repr` gives the number as it was written; the float itself is only near it.
    return Node(Decimal(repr(value)) if isinstance(value, float) else value, place, place)


class _Reader:
    """Builds the tree from the parser's events: nothing is built twice, and depth is checked first."""

    def __init__(self, text: str, origin: str) -> None:
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=_LOADER)
        self._origin = origin

    def document(self) -> Node:
        next(self._events)  # the start of the stream
        start = next(self._events)
        if isinstance(start, yaml.StreamEndEvent):
            self._refuse(self._place(start), (), "the file is empty")
        root = self._value(next(self._events), ())
        next(self._events)  # the end of the document
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            self._refuse(self._place(after), (), "one document is expected, not several")
        return root

    def _value(self, event: yaml.Event, path: FieldPath, key_place: FilePlace | None = None) -> Node:
        place = self._place(event)
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:  # type: ignore[attr-defined]  # all have it
            self._refuse(place, path, "anchors (&) and aliases (*) are not allowed: write the value out")
        if event.tag is not None:  # type: ignore[attr-defined]  # all have it
            self._refuse(place, path, "tags (!) are not allowed")
        if len(path) > DEPTH_MAX:
            self._refuse(place, path[:3], f"nested more than {DEPTH_MAX} levels deep")
        if isinstance(event, yaml.ScalarEvent):
            # Only plain scalars have types: what is in quotes is text.
            value = self._scalar(event.value, place, path) if event.implicit[0] else event.value
            return Node(value, place, key_place)
        if isinstance(event, yaml.SequenceStartEvent):
            return Node(self._items(path), place, key_place)
        return Node(self._entries(path), place, key_place)

    def _items(self, path: FieldPath) -> list[Node]:
        items: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*path, len(items))))
        return items

    def _entries(self, path: FieldPath) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            place = self._place(event)
            if not isinstance(event, yaml.ScalarEvent) or event.anchor or event.tag:
                self._refuse(place, path, "a key must be a plain name")
            key = event.value
            if key in entries:
                first = entries[key].key_place
                self._refuse(place, (*path, key), f"given twice, first in line {first.line if first else '?'}")
            entries[key] = self._value(next(self._events), (*path, key), place)
        return entries

    def _scalar(self, text: str, place: FilePlace, path: FieldPath) -> Scalar:
        if text in _NAMED_SCALARS:
            return _NAMED_SCALARS[text]
        if _whole(text):
            number = int(text)
            if abs(number) > _WHOLE_MAX:
                self._refuse(place, path, _WHOLE_BOUNDS)
            return number
        return Decimal(text) if _decimal(text) else text

    def _place(self, event: yaml.Event) -> FilePlace:
        return _place_of(event.start_mark, self._origin)

    def _refuse(self, place: FilePlace, path: FieldPath, message: str) -> NoReturn:
        raise ScenarioError(problem_at(place, path, message))
