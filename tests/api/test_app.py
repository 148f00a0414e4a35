"""The paths and methods of the application (F1, A13)."""

import pytest
from starlette.types import Message

from ..support.asgi import Api

RENTAL = "/v1/gpu/rentals/rent_x"
PATHS = {
    "/v1/gpu/offers": ["GET", "HEAD"],
    "/v1/gpu/rent": ["POST"],
    RENTAL: ["GET", "HEAD", "DELETE"],
    "/openapi.json": ["GET", "HEAD"],
    "/docs": ["GET", "HEAD"],
    "/docs/page.js": ["GET", "HEAD"],
}
CONTROL = {
    "/_sim/health": ["GET", "HEAD"],
    "/_sim/ready": ["GET", "HEAD"],
    "/_sim/clock": ["GET", "HEAD", "PUT"],
    "/_sim/clock/advance": ["POST"],
    "/_sim/reset": ["POST"],
    "/_sim/accounts": ["GET", "HEAD", "POST"],
    "/_sim/accounts/alice/credit": ["POST"],
    "/_sim/ledger": ["GET", "HEAD"],
    "/_sim/rentals": ["GET", "HEAD"],
    "/_sim/rentals/rent_x/interrupt": ["POST"],
    "/_sim/rentals/rent_x/touch": ["POST"],
    "/_sim/events": ["GET", "HEAD"],
    "/_sim/journal": ["GET", "HEAD"],
    "/_sim/market": ["GET", "HEAD"],
}
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "BREW"]


def test_f1_there_are_four_endpoints(api: Api) -> None:
    for path in ("/v1/gpu/offers", "/v1/gpu/rent", RENTAL):
        assert api.call("OPTIONS", path).status == 405
    for path in ("/v1/gpu", "/v1/gpu/rentals", "/v1/gpu/offers/x", "/v1/gpu/rentals/x/y", "/v1/gpu/rents", "/v1"):
        with api.unchanged():
            api.call("GET", path).refused(404, "not_found")


@pytest.mark.parametrize("path", PATHS)
def test_a13_another_method_is_refused_with_the_methods_that_there_are(api: Api, path: str) -> None:
    for method in METHODS:
        if method not in PATHS[path]:
            with api.unchanged():
                answer = api.call(method, path, {"a": 1})
                error = answer.refused(405, "method_not_allowed")
            assert answer.header("allow") == ", ".join(PATHS[path])
            assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize("path", CONTROL)
def test_another_method_of_the_control_plane_is_refused_as_a_problem(api: Api, path: str) -> None:
    for method in METHODS:
        if method not in CONTROL[path]:
            with api.unchanged():
                answer = api.call(method, path)
                answer.problem(405, "method_not_allowed")
            assert answer.header("allow") == ", ".join(CONTROL[path])


@pytest.mark.parametrize(
    "path",
    ["/", "/v2/gpu/offers", "/v1gpu/offers", "/V1/gpu/offers", "//v1/gpu/offers", "/favicon.ico", "/_simulator", "*"],
)
def test_a13_other_unknown_paths_are_not_found_without_a_token(api: Api, path: str) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        with api.unchanged():
            error = api.call(method, path, token=None).refused(404, "not_found")
        assert error["type"] == "not_found_error"


@pytest.mark.parametrize(
    "path", ["/v1/gpu/offers/", "/v1/gpu/rent/", "/v1/gpu/rentals/", "/v1/models/x", "/v1/", "/v1/gpu//offers"]
)
def test_a13_unknown_paths_under_v1_need_a_token_first(api: Api, path: str) -> None:
    api.call("GET", path, token=None).refused(401, "invalid_token")
    api.call("GET", path).refused(404, "not_found")


@pytest.mark.parametrize(
    "path",
    ["/_sim", "/_sim/", "/_sim/worlds/", "/_sim/worlds/a/b", "/_sim/clock/", "/_sim/accounts/alice", "/_sim/x/y"],
)
def test_unknown_paths_of_the_control_plane_are_problems(api: Api, path: str) -> None:
    with api.unchanged():
        api.call("GET", path).problem(404, "not_found")
        api.call("POST", path, {}, token=None).problem(404, "not_found")


@pytest.mark.parametrize("path", ["/v1/gpu%2Foffers", "/v1%2fgpu/offers", "/v1/gpu/rentals/a%2Fb"])
def test_an_escaped_slash_separates_nothing(api: Api, path: str) -> None:
    assert api.call("GET", path).status == 404


def test_a_websocket_is_closed_and_no_world_touched(api: Api) -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(dict(message))

    async def connect() -> None:
        scope = {"type": "websocket", "path": "/v1/gpu/offers", "query_string": b"", "headers": []}
        await api.app(scope, receive, send)

    with api.unchanged():
        api.runner.run(connect())
    assert [message["type"] for message in sent] == ["websocket.close"]


def test_a_long_path_is_not_found_and_cut_in_the_message(api: Api) -> None:
    answer = api.call("GET", "/" + "x" * 60_000)
    assert len(answer.refused(404, "not_found")["message"]) < 300
