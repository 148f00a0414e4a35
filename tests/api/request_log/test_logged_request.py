"""Requests of the log in the form in which they are shown."""

import json
from typing import Any

import pytest

from ...support.asgi import ALICE, BOB, DOCUMENTED_RENT, RENT, START, Api

RENT_PATH = "/v1/gpu/rent"
KEY = DOCUMENTED_RENT["ssh_key"]


def shown(api: Api) -> Any:
    """The latest request, as it is shown."""
    return api.get("/_sim/requests?limit=1000")["data"][-1]


def test_everything_that_is_known_of_a_rent_is_shown(api: Api) -> None:
    api.advance("90s")
    headers = [("idempotency-key", "key-1"), ("x-request-id", "mine")]
    rental_id = api.call("POST", f"{RENT_PATH}?", RENT, headers=headers).json()["rental_id"]
    request = shown(api)
    duration = request.pop("duration_ms")
    assert isinstance(duration, float)
    assert duration >= 0
    assert request == {
        "seq": 1,
        "at": "2026-01-01T00:01:30.000Z",
        "account": "alice",
        "operation": "rent_gpu",
        "method": "POST",
        "path": RENT_PATH,
        "query": "",
        "status": 201,
        "error": None,
        "fault": None,
        "rental_id": rental_id,
        "provider_id": RENT["provider_id"],
        "gpu_model": RENT["gpu_model"],
        "region": RENT["region"],
        "request_id": "mine",
        "idempotency_key": "key-1",
        "body": RENT,
        "body_bytes": len(json.dumps(RENT)),
    }


def test_what_a_request_has_not_is_null(api: Api) -> None:
    api.call("PATCH", "/v1/nowhere?a=%20b")
    request = shown(api)
    assert (request["operation"], request["rental_id"], request["fault"]) == (None, None, None)
    assert (request["idempotency_key"], request["body"], request["body_bytes"]) == (None, None, 0)
    assert (request["method"], request["path"], request["query"]) == ("PATCH", "/v1/nowhere", "a=%20b")
    assert (request["account"], request["status"], request["at"]) == ("alice", 404, START)


def test_a_body_of_4_kib_is_shown_and_a_longer_one_is_counted(api: Api) -> None:
    body = json.dumps(RENT).encode()
    for size, expected in ((4_096, RENT), (4_097, None)):
        api.call("POST", RENT_PATH, body=body + b" " * (size - len(body)))
        request = shown(api)
        assert (request["body"], request["body_bytes"]) == (expected, size)


@pytest.mark.parametrize(
    "body", [b"{", b"[1]", b'"text"', b"\xff", b'{"a":1,"a":2}', b'{"a":"\\ud800"}', b"[" * 4_000, b'{"a":NaN}']
)
def test_what_is_no_json_object_is_counted_only(api: Api, body: bytes) -> None:
    api.call("POST", RENT_PATH, body=body)
    request = shown(api)
    assert (request["body"], request["body_bytes"]) == (None, len(body))


def test_numbers_beyond_64_bits_are_shown_as_they_came(api: Api) -> None:
    api.call("POST", RENT_PATH, {"gpu_count": 10**40, "fine_tuned": -(10**300)})
    assert shown(api)["body"] == {"gpu_count": 10**40, "fine_tuned": -(10**300)}


def test_tokens_and_ssh_keys_are_nowhere(api: Api) -> None:
    escaped = ALICE.replace("_", "%5f")
    odd = "tok!en?"
    api.call("POST", "/_sim/accounts", {"name": "odd", "token": odd})
    body = DOCUMENTED_RENT | {"model_id": f"a {BOB} b", ALICE: "si_some_other", "x": [{"y": f"Bearer {odd}"}]}
    headers = [("x-request-id", ALICE), ("idempotency-key", BOB)]
    api.call("POST", f"{RENT_PATH}?{ALICE}=1&x={escaped}&k={KEY.replace(' ', '+')}", body, headers=headers)
    api.call("GET", f"/v1/gpu/rentals/{escaped}", token="si_nobody")
    api.call("GET", f"/v1/gpu/rentals/{ALICE}")
    answer = api.call("GET", "/_sim/requests").body.decode()
    for secret in (ALICE, BOB, odd, "si_", escaped, "AAAA", "nobody"):
        assert secret not in answer, secret
    first = json.loads(answer)["data"][0]
    assert (first["request_id"], first["idempotency_key"]) == ("[redacted]", "[redacted]")
    assert first["body"]["model_id"] == "a [redacted] b"
    assert first["body"]["ssh_key"] == "[redacted]"
    assert json.loads(answer)["data"][2]["rental_id"] == "[redacted]"


def test_very_long_parts_of_a_request_are_cut(api: Api) -> None:
    api.call("GET", f"/v1/gpu/rentals/{'r' * 9_000}?{'q' * 9_000}", token=ALICE)
    request = shown(api)
    assert (len(request["path"]), len(request["query"])) == (2_048, 2_048)
