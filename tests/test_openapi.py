"""The document of the contract, whole and without its assumptions, and the command that prints it."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from gpu_sim.cli.main import main
from gpu_sim.openapi import contract_text, documented_only, load_contract
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from contract.document.provenance import CONSTRAINTS, OF_THE_CLAUSE, complaints

FACTS = [f"F{number}" for number in range(1, 26)]
REFERENCE = {
    *("list", "RTX 4090", "vast-ai", "Quebec, CA", "0.287", "meta-llama/Llama-3.3-70B-Instruct"),
    *("vllm/vllm-openai:latest", "ssh-ed25519 AAAA... user@host"),
    *(79, 24, 0.02, True, False),
}
"""Every value of the examples in the API reference."""
Node = dict[str, Any]


def printed(*arguments: str) -> str:
    """The output of the command."""
    result = CliRunner().invoke(main, ["contract", *arguments])
    assert result.exit_code == 0
    return result.output


@pytest.fixture(scope="module")
def contract() -> Node:
    """The document as it is written, read once; who changes it takes a copy."""
    return load_contract()


@pytest.fixture(scope="module")
def documented(contract: Node) -> Node:
    """What the facts leave of it."""
    return documented_only(contract)


def every(node: Any) -> Iterator[Node]:
    """Every object in a document."""
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from every(child)


def minimal(**schemas: Node) -> Node:
    """A document with these schemas, all of which a documented response refers to."""
    properties = {name: {"x-provenance": "F1", "$ref": f"#/components/schemas/{name}"} for name in schemas}
    answer = {"x-provenance": "F1", "content": {"application/json": {"schema": {"properties": properties}}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1", "x-provenance": "F1", "license": {"name": "MIT"}},
        "servers": [{"url": "/"}],
        "paths": {"/": {"get": {"responses": {"200": answer}}}},
        "components": {"schemas": schemas},
    }


def left_of(schema: Node) -> Node:
    """The rest of a schema without its assumptions."""
    left = documented_only(minimal(It={"x-provenance": "F1", **schema}))
    found: Node = left["components"]["schemas"]["It"]
    assert found.pop("x-provenance") == "F1"
    return found


def closed(node: Any) -> Any:
    """A schema that refuses every property which it does not name."""
    if isinstance(node, list):
        return [closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {key: closed(value) for key, value in node.items()}
    return kept | {"additionalProperties": False} if isinstance(node.get("properties"), dict) else kept


def test_the_command_prints_the_document_as_it_is_written() -> None:
    assert printed() == contract_text()
    assert json.loads(printed("--json")) == load_contract() == yaml.safe_load(printed())


def test_what_is_documented_is_printed_as_yaml_and_as_json(documented: Node) -> None:
    assert yaml.safe_load(printed("--documented-only")) == documented
    assert json.loads(printed("--documented-only", "--json")) == documented


def test_what_is_documented_is_valid_openapi_on_facts_alone(documented: Node) -> None:
    validate(documented)
    assert complaints(documented, FACTS) == []
    assert not any("x-assumed" in node for node in every(documented))


def test_what_is_documented_refers_to_nothing_that_is_gone_and_keeps_nothing_unused(documented: Node) -> None:
    references = {node["$ref"] for node in every(documented) if "$ref" in node}
    there = {
        f"#/components/{group}/{name}"
        for group, parts in documented["components"].items()
        for name in parts
        if group != "securitySchemes"
    }
    assert references == there


def test_what_is_documented_has_all_operations_filters_fields_and_statuses_of_the_facts(documented: Node) -> None:
    operations = [node for node in every(documented) if "operationId" in node and "responses" in node]
    assert {operation["operationId"]: list(operation["responses"]) for operation in operations} == {
        "list_offers": ["200"],
        "rent_gpu": ["2XX", "402"],
        "get_rental": ["200"],
        "terminate_rental": ["2XX"],
    }
    names = [parameter["name"] for parameter in documented["components"]["parameters"].values()]
    assert names == ["gpu_model", "provider", "min_vram", "max_price", "rental_id"]
    schemas = documented["components"]["schemas"]
    assert list(schemas["RentRequest"]["properties"]) == [
        "gpu_model",
        "provider_id",
        "region",
        "model_id",
        "docker_image",
        "ssh_key",
        "fine_tuned",
    ]
    assert list(schemas["Rental"]["properties"]) == ["rental_id", "status"]
    assert len(schemas["Offer"]["properties"]) == 7


def test_no_example_that_is_left_has_a_property_that_only_an_assumption_explains(documented: Node) -> None:
    components = closed(documented["components"])
    examples = [
        (media["schema"], example["value"])
        for node in every(documented)
        if isinstance(node.get("content"), dict)
        for media in node["content"].values()
        for example in media.get("examples", {}).values()
    ]
    assert len(examples) == 4
    for schema, value in examples:
        Draft202012Validator({**schema, "components": components}).validate(value)


def leaves(value: Any) -> Iterator[Any]:
    """Every single value in an example."""
    if isinstance(value, dict | list):
        for child in value.values() if isinstance(value, dict) else value:
            yield from leaves(child)
    else:
        yield value


def test_examples_that_are_left_have_the_values_of_the_reference_alone(documented: Node) -> None:
    shown = [node["example"] for node in every(documented) if "in" in node and "example" in node]
    named = [example for node in every(documented) for example in node.get("examples", {}).values()]
    assert (len(shown), len(named)) == (4, 4)
    for value in leaves([*shown, *(example["value"] for example in named)]):
        assert (type(value), value) in {(type(known), known) for known in REFERENCE}
    assert not [node for node in every(documented) if "rent_" in str(node.get("example", node.get("value", "")))]


def test_of_all_constraints_are_left_what_the_facts_say_and_the_types_that_they_name(documented: Node) -> None:
    """Written out here, so that a mistake in the document's own lists shows."""
    left = [
        (keyword, node[keyword])
        for node in every(documented)
        for keyword in sorted((CONSTRAINTS - OF_THE_CLAUSE - {"example"}) & set(node))
    ]
    assert left == [("const", "list"), ("enum", ["provisioning", "running", "terminated"])]
    assert documented["components"]["parameters"]["MinVram"]["schema"] == {}


