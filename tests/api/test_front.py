"""The entry of every request: the precedence of errors (A13), request ids (A25), virtual time (A23), HEAD."""

import asyncio
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest
from gpu_sim.core.kernel.quantities import Duration, Money
from gpu_sim.core.scenario.acts import Act, OutageAct
from gpu_sim.core.scenario.catalog import CatalogSpec, Generate
from gpu_sim.core.scenario.market_settings import MarketSettings
from gpu_sim.core.scenario.scenario import AccountSpec, ClockSettings

from ..support.asgi import ALICE, MANUAL, RENT, START, Answer, Api, scenario
from ..support.builders import market, offer

RENT_PATH = "/v1/gpu/rent"

# Each error of a request: its change to the call, and the refusal that it alone gives.
ERRORS: list[tuple[dict[str, Any], int, str]] = [
    ({"size": 65_537}, 413, "payload_too_large"),
    ({"token": None}, 401, "invalid_token"),
    ({"path": "/v1/gpu/rend"}, 404, "not_found"),
    ({"method": "PUT"}, 405, "method_not_allowed"),
    ({"media": "text/plain"}, 415, "unsupported_media_type"),
    ({"broken": True}, 400, "invalid_json"),
    ({"fields": {"gpu_count": 0}}, 400, "invalid_value"),
    ({"region": "Texas, US"}, 409, "offer_unavailable"),
    ({"poor": True}, 402, "insufficient_credit"),
]
"""In the order of A13: framing, authentication, route, method, media type, JSON, field values, state, money."""


@pytest.fixture
def api(runner: asyncio.Runner) -> Api:
    """A server where Bob is rich, Alice has nothing, and Texas is out of service."""
    accounts = (AccountSpec("alice", ALICE, Money(0)), AccountSpec("rich", "si_rich", Money(10**9)))
    outage = Act(at=Duration(0), outage=OutageAct(region="Texas, US"))
    conditions = scenario(accounts=accounts, market=market(offer(), offer("Texas, US")), timeline=(outage,))
    api = Api(runner, conditions)
    api.advance("1s")
    return api


def rent_with(api: Api, *errors: dict[str, Any]) -> Answer:
    """Rent with these errors in the request."""
    request = {name: value for error in errors for name, value in error.items()}
    fields = RENT | {"region": request.get("region", RENT["region"])} | request.get("fields", {})
    token = request.get("token", ALICE if request.get("poor") else "si_rich")
    options: dict[str, Any] = {"token": token, "media": request.get("media", "application/json")}
    if request.get("broken"):
        options["body"] = b"{"
    if "size" in request:
        options["body"] = options.get("body", b"") + b" " * request["size"]
    content = None if "body" in options else fields
    return api.call(request.get("method", "POST"), request.get("path", RENT_PATH), content, **options)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error[2])
def test_a13_each_error_alone_gives_its_refusal(api: Api, error: tuple[dict[str, Any], int, str]) -> None:
    with api.unchanged():
        answer = rent_with(api, error[0])
    assert (answer.status, answer.json()["error"]["code"]) == error[1:]


@pytest.mark.parametrize(
    ("first", "second"), list(combinations(ERRORS, 2)), ids=lambda error: error[2] if isinstance(error, tuple) else None
)
def test_a13_of_two_errors_the_earlier_one_wins(
    api: Api, first: tuple[dict[str, Any], int, str], second: tuple[dict[str, Any], int, str]
) -> None:
    with api.unchanged():
        answer = rent_with(api, first[0], second[0])
    assert (answer.status, answer.json()["error"]["code"]) == first[1:]


def test_a13_a_rent_without_errors_passes(api: Api) -> None:
    assert rent_with(api).status == 201


def test_a13_a_reused_key_is_told_before_state_and_money(api: Api) -> None:
    key = [("idempotency-key", "k")]
    assert api.call("POST", RENT_PATH, RENT, token="si_rich", headers=key).status == 201
    other = RENT | {"region": "Texas, US"}
    api.call("POST", RENT_PATH, other, token="si_rich", headers=key).refused(422, "idempotency_key_reused")
    api.call("POST", RENT_PATH, other | {"gpu_count": 0}, token="si_rich", headers=key).refused(
        400, "invalid_value", "gpu_count"
    )


def every_answer(api: Api, **options: Any) -> Iterator[Answer]:
    """One answer of each kind."""
    yield api.call("GET", "/v1/gpu/offers", **options)
    yield api.call("GET", "/v1/gpu/offers?x=1", **options)
    yield api.call("HEAD", "/v1/gpu/offers", **options)
    yield api.call("POST", RENT_PATH, RENT, **options)
    yield api.call("POST", RENT_PATH, body=b" " * 65_537, **options)
    yield api.call("POST", RENT_PATH, RENT, **options | {"token": None})
    yield api.call("GET", "/nowhere", **options)
    yield api.call("PUT", "/v1/gpu/offers", **options)
    yield api.call("GET", "/_sim/clock", **options)
    yield api.call("GET", "/_sim/journal", **options)
    yield api.call("POST", "/_sim/reset", {"x": 1}, **options)
    yield api.call("GET", "/_sim/clock", host="evil.example", **options)


