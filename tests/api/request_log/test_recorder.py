"""Recording of requests once they are over, and the lines of the server's log."""

import asyncio
import json
import re
from typing import Any

import pytest
from gpu_sim.core.kernel.quantities import Duration
from gpu_sim.core.scenario.scenario import AccountSpec, ClockSettings

from ...support.asgi import ALICE, RENT, START, Api, scenario

CAROL = "si_test_carol"


@pytest.fixture
def lines() -> list[bytes]:
    """The lines that the server logged."""
    return []


@pytest.fixture
def api(runner: asyncio.Runner, lines: list[bytes]) -> Api:
    """A server with a second world and a log of requests."""
    api = Api(runner, scenario(), log=lines.append)
    api.add_world("other", scenario(accounts=(AccountSpec("carol", CAROL),)))
    return api


def logged(api: Api, world: str = "default") -> list[tuple[Any, ...]]:
    """Account, operation, path and status of the requests of a world."""
    data = api.get(f"/_sim/requests?world={world}")["data"]
    return [(request["account"], request["operation"], request["path"], request["status"]) for request in data]


def test_each_world_has_the_requests_of_its_tokens(api: Api) -> None:
    api.rent()
    api.call("GET", "/v1/gpu/offers", token=CAROL)
    api.call("GET", "/v1/gpu/offers?x=1", token=CAROL)
    assert logged(api) == [("alice", "rent_gpu", "/v1/gpu/rent", 201)]
    assert logged(api, "other") == [
        ("carol", "list_offers", "/v1/gpu/offers", 200),
        ("carol", "list_offers", "/v1/gpu/offers", 400),
    ]


def test_a_token_that_leads_nowhere_is_noted_in_the_world_default_without_account(api: Api) -> None:
    for token in (None, "si_nobody"):
        api.call("GET", "/v1/gpu/offers", token=token)
    assert logged(api) == [(None, "list_offers", "/v1/gpu/offers", 401)] * 2
    assert logged(api, "other") == []


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer  "])
def test_a_request_that_comes_after_its_world_is_in_no_log(api: Api, lines: list[bytes], scheme: str) -> None:
    api.call("DELETE", "/_sim/worlds/other")
    answer = api.call("GET", "/v1/gpu/offers", headers=[("authorization", scheme + CAROL)], token=None)
    answer.refused(401, "invalid_token")
    assert logged(api) == []
    assert [json.loads(line)["status"] for line in lines] == [401]  # the server's own log tells of every request


def test_a_token_that_came_again_is_noted_where_it_leads_now(api: Api) -> None:
    api.call("DELETE", "/_sim/worlds/other")
    api.add_world("again", scenario(accounts=(AccountSpec("carol", CAROL),)))
    api.call("GET", "/v1/gpu/offers", token=CAROL)
    assert logged(api, "again") == [("carol", "list_offers", "/v1/gpu/offers", 200)]


def test_a_token_that_went_with_a_reset_is_noted_in_the_world_default(api: Api) -> None:
    token = api.call("POST", "/_sim/accounts?world=other", {"name": "dora"}).json()["token"]
    api.call("POST", "/_sim/reset?world=other")
    api.call("GET", "/v1/gpu/offers", token=token)
    assert logged(api) == [(None, "list_offers", "/v1/gpu/offers", 401)]


def test_only_the_api_is_noted(api: Api, lines: list[bytes]) -> None:
    for path in ("/_sim/clock", "/metrics", "/openapi.json", "/", "/v1x"):
        api.call("GET", path)
    assert (logged(api), lines) == ([], [])
    api.call("GET", "/v1")
    assert [request[2:] for request in logged(api)] == [("/v1", 404)]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/gpu/rent", b"{", 400),
        ("POST", "/v1/gpu/rent", b" " * 65_537, 413),
        ("PUT", "/v1/gpu/rent", None, 405),
        ("HEAD", "/v1/gpu/offers", None, 200),
        ("GET", "/v1/nothing", None, 404),
    ],
)
def test_refused_requests_are_noted_with_the_status_that_they_got(
    api: Api, method: str, path: str, body: bytes | None, status: int
) -> None:
    assert api.call(method, path, body=body).status == status
    assert [request[2:] for request in logged(api)] == [(path, status)]