@pytest.mark.parametrize("keyword", sorted(CONSTRAINTS - OF_THE_CLAUSE))
def test_no_constraint_is_left_unless_a_fact_is_named_for_it(keyword: str, contract: Node, documented: Node) -> None:
    """Put beside a documented statement without a word it is complained of; as an assumption it is taken out."""
    document = deepcopy(contract)
    spot = document["components"]["schemas"]["Offer"]["properties"]["spot"]
    spot[keyword] = False
    place = "/components/schemas/Offer/properties/spot"
    says = f"{place}: {keyword!r} is in neither of x-assumed, x-documented"
    assert complaints(documented_only(document), FACTS) == [says]
    assert says in complaints(document, [*FACTS, *(f"A{number}" for number in range(1, 26))])
    spot["x-assumed"] = [{"x-provenance": "A18", "description": "d", "keywords": [keyword]}]
    assert documented_only(document) == documented


@pytest.mark.parametrize(
    ("schema", "left"),
    [
        ({"type": "string", "x-assumed": [{"x-provenance": "A1", "description": "d"}]}, {"type": "string"}),
        (
            {
                "type": "string",
                "pattern": "a",
                "x-assumed": [{"x-provenance": "A1", "description": "d", "keywords": ["pattern"]}],
            },
            {"type": "string"},
        ),
        (
            {
                "properties": {name: {"x-provenance": clause} for name, clause in (("a", "F1"), ("b", "A1"))},
                "required": ["a", "b"],
                "dependentRequired": {"a": ["b"], "b": ["a"], "c": ["a", "b"]},
            },
            {
                "properties": {"a": {"x-provenance": "F1"}},
                "required": ["a"],
                "dependentRequired": {"c": ["a"]},
            },
        ),
        ({"type": "object", "properties": {"b": {"x-provenance": "A1"}}, "required": ["b"]}, {"type": "object"}),
        (
            {"properties": {"value": {"x-provenance": "F1", "default": {"x-provenance": "A1"}}}},
            {"properties": {"value": {"x-provenance": "F1"}}},
        ),
        (
            {"properties": {"value": {"x-provenance": "F1", "pattern": "", "x-assumed": []}}},
            {"properties": {"value": {"x-provenance": "F1", "pattern": ""}}},
        ),
        ({"anyOf": [{"type": "string"}, {"x-provenance": "A1", "type": "null"}]}, {"anyOf": [{"type": "string"}]}),
        ({"example": {"x-provenance-like": 1, "empty": []}}, {"example": {"x-provenance-like": 1, "empty": []}}),
        ({"x-provenance": "F1", "enum": [], "default": {}}, {"enum": [], "default": {}}),
        (
            {"minimum": 1, "x-documented": [{"x-provenance": "F1", "description": "d", "keywords": ["minimum"]}]},
            {"minimum": 1, "x-documented": [{"x-provenance": "F1", "description": "d", "keywords": ["minimum"]}]},
        ),
    ],
)
def test_of_a_schema_stays_what_no_assumption_brought(schema: Node, left: Node) -> None:
    assert left_of(schema) == left


def test_what_refers_to_an_assumption_goes_with_it_and_a_fact_loses_the_reference() -> None:
    assumed = {"x-provenance": "A1", "$ref": "#/components/schemas/Deep"}
    deep = {"x-provenance": "F1", "type": "string"}
    left = documented_only(
        minimal(Assumed=assumed, Deep=deep, Kept={"x-provenance": "F1", "items": {"type": "object"}})
    )
    answer = left["paths"]["/"]["get"]["responses"]["200"]
    assert answer["content"]["application/json"]["schema"]["properties"]["Assumed"] == {"x-provenance": "F1"}
    assert set(left["components"]["schemas"]) == {"Deep", "Kept"}


def test_components_that_only_the_gone_referred_to_are_gone_too() -> None:
    document = minimal(Kept={"x-provenance": "F1"})
    document["components"]["schemas"] |= {
        "Outer": {"x-provenance": "F1", "$ref": "#/components/schemas/Inner"},
        "Inner": {"x-provenance": "F1"},
    }
    assert set(documented_only(document)["components"]["schemas"]) == {"Kept"}


def test_servers_and_licence_are_the_simulators_and_the_document_given_is_not_changed() -> None:
    document = minimal(Kept={"x-provenance": "F1"})
    before = json.dumps(document)
    left = documented_only(document)
    assert "servers" not in left
    assert "license" not in left["info"]
    assert json.dumps(document) == before