def test_a25_every_answer_has_a_request_id_of_its_own(api: Api) -> None:
    seen = [answer.header("x-request-id") for answer in every_answer(api)]
    assert None not in seen
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("request_id", ["a", "A-z_0.9:x", "x" * 128, "3f0c1a52-6f0e-4f6a-9d3e-0e8b7a7a3b11"])
def test_a25_a_valid_request_id_is_echoed(api: Api, request_id: str) -> None:
    for answer in every_answer(api, headers=[("x-request-id", request_id)]):
        assert answer.header("x-request-id") == request_id


@pytest.mark.parametrize("request_id", ["", "x" * 129, "a b", "a\tb", "é", "a,b", "<script>"])
def test_a25_an_invalid_request_id_is_replaced(api: Api, request_id: str) -> None:
    for answer in every_answer(api, headers=[("x-request-id", request_id)]):
        assert answer.header("x-request-id") not in (request_id, None, "")


def test_a25_a_request_id_is_in_no_body_and_not_in_the_journal(api: Api) -> None:
    for answer in every_answer(api, headers=[("x-request-id", "to-be-seen-in-headers-only")]):
        assert b"to-be-seen" not in answer.body
    assert b"to-be-seen" not in api.state()


def test_a23_every_answer_says_what_time_it_is(api: Api) -> None:
    for answer in every_answer(api):
        assert answer.header("x-sim-now") == "2026-01-01T00:00:01.000Z"
    api.advance("1h2m3s4ms")
    for answer in every_answer(api):
        assert answer.header("x-sim-now") == "2026-01-01T01:02:04.004Z"


def test_every_answer_says_how_long_it_is(api: Api) -> None:
    for answer in every_answer(api):
        assert answer.header("content-length") == str(len(answer.body))


@pytest.mark.parametrize("path", ["/v1/gpu/offers", "/v1/gpu/offers?x=1", "/nowhere", "/_sim/market", "/openapi.json"])
def test_head_has_the_headers_of_get(api: Api, path: str) -> None:
    request_id = [("x-request-id", "same")]
    with api.unchanged():
        get, head = (api.call(method, path, headers=request_id) for method in ("GET", "HEAD"))
    assert (get.status, get.headers) == (head.status, head.headers)


def test_head_of_a_rental_has_the_headers_of_get(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario())
    path, request_id = f"/v1/gpu/rentals/{api.rent()}", [("x-request-id", "same")]
    get, head = (api.call(method, path, headers=request_id) for method in ("GET", "HEAD"))
    assert (get.status, get.headers) == (head.status, head.headers)


def test_reads_leave_everything_as_it_is(api: Api) -> None:
    with api.unchanged():
        for method in ("GET", "HEAD", "OPTIONS"):
            for path in ("/v1/gpu/offers", "/v1/gpu/rentals/x", "/_sim/clock", "/_sim/events", "/openapi.json"):
                api.call(method, path)


def test_a_clock_with_a_step_moves_before_each_api_request_and_no_other(runner: asyncio.Runner) -> None:
    clock = ClockSettings(mode="manual", step=Duration(5_000))
    api = Api(runner, scenario(clock=clock))
    assert api.call("GET", "/_sim/health").header("x-sim-now") == START
    times = [api.call("GET", "/v1/gpu/offers").header("x-sim-now") for _ in range(2)]
    times.append(api.call("POST", RENT_PATH, RENT).header("x-sim-now"))
    times.append(api.call("GET", "/v1/gpu/offers", token=None).header("x-sim-now"))
    times.append(api.call("GET", "/_sim/clock").header("x-sim-now"))
    assert [str(time)[17:] for time in times] == ["05.000Z", "10.000Z", "15.000Z", "15.000Z", "15.000Z"]


def test_a_client_that_polls_under_a_step_sees_its_rental_run(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(clock=ClockSettings(mode="manual", step=Duration(5_000))))
    rental_id = api.rent()
    polls = 1
    while api.rental(rental_id)["status"] == "provisioning":
        polls += 1
    assert polls == 12


def test_what_goes_wrong_within_is_answered_in_the_envelope(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(type(api.world.simulation.rentals), "find", None)
        answer = api.call("GET", "/v1/gpu/rentals/x")
    answer.refused(500, "failure")
    assert answer.header("x-request-id") is not None
    assert "GET /v1/gpu/rentals/x failed" in caplog.text


def test_a_request_that_the_client_gave_up_is_left_alone(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario())
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"authorization", f"Bearer {ALICE}".encode()), (b"content-length", b"10")]
    scope = {"type": "http", "method": "POST", "path": RENT_PATH, "query_string": b"", "headers": headers}

    async def leave() -> None:
        await api.app(scope, receive, send)

    with api.unchanged():
        runner.run(leave())
    assert sent == []


def test_a_large_market_is_listed_at_once(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(market=MarketSettings(catalog=CatalogSpec(Generate(2_000))), clock=MANUAL))
    assert api.get("/v1/gpu/offers")["count"] == 2_000
