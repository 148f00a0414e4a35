"""What is recorded of requests that were refused or met a fault: the error's code, and the resource they were about."""

import asyncio
import json
from contextlib import nullcontext, suppress

import pytest
from gpu_sim.api.transport import InjectedDisconnect

from ...support.asgi import ALICE, BOB, RENT, Api, scenario

OFFER_FIELDS = ("provider_id", "gpu_model", "region")


@pytest.fixture
def lines() -> list[bytes]:
    """The lines that the server logged."""
    return []


@pytest.fixture
def api(runner: asyncio.Runner, lines: list[bytes]) -> Api:
    """A server with a log of requests."""
    return Api(runner, scenario(), log=lines.append)


FAULTED = [
    ("reset", "reset", 0, None),
    ("respond=503", None, 503, "injected_fault"),
    ("respond=429", None, 429, "rate_limited"),
    ("respond=409", None, 409, "offer_unavailable"),
    ("respond=422", None, 422, "idempotency_key_reused"),
    ("malformed", None, 201, None),
    ("lose_response", "reset", 0, None),
]


@pytest.mark.parametrize(("words", "cut", "status", "error"), FAULTED)
def test_a_request_with_a_fault_is_noted_with_the_offer_and_the_code_of_its_error(
    api: Api, lines: list[bytes], words: str, cut: str | None, status: int, error: str | None
) -> None:
    with suppress(InjectedDisconnect) if cut else nullcontext():
        api.call("POST", "/v1/gpu/rent", RENT, headers=[("x-sim", words)])
    (noted,) = api.get("/_sim/requests")["data"]
    for request in (noted, json.loads(lines[0])):
        assert (request["status"], request["error"], request["fault"]) == (status, error, "header")
        assert [request[name] for name in OFFER_FIELDS] == [RENT[name] for name in OFFER_FIELDS]


SPOILED = ["lose_response", "duplicate", "malformed", "truncate=50%"]


@pytest.mark.parametrize("words", SPOILED)
def test_a_refusal_that_a_fault_spoils_keeps_its_code(api: Api, words: str) -> None:
    with suppress(InjectedDisconnect):
        api.call("POST", "/v1/gpu/rent", RENT | {"gpu_count": 9}, headers=[("x-sim", words)])
    (noted,) = api.get("/_sim/requests")["data"]
    assert (noted["status"], noted["error"]) == (0 if words == "lose_response" else 409, "offer_unavailable")


def test_a_duplicate_is_noted_with_the_answer_that_the_client_got(api: Api) -> None:
    api.call("POST", "/v1/gpu/rent", RENT | {"gpu_count": 3}, token=BOB, headers=[("x-sim", "duplicate")])
    (noted,) = api.get("/_sim/requests")["data"]
    assert (noted["status"], noted["error"]) == (201, None)


def test_two_kinds_of_refusal_with_one_status_can_be_told_apart(api: Api) -> None:
    api.call("POST", "/v1/gpu/rent", RENT | {"gpu_count": 9})
    api.call("POST", "/v1/gpu/rent", RENT, headers=[("x-sim", "respond=409")])
    api.call("GET", "/v1/gpu/offers", headers=[("x-sim", "respond=409")])
    for error, expected in (("offer_unavailable", [1, 2]), ("injected_fault", [3])):
        found = api.get(f"/_sim/requests?status=409&error={error}")["data"]
        assert [request["seq"] for request in found] == expected
        wanted = {"match": {"status": 409, "error": error}, "exactly": len(expected)}
        assert api.call("POST", "/_sim/requests/verify", wanted).json()["seqs"] == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [("provider=gcp", [2]), ("gpu_model=RTX%204090", [1]), ("region=Quebec,%20CA&provider=vast-ai", [1, 3])],
)
def test_rents_are_found_by_the_offer_that_they_name(api: Api, query: str, expected: list[int]) -> None:
    for change in ({}, {"provider_id": "gcp", "gpu_model": "H100"}, {"gpu_model": 3}):
        api.call("POST", "/v1/gpu/rent", RENT | change)
    assert [request["seq"] for request in api.get(f"/_sim/requests?{query}")["data"]] == expected


@pytest.mark.parametrize("effect", ["reset", "respond=503", "hang=1ms"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_fault_before_the_command_is_noted_with_the_rental(api: Api, effect: str, method: str) -> None:
    with suppress(InjectedDisconnect):
        api.call(method, "/v1/gpu/rentals/rent_x", headers=[("x-sim", effect)])
    (noted,) = api.get("/_sim/requests?rental=rent_x")["data"]
    assert noted["rental_id"] == "rent_x"


def test_the_offer_of_a_rent_whose_body_is_too_long_to_keep_is_noted_without_secrets(
    api: Api, lines: list[bytes]
) -> None:
    long = {"provider_id": "p" * 300, "region": f"{ALICE} here", "model_id": "m" * 5_000}
    api.call("POST", "/v1/gpu/rent", RENT | long)
    api.call("POST", "/v1/gpu/rent", body=b"[" + b" " * 5_000 + b"]")
    first, second = api.get("/_sim/requests")["data"]
    for request in (first, json.loads(lines[0])):
        assert [request[name] for name in OFFER_FIELDS] == ["p" * 256, RENT["gpu_model"], "[redacted] here"]
    assert [second[name] for name in OFFER_FIELDS] == [None, None, None]


def test_a_line_has_the_query_without_secrets(api: Api, lines: list[bytes]) -> None:
    api.call("GET", f"/v1/gpu/offers?gpu_model=H100&x={ALICE}")
    line = json.loads(lines[0])
    assert (line["query"], line["error"]) == ("gpu_model=H100&x=[redacted]", "unknown_parameter")


def test_a_failure_within_has_a_code_too(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(type(api.world.simulation.rentals), "find", None)
        api.call("GET", "/v1/gpu/rentals/x")
    assert caplog.text
    assert api.get("/_sim/requests?error=failure")["data"][0]["status"] == 500


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"error": {"code": "quota_exceeded"}}, "quota_exceeded"),
        ({"error": {"code": "x" * 65}}, "x" * 64),
        ({"error": {"code": f"{ALICE}"}}, "[redacted]"),
        ({"error": {"code": 7}}, None),
        ({"error": "busy"}, None),
        ("busy", None),
    ],
)
def test_the_code_in_an_answer_of_a_rules_own_is_noted(api: Api, body: object, error: str | None) -> None:
    rule = {"effect": {"respond": 403, "body": body}, "on": {"operation": "rent_gpu"}}
    assert api.call("POST", "/_sim/faults", rule).status == 201
    assert api.call("POST", "/v1/gpu/rent", RENT).status == 403
    (noted,) = api.get("/_sim/requests")["data"]
    assert noted["error"] == error
