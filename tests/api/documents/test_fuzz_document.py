"""Bodies and queries made from the control plane's document: whatever is answered, the document describes it.

`python -m tests.commands.fuzz_control` makes many more of them with Schemathesis, over sockets.
"""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from gpu_sim.api.control_calls.call import Call
from hypothesis import given, settings
from hypothesis import strategies as st

from ...support.asgi import ALICE, Api, scenario
from .control_contract import CALLS, DOCUMENT, check_control_answer
from .prefilled import Node, resolved

TEXTS = st.one_of(
    st.sampled_from(["default", "alice", "vast-ai", "calm", "x", "5m", "0s", "1.5", "2026-01-02T00:00:00Z"]),
    st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), min_size=1, max_size=6),
)
ODD: st.SearchStrategy[Any] = st.sampled_from([None, True, -1, 10**30, 0.5, "", [], {}, [[]], {"a": 1}])
"""Values that most schemas refuse."""


def values(schema: Node) -> st.SearchStrategy[Any]:
    """Values that a schema takes, or nearly: patterns and bounds are left to chance."""
    schema = resolved(DOCUMENT, schema)
    alternatives = schema.get("anyOf", schema.get("oneOf"))
    if alternatives is not None:
        return st.one_of([values(each) for each in alternatives])
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum", [schema.get("const")]))
    made: Callable[[Node], st.SearchStrategy[Any]] = MAKERS.get(schema.get("type", ""), lambda _: ODD)
    return made(schema)


def items(schema: Node) -> st.SearchStrategy[list[Any]]:
    """Lists as a schema takes them."""
    return st.lists(values(schema.get("items", (schema.get("prefixItems") or [{}])[0])), max_size=3)


def bodies(schema: Node) -> st.SearchStrategy[Any]:
    """Objects with the fields of a schema, now and then one of them odd."""
    properties, required = schema.get("properties", {}), schema.get("required", ())
    fields = {name: values(each) | ODD if name not in required else values(each) for name, each in properties.items()}
    return st.fixed_dictionaries(
        {name: fields[name] for name in fields if name in required},
        optional={name: fields[name] for name in fields if name not in required},
    )


MAKERS: dict[str, Callable[[Node], st.SearchStrategy[Any]]] = {
    "object": bodies,
    "array": items,
    "integer": lambda schema: st.integers(schema.get("minimum", -2), 1_000),
    "number": lambda _: st.sampled_from([0, 0.5, 1, 3]),
    "boolean": lambda _: st.booleans(),
    "null": lambda _: st.none(),
    "string": lambda _: TEXTS,
}


def queries(operation: Node) -> st.SearchStrategy[dict[str, str]]:
    """Few of an operation's parameters."""
    known = {each["name"]: values(each["schema"]) for each in operation["parameters"] if each["in"] == "query"}
    if not known:
        return st.just({})
    pairs = st.one_of([st.tuples(st.just(name), value.map(str)) for name, value in known.items()])
    return st.lists(pairs, max_size=3).map(dict)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.operation_id)
def test_every_answer_is_described(call: Call) -> None:
    operation = DOCUMENT["paths"][call.path][call.method.lower()]
    content = operation.get("requestBody", {}).get("content", {"application/json": {"schema": {"const": None}}})
    made = values(content["application/json"]["schema"])

    @settings(max_examples=8)
    @given(made, queries(operation), TEXTS)
    def answered(body: Any, query: dict[str, str], name: str) -> None:
        with asyncio.Runner() as runner:
            api = Api(runner, scenario())
            rental_id = api.rent()
            path = call.path.replace("{rental_id}", rental_id).replace("{name}", quote(name, safe=""))
            answer = api.call(call.method, f"{path}?{urlencode(query, quote_via=quote)}", body, token=ALICE)
            assert answer.status < 500
            check_control_answer(call.method, path, answer)

    answered()
