"""The second layer over the contract: its configuration, its document, its count. A command of its own runs it."""

import re
import tomllib
from collections import Counter
from copy import deepcopy
from itertools import product
from typing import Any

import pytest
import yaml
from gpu_sim import Simulation, load_scenario
from gpu_sim.api.faults.header import parse_effect
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from . import fuzz_contract
from .fuzz_contract import CONTRACT, HARMLESS, Tally, with_harmless_faults, with_names

CONFIGURATION = tomllib.loads((CONTRACT / "schemathesis.toml").read_text(encoding="utf-8"))
DOCUMENT = yaml.safe_load((CONTRACT / "openapi.yaml").read_text(encoding="utf-8"))
REPORT: dict[str, Any] = {
    "test_cases": {"generated": 100, "unique_failures": 0, "without_checks": 2},
    "errors": [],
    "phases": {name: {"status": "success"} for name in ("Examples", "Coverage", "Fuzzing", "Stateful")},
    "operations": {"selected": 4, "tested": 4},
}


def offers() -> list[dict[str, Any]]:
    """The names of the offers that the scenario of the contract has."""
    simulation = Simulation(load_scenario(str(CONTRACT / "scenario.yaml")))
    return [
        {"gpu_model": offer.spec.gpu_model, "provider_id": offer.spec.provider_id, "region": offer.spec.region}
        for offer in simulation.market.listed()
    ]


def test_every_phase_is_on_and_one_check_is_off_for_two_operations() -> None:
    assert {phase: settings["enabled"] for phase, settings in CONFIGURATION["phases"].items()} == dict.fromkeys(
        ("examples", "coverage", "fuzzing", "stateful"), True
    )
    assert all(settings.get("enabled", True) for settings in CONFIGURATION["checks"].values())
    off = {
        (check, *operation["include-operation-id"])
        for operation in CONFIGURATION["operations"]
        for check, settings in operation["checks"].items()
        if not settings.get("enabled", True)
    }
    assert off == {("use_after_free", "get_rental", "terminate_rental")}


def test_what_valid_data_may_be_answered_with_is_documented() -> None:
    documented = {
        operation["operationId"]: {status.lower() for status in operation["responses"]} | {"2xx"}
        for item in DOCUMENT["paths"].values()
        for operation in item.values()
        if isinstance(operation, dict) and "operationId" in operation
    }
    for operation in CONFIGURATION["operations"]:
        accepted = set(operation["checks"]["positive_data_acceptance"]["expected-statuses"])
        names = operation["include-operation-id"]
        for name in [names] if isinstance(names, str) else names:
            assert accepted <= documented[name]
            assert not accepted & {"400", "401", "5xx"}


def test_half_of_the_combinations_of_names_exist() -> None:
    listed = offers()
    fields = with_names(deepcopy(DOCUMENT), listed)["components"]["schemas"]["RentRequest"]["properties"]
    names = [fields[name]["enum"] for name in ("gpu_model", "provider_id", "region")]
    there = {(offer["gpu_model"], offer["provider_id"], offer["region"]) for offer in listed}
    combined = list(product(*names))
    assert len(combined) >= 4
    assert len(there & set(combined)) * 2 >= len(combined)


def test_the_document_with_names_is_valid_and_so_are_its_examples() -> None:
    document = with_names(deepcopy(DOCUMENT), offers())
    validate(document)
    media = document["components"]["requestBodies"]["Rent"]["content"]["application/json"]
    for example in media["examples"].values():
        Draft202012Validator({**media["schema"], "components": document["components"]}).validate(example["value"])


def test_no_status_that_only_a_fault_gives_is_taken_for_documented() -> None:
    document = with_harmless_faults(DOCUMENT)
    validate(document)
    statuses = {
        status
        for item in document["paths"].values()
        for operation in item.values()
        if isinstance(operation, dict) and "operationId" in operation
        for status in operation["responses"]
    }
    assert statuses == {"2XX", *map(str, (200, 201, 400, 401, 402, 404, 409, 413, 415, 422, 429, 503))}
    assert {"4XX", "5XX"} <= set(DOCUMENT["paths"]["/v1/gpu/rent"]["post"]["responses"])


def test_the_faults_that_are_asked_for_leave_the_answer_as_it_is() -> None:
    effect = with_harmless_faults(DOCUMENT)["components"]["parameters"]["Effect"]
    assert set(effect["schema"]["examples"]) <= set(effect["schema"]["enum"])
    is_described = re.compile(DOCUMENT["components"]["parameters"]["Effect"]["schema"]["pattern"]).search
    for words in HARMLESS:
        assert is_described(words)
        assert parse_effect(words).kind in ("delay", "drip")


@pytest.mark.parametrize(
    ("change", "failures"),
    [
        ({}, 0),
        ({"test_cases": {"generated": 100, "unique_failures": 3, "without_checks": 2}}, 3),
        ({"errors": [{"title": "Network Error", "count": 7}]}, 1),
        ({"phases": REPORT["phases"] | {"Stateful": {"status": "skip"}}}, 1),
        ({"operations": {"selected": 4, "tested": 2}}, 2),
    ],
)
def test_what_failed_or_was_left_out_is_counted(change: dict[str, Any], failures: int) -> None:
    tally = Tally()
    tally.add(REPORT, Counter({"rent_gpu 201": 5}))
    tally.add(REPORT | change, Counter({"rent_gpu 201": 2}))
    assert (tally.rounds, tally.cases, tally.failures) == (2, 200, failures)
    assert f"200 cases in 2 rounds, {failures} failures" in str(tally)
    assert str(tally).endswith("answers: rent_gpu 201 7")


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fuzz_contract, "find_spec", lambda _: None)
    monkeypatch.setattr("sys.argv", ["fuzz_contract"])
    assert fuzz_contract.main() == 2
    assert "pip install -e '.[fuzz]'" in capsys.readouterr().err
