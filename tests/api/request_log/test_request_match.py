"""Matching of requests against expectations."""

from typing import Any

import pytest
from gpu_sim.api.request_log.logged_request import LoggedRequest
from gpu_sim.api.request_log.request_match import Match, Mismatch, shortened
from msgspec.structs import replace

DEEP = {"a": [1, {"b": 2}]}
REQUEST = LoggedRequest(
    seq=1,
    at="2026-01-01T00:00:00.000Z",
    duration_ms=0.1,
    account="alice",
    operation="rent_gpu",
    method="POST",
    path="/v1/gpu/rent",
    query="",
    status=409,
    error="offer_unavailable",
    fault=None,
    rental_id="rent_1",
    provider_id="gcp",
    gpu_model="H100",
    region="us-central1, US",
    request_id="req_1",
    idempotency_key="k",
    body={"gpu_model": "H100", "gpu_count": 1, "fine_tuned": True, "deep": DEEP},
    body_bytes=20,
)

SLOW_AND_LOST = replace(REQUEST, fault="slow, lost")


@pytest.mark.parametrize(
    ("fault", "fits"),
    [("slow", True), ("lost", True), ("slow, lost", True), ("slo", False), ("lost, slow", False), (None, False)],
)
def test_a_fault_is_any_of_those_that_acted(fault: str | None, fits: bool) -> None:
    assert (Match(fault=fault).mismatches(SLOW_AND_LOST) == []) is fits


FITTING: list[dict[str, Any]] = [
    {},
    {"operation": "rent_gpu", "account": "alice", "status": 409, "rental": "rent_1"},
    {"method": "POST", "path": "/v1/gpu/rent", "idempotency_key": "k", "fault": None},
    {"status": "4xx"},
    {"error": "offer_unavailable", "provider": "gcp", "gpu_model": "H100", "region": "us-central1, US"},
    {"body": {}},
    {"body": {"gpu_model": "H100", "gpu_count": 1}},
    {"body": {"deep": {"a": [1, {"b": 2}]}}},
]
OTHER: list[tuple[dict[str, Any], list[tuple[str, Any, Any]]]] = [
    ({"operation": "get_rental"}, [("operation", "get_rental", "rent_gpu")]),
    ({"operation": None}, [("operation", None, "rent_gpu")]),
    ({"account": "bob", "fault": "lost"}, [("account", "bob", "alice"), ("fault", "lost", None)]),
    ({"error": "insufficient_credit"}, [("error", "insufficient_credit", "offer_unavailable")]),
    ({"error": None}, [("error", None, "offer_unavailable")]),
    ({"provider": "aws", "gpu_model": None}, [("provider", "aws", "gcp"), ("gpu_model", None, "H100")]),
    ({"region": "us-central1"}, [("region", "us-central1", "us-central1, US")]),
    ({"status": 408}, [("status", 408, 409)]),
    ({"status": "5xx"}, [("status", "5xx", 409)]),
    ({"rental": None}, [("rental", None, "rent_1")]),
    ({"method": "post"}, [("method", "post", "POST")]),
    ({"path": "/v1/gpu"}, [("path", "/v1/gpu", "/v1/gpu/rent")]),
    ({"idempotency_key": "K"}, [("idempotency_key", "K", "k")]),
    ({"body": {"gpu_count": True}}, [("body.gpu_count", True, 1)]),
    ({"body": {"fine_tuned": 1}}, [("body.fine_tuned", 1, True)]),
    ({"body": {"gpu_count": 1.0}}, [("body.gpu_count", 1.0, 1)]),
    ({"body": {"deep": {"a": [1, {"b": 2}], "c": 1}}}, [("body.deep", {"a": [1, {"b": 2}], "c": 1}, DEEP)]),
    ({"body": {"deep": {"a": [1, {"b": True}]}}}, [("body.deep", {"a": [1, {"b": True}]}, DEEP)]),
    ({"body": {"deep": {"A": [1, {"b": 2}]}}}, [("body.deep", {"A": [1, {"b": 2}]}, DEEP)]),
    ({"body": {"region": None}}, [("body.region", None, None)]),
    ({"body": {"deep": {"a": [1]}}}, [("body.deep", {"a": [1]}, {"a": [1, {"b": 2}]})]),
]


@pytest.mark.parametrize("fields", FITTING)
def test_what_is_like_it_has_no_mismatch(fields: dict[str, Any]) -> None:
    assert Match(**fields).mismatches(REQUEST) == []


@pytest.mark.parametrize(("fields", "expected"), OTHER)
def test_each_field_that_differs_is_named(fields: dict[str, Any], expected: list[tuple[str, Any, Any]]) -> None:
    assert Match(**fields).mismatches(REQUEST) == [Mismatch(*mismatch) for mismatch in expected]


def test_a_request_without_a_body_lacks_every_field() -> None:
    found = Match(body={"gpu_model": "H100"}).mismatches(replace(REQUEST, body=None))
    assert found == [Mismatch("body.gpu_model", "H100", None)]


def test_no_answer_is_status_0() -> None:
    unanswered = replace(REQUEST, status=0)
    assert Match(status=0).mismatches(unanswered) == Match(status="0xx").mismatches(unanswered) == []


FITTING_IN_FLIGHT: list[tuple[dict[str, Any], bool, bool]] = [
    ({"status": 201, "error": None, "fault": "lost"}, True, True),
    ({"operation": "rent_gpu", "body": {"gpu_count": 1}}, True, True),
    ({"operation": "get_rental"}, False, False),
    ({"path": "/v1/gpu/offers"}, False, False),
    ({"idempotency_key": "other"}, False, False),
    ({"rental": "rent_2"}, False, False),
    ({"provider": "aws"}, False, True),
    ({"body": {"gpu_count": 2}}, False, True),
]


@pytest.mark.parametrize(("fields", "with_body", "without"), FITTING_IN_FLIGHT)
def test_what_is_not_certain_yet_may_still_fit(fields: dict[str, Any], with_body: bool, without: bool) -> None:
    fits = [Match(**fields).may_fit(REQUEST, has_body=has_body) for has_body in (True, False)]
    assert fits == [with_body, without]


@pytest.mark.parametrize(("operation", "fits"), [("rent_gpu", True), ("list_offers", False)])
def test_a_rent_may_still_get_any_rental(operation: str, fits: bool) -> None:
    request = replace(REQUEST, operation=operation, rental_id=None)
    assert Match(rental="rent_2").may_fit(request, has_body=True) == fits


@pytest.mark.parametrize("status", ["", "409", "4XX", "xx", "44xx"])
def test_a_class_of_statuses_has_one_form(status: str) -> None:
    with pytest.raises(ValueError, match="4xx"):
        Match(status=status)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("x" * 256, "x" * 256),
        ("x" * 257, "x" * 256 + "…"),
        (["y" * 252], ["y" * 252]),
        (["y" * 253], '["' + "y" * 253 + '"…'),
        (10**300, "1" + "0" * 255 + "…"),
        (None, None),
    ],
)
def test_of_a_long_value_the_beginning_of_its_json_is_shown(value: Any, shown: Any) -> None:
    assert shortened(Mismatch("body.x", value, None)) == Mismatch("body.x", shown, None)
    assert shortened(Mismatch("body.x", None, value)) == Mismatch("body.x", None, shown)


def test_of_a_long_name_the_beginning_is_shown() -> None:
    assert shortened(Mismatch("f" * 300, 1, 2)) == Mismatch("f" * 256, 1, 2)