def test_what_went_wrong_within_is_noted_too(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(type(api.world.simulation.rentals), "find", None)
        api.call("GET", "/v1/gpu/rentals/x")
    assert caplog.text
    assert logged(api) == [("alice", "get_rental", "/v1/gpu/rentals/x", 500)]


def test_a_client_that_went_away_got_status_0(api: Api) -> None:
    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        raise AssertionError(message)

    headers = [(b"authorization", f"Bearer {ALICE}".encode()), (b"content-length", b"10")]
    scope = {"type": "http", "method": "POST", "path": "/v1/gpu/rent", "query_string": b"", "headers": headers}

    async def leave() -> None:
        await api.app(scope, receive, send)

    api.runner.run(leave())
    assert logged(api) == [(None, "rent_gpu", "/v1/gpu/rent", 0)]


def test_the_time_noted_is_that_of_the_answer(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(clock=ClockSettings(mode="manual", step=Duration(5_000))))
    answers = [api.call("GET", "/v1/gpu/offers").header("x-sim-now") for _ in range(3)]
    assert [request["at"] for request in api.get("/_sim/requests")["data"]] == answers


def test_a_ring_of_0_keeps_nothing_and_everything_else_goes_on(runner: asyncio.Runner) -> None:
    lines: list[bytes] = []
    api = Api(runner, scenario(), requests_kept=0, log=lines.append)
    api.rent()
    assert api.world.requests.total == 0
    assert len(lines) == 1
    assert b'gpu_sim_requests_total{operation="rent_gpu",status="201"} 1.0' in api.call("GET", "/metrics").body


def test_a_full_reset_forgets_the_requests(api: Api) -> None:
    api.rent()
    api.call("GET", "/v1/gpu/offers", token=CAROL)
    api.call("POST", "/_sim/reset")
    assert logged(api) == []
    assert len(logged(api, "other")) == 1
    api.rent()
    assert api.get("/_sim/requests")["data"][0]["seq"] == 1


def test_a_line_says_what_happened_to_a_request(api: Api, lines: list[bytes]) -> None:
    rental_id = api.rent(headers=[("x-request-id", "mine")])
    (line,) = lines
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    written = json.loads(line)
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", written.pop("time"))
    assert written.pop("duration_ms") >= 0
    assert written == {
        "at": START,
        "world": "default",
        "account": "alice",
        "operation": "rent_gpu",
        "method": "POST",
        "path": "/v1/gpu/rent",
        "query": "",
        "status": 201,
        "error": None,
        "fault": None,
        "rental_id": rental_id,
        "provider_id": RENT["provider_id"],
        "gpu_model": RENT["gpu_model"],
        "region": RENT["region"],
        "request_id": "mine",
    }


def test_there_is_a_line_for_each_request_and_no_token_in_it(api: Api, lines: list[bytes]) -> None:
    api.call("GET", f"/v1/gpu/rentals/{CAROL}", headers=[("x-request-id", ALICE)])
    api.call("GET", "/v1/gpu/rentals/si_un%6Bnown", token="si_nobody")
    api.call("POST", f"/v1/gpu/rent%2F{ALICE.replace('_', '%5F')}", RENT)
    assert len(lines) == 3
    assert all(b"si_" not in line and b"%5F" not in line for line in lines)
    assert [json.loads(line)["rental_id"] for line in lines] == ["[redacted]", "[redacted]", None]
    assert [json.loads(line)["world"] for line in lines] == ["default"] * 3


def shown(api: Api) -> bytes:
    """All requests of the world `default` as they are shown."""
    return api.call("GET", "/_sim/requests?world=default").body


def test_a_token_that_a_snapshot_took_away_is_not_shown(api: Api) -> None:
    snapshot = api.call("GET", "/_sim/snapshot").body
    api.call("POST", "/_sim/accounts", {"name": "dave", "token": "hunter2"})
    api.call("GET", "/v1/gpu/rentals/hunter2", token="hunter2")
    assert api.call("PUT", "/_sim/snapshot", body=snapshot).status == 200
    assert api.worlds.keyring.place("hunter2") is None
    assert shown(api).count(b"[redacted]") == 2
    assert b"hunter" not in shown(api)


def test_a_token_whose_world_is_gone_is_not_shown(api: Api, lines: list[bytes]) -> None:
    api.call("POST", "/_sim/worlds", {"name": "third", "tokens": {"alice": "hunter2", "bob": "hunter3"}})
    api.call("GET", "/v1/gpu/rentals/hunter2")
    assert api.call("DELETE", "/_sim/worlds/third").status == 204
    api.call("GET", "/v1/gpu/rentals/hunter3")
    assert b"hunter" not in shown(api)
    assert b"hunter" not in b"".join(lines)


def test_no_beginning_of_a_token_is_left_at_a_cut(api: Api) -> None:
    api.call("POST", "/_sim/accounts", {"name": "dave", "token": "hunter2hunter2"})
    for cut in range(1, 14):
        api.call("GET", f"/v1/{'x' * (2_044 - cut)}hunter2hunter2")
        api.call("GET", f"/v1/gpu/rentals/{'x' * (2_048 - cut)}hunter2hunter2")
        api.call("GET", f"/v1/gpu/offers?{'x' * (2_048 - cut)}hunter2hunter2")
        api.call("X" * (32 - cut) + "hunter2hunter2", "/v1/gpu/offers")
        key = [("idempotency-key", "x" * (256 - cut) + "hunter2hunter2")]
        api.call("POST", "/v1/gpu/rent", RENT, headers=key)
    kept = shown(api)
    assert b"xh" not in kept
    assert b"Xh" not in kept
    assert kept.count(b'"seq"') == 65


def test_a_line_shows_the_beginning_of_a_long_path(api: Api, lines: list[bytes]) -> None:
    api.call("GET", f"/v1/gpu/rentals/{'x' * 10_000}")
    written = json.loads(lines[0])
    assert (len(written["path"]), len(written["rental_id"])) == (2_048, 2_048)


def test_a_line_has_nothing_in_it_that_a_terminal_obeys(api: Api, lines: list[bytes]) -> None:
    api.call("GET", "/v1/gpu/rentals/%1b[31m%C2%9B31m%E2%80%AE%7Fé")
    assert rb"/\u001b[31m\u009b31m\u202e\u007f" in lines[0]
    assert json.loads(lines[0])["rental_id"] == "\x1b[31m\x9b31m\u202e\x7fé"
