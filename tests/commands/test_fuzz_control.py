"""The fuzzing of the control plane: its configuration and its document. A command of its own runs it."""

import tomllib
from copy import deepcopy
from typing import Any

import pytest
from openapi_spec_validator import validate

from ..api.documents.control_contract import CALLS, DOCUMENT
from . import fuzz_control
from .fuzz_control import CONFIGURATION, DURATIONS, LEFT_OUT, with_bounds

SETTINGS: dict[str, Any] = tomllib.loads(CONFIGURATION.read_text(encoding="utf-8"))


def test_every_call_is_made_and_every_phase_on_that_there_is_something_for() -> None:
    assert "operations" not in SETTINGS
    phases = {name for name, phase in SETTINGS["phases"].items() if phase["enabled"]}
    assert phases == {"examples", "coverage", "fuzzing"}
    assert not [node for node in DOCUMENT["components"]["responses"].values() if "links" in node]


def test_no_check_is_off_but_those_that_a_reset_makes_wrong() -> None:
    off = {name for name, check in SETTINGS["checks"].items() if not check.get("enabled", True)}
    assert off == {"ignored_auth", "use_after_free", "ensure_resource_availability"}


def test_what_valid_data_may_be_answered_with_is_no_failure_of_the_server() -> None:
    accepted = set(SETTINGS["checks"]["positive_data_acceptance"]["expected-statuses"])
    assert accepted == {"2xx", "400", "404", "409", "410"}


def test_the_document_with_bounds_is_valid_and_keeps_every_call() -> None:
    bounded = with_bounds(deepcopy(DOCUMENT), ["rent_y"])
    validate(bounded)
    names = {operation["operationId"] for item in bounded["paths"].values() for operation in item.values()}
    assert names == {call.operation_id for call in CALLS if call.path not in LEFT_OUT}
    schemas = bounded["components"]["schemas"]
    assert schemas["Advance"]["properties"]["by"]["enum"] == [*DURATIONS, None]
    assert set(schemas["PutClock"]["properties"]) == {"mode", "speed", "step"}


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fuzz_control, "find_spec", lambda _: None)
    monkeypatch.setattr("sys.argv", ["fuzz_control"])
    assert fuzz_control.main() == 2
    assert "pip install -e '.[fuzz]'" in capsys.readouterr().err
