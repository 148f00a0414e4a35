"""The calls that let a server refuse connections, as far as they need none."""

import pytest

from ....support.asgi import Api

REFUSE = "/_sim/server/refuse"


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, "missing_field", "for"),
        ({"for": "0s"}, "invalid_value", "for"),
        ({"for": "60001ms"}, "invalid_value", "for"),
        ({"for": "soon"}, "invalid_value", "for"),
        ({"for": "1s", "connections": "kept"}, "invalid_value", "connections"),
        ({"for": "1s", "connection": "keep"}, "unknown_field", "connection"),
    ],
)
def test_what_makes_no_span_is_refused_with_the_field(api: Api, body: dict[str, str], code: str, param: str) -> None:
    problem = api.call("POST", REFUSE, body).problem(400, code, param)
    if code == "unknown_field" or param == "connections":
        assert 'did you mean "' in problem["detail"]


def test_it_is_about_no_world(api: Api) -> None:
    api.call("POST", f"{REFUSE}?world=default", {"for": "1s"}).problem(400, "unknown_parameter", "world")


def test_in_process_there_is_no_server_to_refuse_anything(api: Api) -> None:
    for method, body in (("GET", None), ("POST", {"for": "1m"}), ("DELETE", None)):
        problem = api.call(method, REFUSE, body).problem(409, "no_server")
        assert "in process" in problem["detail"]


def test_a_fault_that_refuses_is_told_of_the_call_that_does(api: Api) -> None:
    rule = api.call("POST", "/_sim/faults", {"effect": {"refuse": True}}).problem(400, "unknown_field", "refuse")
    asked = api.call("GET", "/v1/gpu/offers", headers=[("x-sim", "refuse=30s")]).refused(400, "invalid_value", "x-sim")
    inline = {"name": "x", "extends": "calm", "faults": [{"name": "down", "effect": {"refuse": {"for": "30s"}}}]}
    made = api.call("POST", "/_sim/worlds", {"scenario": inline})
    for said in (rule["detail"], asked["message"], made.json()["detail"]):
        assert 'POST /_sim/server/refuse {"for": "30s"}' in said
