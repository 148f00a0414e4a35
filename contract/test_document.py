"""The OpenAPI document and the list of clauses agree with each other and with the tests."""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from .codes import INJECTED, STATUS_OF_CODE
from .document import load_document

FOLDER = Path(__file__).resolve().parent
IDS = [f"F{number}" for number in range(1, 26)] + [f"A{number}" for number in range(1, 26)]
ROW = re.compile(r"^\| ([FA]\d+) \| (.+?) \|(.*)\|$", re.MULTILINE)
TEST = re.compile(r"^def test_([fa]\d+)_", re.MULTILINE)
GROUPS = ("parameters", "headers", "requestBodies", "responses", "schemas", "securitySchemes")


def clauses() -> dict[str, str]:
    """The clauses of the README, with the files that they name."""
    return {name: files.strip() for name, _, files in ROW.findall((FOLDER / "README.md").read_text(encoding="utf-8"))}


def shown_by() -> dict[str, str]:
    """The test files that have a test for a clause, by the names of the tests."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(FOLDER.glob("test_*.py")):
        for name in sorted(set(TEST.findall(path.read_text(encoding="utf-8")))):
            found[name.upper()].append(path.name)
    return {name: ", ".join(files) for name, files in found.items()}


def statements(raw: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every part of the document that promises something: each needs its provenance."""
    for group in GROUPS:
        for name, part in raw["components"][group].items():
            yield f"{group}.{name}", part
            if group == "schemas":
                yield from properties(name, part)
            for kind in ("headers", "links"):
                for key, inner in part.get(kind, {}).items() if group == "responses" else ():
                    yield f"{name}.{key}", load_document().resolve(inner)
    for path, item in raw["paths"].items():
        yield path, item
        for method, operation in item.items():
            if method in {"get", "post", "delete"}:
                yield f"{method} {path}", operation
                for part in (*operation.get("parameters", ()), *operation["responses"].values()):
                    yield f"{method} {path} {part}", load_document().resolve(part)


def properties(name: str, schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The properties of a schema, at any depth."""
    for key, part in schema.get("properties", {}).items():
        yield f"{name}.{key}", part
        yield from properties(f"{name}.{key}", part)
    for part in schema.get("allOf", ()):
        yield from properties(name, part)


def test_the_document_is_valid_openapi() -> None:
    validate(load_document().raw)


def test_every_statement_has_one_known_provenance() -> None:
    found = list(statements(load_document().raw))
    assert len(found) > 100
    assert [where for where, part in found if part.get("x-provenance") not in IDS] == []


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
    codes = load_document().raw["components"]["schemas"]["Error"]["properties"]["code"]["enum"]
    assert codes == [*STATUS_OF_CODE, INJECTED]


@pytest.mark.parametrize("name", ["RentRequest", "OfferList", "Rental", "Refusal"])
def test_examples_match_their_schemas(name: str) -> None:
    document = load_document()
    reference = f"#/components/schemas/{name}"
    groups = [
        *document.raw["components"]["responses"].values(),
        *document.raw["components"]["requestBodies"].values(),
    ]
    media = [part["content"]["application/json"] for part in groups]
    examples = [
        example["value"]
        for one in media
        if one["schema"]["$ref"] == reference
        for example in one.get("examples", {}).values()
    ]
    assert examples
    for example in examples:
        document.check_value(one_of(reference), example, name)


def one_of(reference: str) -> dict[str, Any]:
    """A schema that is a reference."""
    return {"$ref": reference}


def test_the_readme_has_every_clause_once() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [name for name, _, _ in ROW.findall(text)] == IDS


def test_the_readme_names_the_files_that_show_each_clause() -> None:
    shown = shown_by()
    assert set(shown) <= set(IDS)
    assert clauses() == {name: shown.get(name, "") for name in IDS}


def test_the_suite_speaks_http_only() -> None:
    imported = re.compile(r"^\s*(?:from|import) simulator\b", re.MULTILINE)
    assert [path.name for path in FOLDER.glob("*.py") if imported.search(path.read_text(encoding="utf-8"))] == []
