"""What Swagger UI fills in by itself when somebody presses "Try it out", as requests."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

METHODS = ("get", "put", "post", "delete")
_NOTHING = object()

Node = dict[str, Any]


@dataclass(frozen=True)
class Prefilled:
    """A request as "Execute" sends it at the first click."""

    operation: str
    method: str
    path: str
    target: str
    body: Any
    headers: tuple[tuple[str, str], ...]
    unfilled: tuple[str, ...]
    """Required parameters for which the viewer has no value: it refuses to send."""


def prefilled(document: Node) -> Iterator[Prefilled]:
    """The requests of all operations of a document, in its order."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield _request(document, path, method, item)


def _request(document: Node, path: str, method: str, item: Node) -> Prefilled:
    operation = item[method]
    parameters = [resolved(document, each) for each in (*item.get("parameters", ()), *operation.get("parameters", ()))]
    values: dict[str, dict[str, str]] = {"path": {}, "query": {}, "header": {}}
    unfilled = []
    for parameter in parameters:
        value = _value(document, parameter)
        if value is not _NOTHING:
            values[parameter["in"]][parameter["name"]] = str(value)
        elif parameter.get("required"):
            unfilled.append(parameter["name"])
    target = path
    for name, value in values["path"].items():
        target = target.replace(f"{{{name}}}", quote(value, safe=""))
    query = urlencode(values["query"], quote_via=quote)
    return Prefilled(
        operation["operationId"],
        method.upper(),
        path,
        f"{target}?{query}" if query else target,
        _body(document, operation),
        tuple(values["header"].items()),
        tuple(unfilled),
    )


def _value(document: Node, parameter: Node) -> Any:
    """The viewer's order (5.34): `examples`, `example`, the schema's `example` and `default`. It leaves the schema's
    `examples` alone."""
    schema = resolved(document, parameter.get("schema", {}))
    for example in parameter.get("examples", {}).values():
        return example["value"]
    for holder, key in ((parameter, "example"), (schema, "example"), (schema, "default"), (parameter, "default")):
        if key in holder:
            return holder[key]
    return _NOTHING


def _body(document: Node, operation: Node) -> Any:
    body = resolved(document, operation.get("requestBody", {}))
    media = body.get("content", {}).get("application/json")
    if media is None:
        return None
    for example in media.get("examples", {}).values():
        return example["value"]
    assert "example" in media, f"{operation['operationId']}: the viewer would make a body up"
    return media["example"]


def resolved(document: Node, node: Node) -> Node:
    """The object that a reference leads to, or the one given."""
    while "$ref" in node:
        found: Any = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        node = found
    return node
