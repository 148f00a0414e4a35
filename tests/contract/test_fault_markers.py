"""Answers of injected faults are in the document, and pass the check only where a fault was injected."""

import asyncio
import json
import re
from collections.abc import Iterator
from itertools import product
from typing import Any

import httpx
import pytest
from gpu_sim.api.faults import header

from contract.document.document import load_document
from contract.document.error_codes import INJECTED
from contract.document.fault_markers import FAULT_HEADER, MARKER, without_fault_statements
from contract.target.server import Answer

from ..support.asgi import RENT, Api, scenario

CALLS = [
    ("GET", "/v1/gpu/offers"),
    ("POST", "/v1/gpu/rent"),
    ("GET", "/v1/gpu/rentals/x"),
    ("DELETE", "/v1/gpu/rentals/x"),
]
ALLOWED = {"/v1/gpu/offers": 200, "/v1/gpu/rent": 201}
STATUSES = range(400, 600)
ENVELOPE = {"message": "m", "type": "api_error", "param": None}


@pytest.fixture
def api() -> Iterator[Api]:
    """The application over the quiet market."""
    with asyncio.Runner() as runner:
        yield Api(runner, scenario())


def asked(api: Api, words: str, method: str = "GET", path: str = "/v1/gpu/offers") -> Answer:
    """The answer to a request that asks for a fault."""
    answer = api.call(method, path, RENT if method == "POST" else None, headers=[("x-sim", words)])
    return Answer(method, path, answer.status, httpx.Headers(answer.headers), answer.body)


def made(status: int, code: str, **headers: str) -> Answer:
    """An answer of no simulator, to a rent."""
    sent = {"content-type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    content = json.dumps({"error": ENVELOPE | {"code": code}}).encode()
    return Answer("POST", "/v1/gpu/rent", status, httpx.Headers(sent), content)


def check(answer: Answer, *, simulated: bool = True) -> None:
    """Raises AssertionError where the answer is not as documented."""
    load_document().check(answer, simulated=simulated)


def unsigned(answer: Answer) -> Answer:
    """The same without word of a fault."""
    kept = [(name, value) for name, value in answer.headers.multi_items() if name != FAULT_HEADER]
    return Answer(answer.method, answer.path, answer.status, httpx.Headers(kept), answer.content)


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_every_status_that_a_fault_can_inject_is_documented(api: Api, method: str, path: str) -> None:
    for status in STATUSES:
        answer = asked(api, f"respond={status}", method, path)
        assert answer.status == status
        check(answer)


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_without_word_of_a_fault_only_named_statuses_with_a_code_of_the_api_pass(
    api: Api, method: str, path: str
) -> None:
    document = load_document()
    operation = document.operation(method, path)
    assert operation is not None
    passed = []
    for status in STATUSES:
        answer = unsigned(asked(api, f"respond={status}", method, path))
        try:
            check(answer)
        except AssertionError:
            continue
        passed.append(answer.status)
        assert answer.error["code"] != INJECTED
    named = {int(status) for status in operation["responses"] if status.isdigit() and 400 < int(status) < 500}
    assert set(passed) == named


@pytest.mark.parametrize("words", ["delay=0s", "drip=64/1ms", "duplicate"])
@pytest.mark.parametrize(("method", "path"), CALLS)
def test_an_answer_that_a_fault_only_changed_on_its_way_is_documented_with_its_sign(
    api: Api, words: str, method: str, path: str
) -> None:
    answer = asked(api, words, method, path)
    assert (answer.status, answer.headers[FAULT_HEADER]) == (ALLOWED.get(path, 404), "header")
    check(answer)
    response = load_document().operation(method, path)
    assert response is not None
    headers = load_document().resolve(response["responses"][str(answer.status)])["headers"]
    assert headers[FAULT_HEADER] == {"$ref": "#/components/headers/SimFault"}


def test_every_answer_of_an_operation_may_bear_the_sign_of_a_fault() -> None:
    document = load_document()
    for item, method in product(document.raw["paths"].values(), ("get", "post", "delete")):
        for status, node in item.get(method, {"responses": {}})["responses"].items():
            headers = document.resolve(node).get("headers", {})
            assert FAULT_HEADER in headers or status == "2XX", (method, status)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["negative", "date"])
