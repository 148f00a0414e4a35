"""The world that a control call is about, and decoding of its body and query."""

import threading
from typing import Any

import pytest
from gpu_sim.api import strict_json
from gpu_sim.core.scenario.scenario import AccountSpec

from ...support.asgi import BOB, Api, scenario

CAROL = "si_test_carol"


@pytest.fixture
def api(api: Api) -> Api:
    """A server with a second world "other", whose only account is carol."""
    api.add_world("other", scenario(accounts=(AccountSpec("carol", CAROL),), seed=7))
    return api


def test_a_call_acts_on_the_world_of_its_token(api: Api) -> None:
    assert api.get("/_sim/clock")["world"] == "default"
    assert api.get("/_sim/clock", token=CAROL)["world"] == "other"
    assert [account["name"] for account in api.get("/_sim/accounts", token=CAROL)["data"]] == ["carol"]


def test_the_world_of_the_query_wins_over_the_token(api: Api) -> None:
    assert api.get("/_sim/clock?world=other")["world"] == "other"
    assert api.get("/_sim/clock?world=default", token=CAROL)["world"] == "default"
    assert api.get("/_sim/clock?world=other", token=None)["world"] == "other"


def test_with_neither_a_world_is_required(api: Api) -> None:
    api.call("POST", "/_sim/reset", token=None).problem(400, "world_required", "world")
    api.call("GET", "/_sim/events", token=None).problem(400, "world_required", "world")


def test_a_token_that_leads_nowhere_is_refused_unless_the_query_names_a_world(api: Api) -> None:
    for path in ("clock", "health", "worlds", "clock?wrold=other", "clock?xworld=other"):
        answer = api.call("GET", f"/_sim/{path}", token="si_nobody")
        answer.problem(401, "invalid_token")
        assert answer.header("www-authenticate") == "Bearer"
    assert api.get("/_sim/clock?world=other", token="si_nobody")["world"] == "other"


def test_health_and_ready_need_no_world(api: Api) -> None:
    assert [world["name"] for world in api.get("/_sim/health", token=None)["worlds"]] == ["default", "other"]
    assert api.get("/_sim/health", token=CAROL)["seed"] == 7
    assert api.get("/_sim/ready", token=None) == {"status": "ready"}


def test_an_unknown_world_is_refused_with_the_nearest(api: Api) -> None:
    detail = api.call("GET", "/_sim/clock?world=othr").problem(404, "world_not_found", "world")["detail"]
    assert 'did you mean "other"?' in detail
    api.call("GET", "/_sim/clock?world=").problem(400, "invalid_value", "world")
    api.call("GET", "/_sim/clock?world=other&world=other").problem(400, "invalid_value", "world")


def test_worlds_do_not_touch_each_other(api: Api) -> None:
    with api.unchanged():
        api.call("POST", "/_sim/clock/advance", {"by": "1h"}, token=CAROL)
        api.rent(token=CAROL)
        api.call("POST", "/_sim/accounts", {"name": "alice"}, token=CAROL)
        api.call("POST", "/_sim/reset", token=CAROL)


def test_an_answer_says_the_time_of_its_world(api: Api) -> None:
    api.call("POST", "/_sim/clock/advance", {"by": "1h"}, token=CAROL)
    assert api.call("GET", "/v1/gpu/offers", token=CAROL).header("x-sim-now") == "2026-01-01T01:00:00.000Z"
    assert api.call("GET", "/v1/gpu/offers", token=BOB).header("x-sim-now") == "2026-01-01T00:00:00.000Z"
    assert api.call("GET", "/_sim/market?world=other").header("x-sim-now") == "2026-01-01T01:00:00.000Z"


def test_worlds_list_their_own_offers(api: Api) -> None:
    for _ in range(4):
        api.rent(token=CAROL)
    assert api.get("/v1/gpu/offers")["count"] == 1
    assert api.get("/v1/gpu/offers", token=CAROL)["count"] == 0


def test_a_rental_of_another_world_is_unknown(api: Api) -> None:
    rental_id = api.rent(token=CAROL)
    api.call("GET", f"/v1/gpu/rentals/{rental_id}").refused(404, "rental_not_found")
    api.call("POST", f"/_sim/rentals/{rental_id}/interrupt").problem(404, "rental_not_found")
    assert api.call("POST", f"/_sim/rentals/{rental_id}/interrupt?world=other").status == 200


def test_a_token_is_taken_in_all_worlds(api: Api) -> None:
    api.call("POST", "/_sim/accounts", {"token": CAROL}).problem(409, "account_exists", "token")


def test_unknown_parameters_are_refused_with_the_nearest(api: Api) -> None:
    detail = api.call("GET", "/_sim/clock?wrold=other").problem(400, "unknown_parameter", "wrold")["detail"]
    assert 'did you mean "world"?' in detail


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "invalid_json"),
        (b"[]", 400, "invalid_body"),
        (b'{"by": "1s", "by": "1s"}', 400, "invalid_json"),
        (b'{"by": NaN}', 400, "invalid_json"),
        (b'{"by": "\xff"}', 400, "invalid_json"),
        (b'{"by": "\\ud800"}', 400, "invalid_json"),
        (b"[" * 10_000, 400, "invalid_json"),
    ],
)
def test_a_body_that_is_no_good_json_is_refused(api: Api, body: bytes, status: int, code: str) -> None:
    with api.unchanged():
        api.call("POST", "/_sim/clock/advance", body=body).problem(status, code)


