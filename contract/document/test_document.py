"""The OpenAPI document, the list of clauses in the README, and the tests agree."""

import json
import re
from collections import defaultdict
from copy import deepcopy
from typing import Any

import pytest
import yaml
from openapi_spec_validator import validate

from .. import FOLDER
from .document import load_document
from .error_codes import INJECTED, STATUS_OF_CODE
from .provenance import complaints, statements

IDS = [f"F{number}" for number in range(1, 26)] + [f"A{number}" for number in range(1, 26)]
ROW = re.compile(r"^\| ([FA]\d+) \| (.+?) \|(.*)\|$", re.MULTILINE)
ROOMS = ("target", "document", "model", "clauses", "verdicts")
"""The folders of the suite: each imports only from itself and from those before it."""
TEST = re.compile(r"^def test_([fa]\d+)_", re.MULTILINE)
STATUS = "components.schemas.Rental.properties.status"


def clauses() -> dict[str, str]:
    """The clauses of the README, each with the test files that it names."""
    return {name: files.strip() for name, _, files in ROW.findall((FOLDER / "README.md").read_text(encoding="utf-8"))}


def shown_by() -> dict[str, str]:
    """The test files that show each clause, by the names of their tests."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted((FOLDER / "clauses").glob("test_*.py")):
        for name in sorted(set(TEST.findall(path.read_text(encoding="utf-8")))):
            found[name.upper()].append(path.name)
    return {name: ", ".join(files) for name, files in found.items()}


def test_the_document_is_valid_openapi() -> None:
    validate(load_document().raw)


def test_every_statement_has_one_known_provenance() -> None:
    assert len(list(statements(load_document().raw))) > 100
    assert complaints(load_document().raw, clauses()) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("paths./v1/gpu/rent.x-provenance", "/paths//v1/gpu/rent: no x-provenance"),
        ("paths./v1/gpu/rent.post.x-provenance", "/paths//v1/gpu/rent/post: no x-provenance"),
        ("info.x-provenance", "/info: no x-provenance"),
        ("components.parameters.MinVram.x-provenance", "/components/parameters/MinVram: no x-provenance"),
        ("components.headers.Allow.x-provenance", "/components/headers/Allow: no x-provenance"),
        ("components.requestBodies.Rent.x-provenance", "/components/requestBodies/Rent: no x-provenance"),
        ("components.responses.Injected.x-provenance", "/components/responses/Injected: no x-provenance"),
        ("components.responses.Rented.links.watch.x-provenance", "Rented/links/watch: no x-provenance"),
        (
            "components.responses.Offers.content.application/json.examples.documented.x-provenance",
            "/components/responses/Offers/content/application/json/examples/documented: no x-provenance",
        ),
        ("components.schemas.Offer.x-provenance", "/components/schemas/Offer: no x-provenance"),
        ("components.schemas.Offer.properties.spot.x-provenance", "Offer/properties/spot: no x-provenance"),
        ("components.schemas.Rental.properties.ssh.properties.port.x-provenance", "ssh/properties/port: no x-prov"),
        ("components.securitySchemes.bearer.x-provenance", "/components/securitySchemes/bearer: no x-provenance"),
        ("info.x-provenance=F26", "/info: no clause 'F26'"),
        ("info.x-provenance=f1", "/info: no clause 'f1'"),
        ("info.x-provenance=F1, F2", "/info: no clause 'F1, F2'"),
        ("info.x-provenance=[F1]", "/info: x-provenance must be one clause, not ['F1']"),
        ("info.x-provenance=[F1, F2]", "/info: x-provenance must be one clause, not ['F1', 'F2']"),
        ("info.x-provenance=null", "/info: x-provenance must be one clause, not None"),
        ("info.license.x-provenance=F99", "/info/license: no clause 'F99'"),
        ("info.x-assumed.0.x-provenance=F2", "/info: x-assumed is for clauses A…, not 'F2'"),
        ("info.x-assumed.0.x-provenance=A99", "/info/x-assumed/0: no clause 'A99'"),
        ("info.x-assumed.0.description", "/info: a part of x-assumed has x-provenance, description"),
        ("info.x-assumed.0.keywords=[pattern]", "/info: x-assumed names 'pattern', which is not there"),
        (f"{STATUS}.x-documented.0.x-provenance=A2", "/status: x-documented is for clauses F…, not 'A2'"),
        (f"{STATUS}.x-documented.0.x-provenance=F99", "/status/x-documented/0: no clause 'F99'"),
        (f"{STATUS}.x-documented.0.description", "/status: a part of x-documented has x-provenance, description"),
        (f"{STATUS}.x-documented.0.keywords=[const]", "/status: x-documented names 'const', which is not there"),
        (f"{STATUS}.x-documented.0.keywords", "/status: 'enum' is in neither of x-assumed, x-documented"),
        (f"{STATUS}.x-documented.1.keywords=[enum]", "/status: 'enum' is listed 2 times"),
        (f"{STATUS}.minLength=[1]", "/status: 'minLength' is in neither of"),
        ("components.schemas.Price.x-assumed", "/components/schemas/Price: 'pattern' is in neither of"),
        ("components.schemas.Name.x-assumed.0.keywords=[pattern]", "/Name: 'maxLength' is in neither of"),
        ("components.parameters.Provider.x-documented", "/Provider: 'example' is in neither of"),
        ("components.parameters.Provider.schema.x-provenance", "/Provider/schema: 'type' is in neither of"),
        ("components.parameters.RentalId.x-assumed", "/RentalId: 'example' is in neither of"),
        ("components.responses.Injected.x-injected=[]", "/Injected: x-injected is true or not there"),
    ],
)
def test_what_does_not_name_one_known_clause_is_refused(change: str, says: str) -> None:
    """A `change` is a place, and after `=` its new value. Without a value the place is removed."""
    document = deepcopy(load_document().raw)
    path, _, value = change.partition("=")
    *parents, last = path.split(".")
    place: Any = document
    for key in parents:
        place = place[int(key)] if key.isdigit() else place[key]
    if value:
        place[last] = yaml.safe_load(value) if value[0] in "[n" else value
    else:
        del place[last]
    assert any(says in complaint for complaint in complaints(document, clauses()))


def test_a_property_may_be_called_like_a_keyword_of_the_document() -> None:
    inner = {"properties": {"get": {"x-provenance": "F1"}, "value": {"title": "string"}}}
    document = {"components": {"schemas": {"Odd": {"x-provenance": "F1", **inner}}}}
    assert complaints(document, ["F1"]) == ["/components/schemas/Odd/properties/value: no x-provenance"]


def test_the_document_has_the_four_operations() -> None:
    operations = {
        operation["operationId"]: f"{method} {path}"
        for path, item in load_document().raw["paths"].items()
        for method, operation in item.items()
        if method in {"get", "put", "post", "patch", "delete"}
    }
    assert operations == {
        "list_offers": "get /v1/gpu/offers",
        "rent_gpu": "post /v1/gpu/rent",
        "get_rental": "get /v1/gpu/rentals/{rental_id}",
        "terminate_rental": "delete /v1/gpu/rentals/{rental_id}",
    }


def test_the_document_and_the_suite_know_the_same_codes() -> None:
    ours, injected = load_document().raw["components"]["schemas"]["Error"]["properties"]["code"]["anyOf"]
    assert (ours["enum"], ours["x-provenance"]) == (list(STATUS_OF_CODE), "A12")
    assert (injected["const"], injected["x-injected"]) == (INJECTED, True)


def test_every_response_and_body_has_examples_that_match_its_schema() -> None:
    document = load_document()
    groups = document.raw["components"]
    for where, part in (*groups["responses"].items(), *groups["requestBodies"].items()):
        for media in part.get("content", {}).values():
            assert media["examples"], where
            for name, example in media["examples"].items():
                document.check_value(media["schema"], example["value"], f"{where} {name}")


@pytest.mark.parametrize("group", ["parameters", "headers"])
def test_every_parameter_and_header_has_an_example_that_matches_its_schema(group: str) -> None:
    document = load_document()
    for name, part in document.raw["components"][group].items():
        for example in part["schema"].get("examples") or [part["example"]]:
            document.check_value(part["schema"], example, name)


def test_no_request_is_given_a_fault_a_key_or_an_id_that_it_did_not_ask_for() -> None:
    """A tool fills in `example` and `default` by itself, and `examples` of a schema it only shows."""
    parameters = load_document().raw["components"]["parameters"]
    headers = {part["name"]: part for part in parameters.values() if part["in"] == "header"}
    assert set(headers) == {"Idempotency-Key", "x-request-id", "x-sim"}
    for part in headers.values():
        assert not {"example", "examples"} & set(part)
        assert not {"example", "default"} & set(part["schema"])


def test_every_code_has_an_example_in_a_response_of_its_status() -> None:
    document = load_document()
    responses = document.raw["components"]["responses"]
    of_status = {
        int(status): node["$ref"].rpartition("/")[2]
        for item in document.raw["paths"].values()
        for operation in item.values()
        if isinstance(operation, dict) and "responses" in operation
        for status, node in operation["responses"].items()
        if status.isdigit() and status != "404"
    }
    shown = {
        example["value"]["error"]["code"]: name
        for name, response in responses.items()
        for media in response.get("content", {}).values()
        for example in media["examples"].values()
        if "error" in example["value"]
    }
    several = {"not_found": "NotFound", "rental_not_found": "RentalNotFound", "offer_not_found": "OfferNotFound"}
    special = {405: "MethodNotAllowed"}
    expected = {
        code: several.get(code) or special.get(status) or of_status[status] for code, status in STATUS_OF_CODE.items()
    }
    assert shown == expected | {INJECTED: "Injected"}


def test_every_component_is_referred_to() -> None:
    document = load_document().raw
    text = json.dumps(document)
    unused = [
        f"{group}/{name}"
        for group, parts in document["components"].items()
        for name in parts
        if group != "securitySchemes" and f'"#/components/{group}/{name}"' not in text
    ]
    assert unused == ["responses/NotFound"]  # of paths that the document does not have


def test_the_readme_has_every_clause_once() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [name for name, _, _ in ROW.findall(text)] == IDS


def test_the_readme_names_the_files_that_show_each_clause() -> None:
    shown = shown_by()
    assert set(shown) <= set(IDS)
    assert clauses() == {name: shown.get(name, "") for name in IDS}


def test_the_suite_speaks_http_only() -> None:
    imported = re.compile(r"^\s*(?:from|import) gpu_sim\b", re.MULTILINE)
    assert [path.name for path in FOLDER.rglob("*.py") if imported.search(path.read_text(encoding="utf-8"))] == []


def test_each_room_imports_only_from_itself_and_those_below() -> None:
    imported = re.compile(r"^from \.\.(\w+)\.", re.MULTILINE)
    assert {path.parent.name for path in FOLDER.glob("*/*.py")} == set(ROOMS)
    upwards = [
        f"{room}/{path.name} imports from {other}"
        for height, room in enumerate(ROOMS)
        for path in sorted((FOLDER / room).glob("*.py"))
        for other in imported.findall(path.read_text(encoding="utf-8"))
        if other not in ROOMS[:height]
    ]
    assert upwards == []