def test_absurd_retry_afters_are_documented_for_faults_alone(api: Api, status: int, form: str) -> None:
    answer = asked(api, f"respond={status}; retry_after=2s; retry_after_as={form}")
    check(answer)
    with pytest.raises(AssertionError, match="header retry-after" if status == 429 else "a 5xx without a fault"):
        check(unsigned(answer))


@pytest.mark.parametrize("said", ["soon", "", "1.5", "-", "+1", "Thu, 01 Jan 2026", "01 Jan 2026 00:00:00 GMT"])
def test_what_is_no_retry_after_at_all_is_refused_of_faults_too(said: str) -> None:
    common = {"x_request_id": "r", "x_sim_now": "2026-01-01T00:00:00.000Z", "x_sim_fault": "limit"}
    check(made(429, "rate_limited", retry_after="-5", **common))
    with pytest.raises(AssertionError, match=r"A24.* header retry-after"):
        check(made(429, "rate_limited", retry_after=said, **common))


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (made(418, INJECTED), "undocumented status"),
        (made(403, "not_found"), "undocumented status"),
        (made(500, INJECTED), "a 5xx without a fault"),
        (made(503, "state_unavailable", retry_after="1"), "a 5xx without a fault"),
        (made(400, INJECTED), "A12"),
        (made(204, INJECTED, x_sim_fault="f"), "undocumented status"),
        (made(302, INJECTED, x_sim_fault="f"), "undocumented status"),
        (made(600, INJECTED, x_sim_fault="f"), "undocumented status"),
        (made(418, "teapot", x_sim_fault="f"), "A12"),
        (made(418, "invalid_json", x_sim_fault="f"), "A13: invalid_json"),
        (made(418, INJECTED, x_sim_fault=""), "header x-sim-fault"),
        (made(418, INJECTED, x_sim_fault="no name"), "header x-sim-fault"),
        (made(418, INJECTED, x_sim_fault="one,two"), "header x-sim-fault"),
    ],
)
def test_what_neither_the_api_nor_a_fault_answers_is_refused(answer: Answer, says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        check(answer, simulated=False)


def test_what_is_marked_goes_with_all_that_refers_to_it_and_nothing_else_does() -> None:
    part: dict[str, Any] = {"4XX": {"$ref": "#/components/responses/It"}, "400": {"$ref": "#/components/responses/Us"}}
    document = {
        "paths": {"/": {"get": {"responses": part, "list": [{MARKER: True}, {"kept": [1, None]}]}}},
        "components": {"responses": {"It": {MARKER: True}, "Us": {"description": "ours"}}},
    }
    before = json.dumps(document)
    left = {"responses": {"400": {"$ref": "#/components/responses/Us"}}, "list": [{"kept": [1, None]}]}
    assert without_fault_statements(document) == {
        "paths": {"/": {"get": left}},
        "components": {"responses": {"Us": {"description": "ours"}}},
    }
    assert json.dumps(document) == before


def test_the_parameter_has_all_words_that_the_simulator_knows_and_no_others() -> None:
    parameter = load_document().raw["components"]["parameters"]["Effect"]
    assert parameter["name"] == header.HEADER
    is_effect = re.compile(parameter["schema"]["pattern"]).search
    for word in header._FLAGS:
        assert is_effect(word)
        assert is_effect(f"delay=1s ; {word}")
        assert not is_effect(f"{word}=1")
    for word in header._WITH_VALUE:
        assert is_effect(f" {word} = 1s;reset")
        assert not is_effect(word)
    words = set(re.findall(r"[a-z_]+", parameter["schema"]["pattern"]))
    assert words == {*header._FLAGS, *header._WITH_VALUE}
    for wrong in ("", "respnd=503", "reset;", "rate_limit=3", "respond=", "delay=1s, reset"):
        assert not is_effect(wrong)


def test_every_operation_takes_the_parameter() -> None:
    for method, path in CALLS:
        operation = load_document().operation(method, path)
        assert operation is not None
        assert {"$ref": "#/components/parameters/Effect"} in operation["parameters"]