def test_a_body_that_is_not_declared_as_json_is_refused(api: Api) -> None:
    with api.unchanged():
        answer = api.call("POST", "/_sim/clock/advance", {"by": "1s"}, media="text/plain")
        answer.problem(415, "unsupported_media_type", "content-type")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "clock"),
        ("GET", "health"),
        ("GET", "worlds"),
        ("GET", "journal"),
        ("POST", "reset"),
        ("POST", "worlds"),
        ("PUT", "clock"),
        ("DELETE", "worlds/other"),
        ("POST", "rentals/x/touch"),
    ],
)
@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", None])
def test_a_body_that_is_not_declared_as_json_is_refused_though_nobody_reads_it(
    api: Api, method: str, path: str, media: str | None
) -> None:
    with api.unchanged():
        for body in (b"{}", b"a=b"):
            answer = api.call(method, f"/_sim/{path}", body=body, media=media)
            answer.problem(415, "unsupported_media_type", "content-type")
    assert "other" in api.worlds.by_name


def test_the_path_and_the_method_come_before_the_media_type(api: Api) -> None:
    api.call("POST", "/_sim/nowhere", body=b"x", media="text/plain").problem(404, "not_found")
    api.call("POST", "/_sim/health", body=b"x", media="text/plain").problem(405, "method_not_allowed")
    assert api.call("GET", "/v1/gpu/offers", body=b"x", media="text/plain").status == 200


def test_a_compressed_body_is_refused(api: Api) -> None:
    with api.unchanged():
        for method, path in (("POST", "reset"), ("DELETE", "worlds/other")):
            answer = api.call(method, f"/_sim/{path}", {}, headers=[("content-encoding", "gzip")])
            answer.problem(415, "unsupported_media_type", "content-encoding")


def test_a_json_body_that_nobody_reads_is_passed_over(api: Api) -> None:
    assert api.call("GET", "/_sim/clock", {"mode": "real"}).status == 200
    assert api.get("/_sim/clock")["mode"] == "manual"


def test_no_body_is_an_empty_object_whatever_its_type(api: Api) -> None:
    assert api.call("POST", "/_sim/reset", body=b"", media="text/plain").status == 200


def test_an_unknown_field_is_refused_with_the_nearest(api: Api) -> None:
    detail = api.call("POST", "/_sim/clock/advance", {"til": "x"}).problem(400, "unknown_field", "til")["detail"]
    assert 'did you mean "until"?' in detail
    inner = {"until": {"rental": "x", "status": "running", "now": 1}}
    api.call("POST", "/_sim/clock/advance", inner).problem(400, "unknown_field", "now")
    api.call("POST", "/_sim/clock/advance", {"until": {"rental": "x"}}).problem(400, "missing_field", "status")


@pytest.mark.parametrize(
    ("method", "path", "body", "param", "says"),
    [
        ("PUT", "clock", {"mode": "Manual"}, "mode", 'is not among manual, real, scaled; did you mean "manual"?'),
        ("PUT", "clock", {"mode": "'"}, "mode", "is not among manual, real, scaled"),
        ("POST", "clock/advance", {"until": "next"}, "until", 'did you mean "next_event"?'),
        (
            "POST",
            "clock/advance",
            {"until": {"rental": "x", "status": "runing"}},
            "until.status",
            'is not among provisioning, running, terminated; did you mean "running"?',
        ),
    ],
)
def test_a_word_that_is_no_choice_is_refused_with_the_choices(
    api: Api, method: str, path: str, body: object, param: str, says: str
) -> None:
    with api.unchanged():
        assert says in api.call(method, f"/_sim/{path}", body).problem(400, "invalid_value", param)["detail"]


def test_bodies_of_the_control_plane_may_have_a_mebibyte(api: Api) -> None:
    for size, status in ((1 << 20, 400), ((1 << 20) + 1, 413)):
        answer = api.call("POST", "/_sim/reset", body=b" " * size)
        assert answer.status == status


def test_a_long_body_is_parsed_beside_the_event_loop(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    parse, threads = strict_json.parse_json, set()

    def parse_json(body: bytes) -> dict[str, Any]:
        threads.add(threading.current_thread())
        return parse(body)

    monkeypatch.setattr("gpu_sim.api.front.parse_json", parse_json)
    blank = b" " * (64 << 10)
    assert api.call("POST", "/_sim/clock/advance", body=b'{"by": "1s"}' + blank).status == 200
    api.call("POST", "/_sim/clock/advance", body=b'{"by": "1s"' + blank).problem(400, "invalid_json", None)
    api.call("POST", "/_sim/clock/advance", body=b'{"bye": 1}' + blank).problem(400, "unknown_field", "bye")
    refused = api.call("POST", "/_sim/clock/advance", body=b"{" + blank, media="a/b")
    refused.problem(415, "unsupported_media_type", "content-type")
    assert threads
    assert threading.main_thread() not in threads
