"""The document of the control plane: it is valid, lacks no call, and says what is decoded and encoded."""

import asyncio
import re

import pytest
from gpu_sim.api.control.answers.events import EVENT_STRUCTS, shown_fields
from gpu_sim.api.control_calls.call import Call
from gpu_sim.api.exchange import Endpoint
from gpu_sim.api.front import FrontController
from gpu_sim.api.problems import KINDS
from openapi_spec_validator import validate
from starlette.routing import Route, Router

from ...support.asgi import Api, scenario
from .control_contract import CALLS, DOCUMENT, schema_validator
from .prefilled import METHODS, prefilled, resolved

OPERATIONS = {
    (method.upper(), path): operation
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if method in METHODS
}


def endpoint_of(route: Route) -> Endpoint:
    """The handlers of a route."""
    endpoint: object = route.endpoint
    assert isinstance(endpoint, Endpoint)
    return endpoint


def test_it_is_valid() -> None:
    validate(DOCUMENT)


def test_every_route_of_the_control_plane_is_in_the_table_and_in_the_document(api: Api) -> None:
    assert isinstance(api.app, FrontController)
    router = api.app._app
    assert isinstance(router, Router)
    routed = {
        (method, route.path)
        for route in router.routes
        if isinstance(route, Route) and (route.path.startswith("/_sim") or route.path == "/metrics")
        for method in endpoint_of(route)._handlers
    }
    assert routed == {(call.method, call.path) for call in CALLS} == set(OPERATIONS)


def test_names_of_operations_are_unique_and_describe_something() -> None:
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(names) == len(set(names))
    for operation in OPERATIONS.values():
        assert re.fullmatch("[a-z]+(_[a-z]+)*", operation["operationId"])
        assert operation["summary"].endswith(".")
        assert "Raises" not in operation["summary"] + operation.get("description", "")
        assert set(operation["tags"]) <= {tag["name"] for tag in DOCUMENT["tags"]}


def test_each_parameter_and_each_own_field_is_described() -> None:
    for operation in OPERATIONS.values():
        for parameter in operation["parameters"]:
            assert parameter["description"], (operation["operationId"], parameter["name"])
    for name, schema in DOCUMENT["components"]["schemas"].items():
        assert schema.get("description") or "anyOf" in schema, name


def test_each_example_is_valid(api: Api) -> None:
    document = api.get("/_sim/openapi.json")
    for request in prefilled(document):
        operation = document["paths"][request.path][request.method.lower()]
        if "requestBody" in operation:
            schema_validator(document, operation["requestBody"]["content"]["application/json"]["schema"]).validate(
                request.body
            )
        for answer in operation["responses"].values():
            for media in resolved(document, answer).get("content", {}).values():
                for example in media.get("examples", {}).values():
                    schema_validator(document, media["schema"]).validate(example["value"])


def test_each_refusal_of_the_table_is_in_the_document_under_its_status() -> None:
    for call in CALLS:
        responses = OPERATIONS[call.method, call.path]["responses"]
        codes = {
            (int(status), code)
            for status, answer in responses.items()
            for code in resolved(DOCUMENT, answer).get("x-codes", ())
        }
        assert codes == {(KINDS[refusal].status, refusal.code) for refusal in call.refusals}


def test_each_type_of_event_is_described() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    mapping = schemas["EventView"]["discriminator"]["mapping"]
    for type_ in EVENT_STRUCTS:
        tag = type_.__struct_config__.tag
        schema = resolved(DOCUMENT, {"$ref": mapping[str(tag)]})
        assert schema["properties"]["type"] == {"const": tag}
        assert set(schema["properties"]) == {"seq", "at", "type", *(name for name, _ in shown_fields(type_))}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.operation_id)
def test_a_query_is_decoded_as_the_type_that_is_declared(api: Api, call: Call) -> None:
    """A refusal lists the parameters that the handler knows."""
    path = call.path.replace("{rental_id}", "rent_x").replace("{name}", "x")
    body = call.example if isinstance(call.example, dict) else {}
    answer = api.call(call.method, f"{path}?no_such_parameter=1", body)
    problem = answer.problem(400, "unknown_parameter", "no_such_parameter")
    known = problem["detail"].partition(" among ")[2].partition("; ")[0]
    names = [parameter["name"] for parameter in OPERATIONS[call.method, call.path]["parameters"]]
    assert [*filter(None, known.split(", "))] == [name for name in names if f"{{{name}}}" not in call.path]


@pytest.mark.parametrize("call", [call for call in CALLS if call.body is not None], ids=lambda call: call.operation_id)
def test_a_body_is_decoded_as_the_type_that_is_declared(api: Api, call: Call) -> None:
    """`body_as` asserts that it is; a handler that decodes none would take the unknown field."""
    path = call.path.replace("{rental_id}", "rent_x").replace("{name}", "x")
    answer = api.call(call.method, path, {"no_such_field": 1})
    assert answer.problem(400, "unknown_field", "no_such_field")


def test_there_is_one_document_for_all_worlds_but_for_the_examples(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario())
    api.call("POST", "/_sim/worlds", {"name": "other", "scenario": "nine-zones"})
    ours, others = api.get("/_sim/openapi.json"), api.get("/_sim/openapi.json?world=other")
    assert ours != others
    assert ours["components"] == others["components"]
    examples = [{request.path: request.body for request in prefilled(each)} for each in (ours, others)]
    assert examples[0]["/_sim/market/price"] != examples[1]["/_sim/market/price"]
    api.call("GET", "/_sim/openapi.json?world=gone").problem(404, "world_not_found", "world")
    api.call("GET", "/_sim/openapi.json?wrld=other").problem(400, "unknown_parameter", "wrld")
