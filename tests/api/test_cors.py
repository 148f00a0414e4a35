"""Web pages of other origins: what `--cors` lets them do with the API, and that the control plane stays closed."""

import asyncio

import pytest
from click.testing import CliRunner
from gpu_sim.api.cors import parse_origin, with_cors
from gpu_sim.cli.main import main
from gpu_sim.server import serving

from ..support import loopback
from ..support.asgi import RENT, Answer, Api, scenario
from ..support.wire_client import AUTHORIZED, connect, read_answer

PAGE, OTHER = "http://localhost:3000", "https://evil.example"
CONTROL = ["/_sim/clock", "/_sim/reset", "/_sim/server/refuse", "/_sim", "/metrics", "/_sim/nothing", "/%5fsim/clock"]
EXPOSED = {"x-request-id", "x-sim-now", "x-sim-fault", "retry-after", "idempotent-replayed", "x-should-retry"}


@pytest.fixture
def page_api(runner: asyncio.Runner) -> Api:
    """The application for pages of PAGE."""
    return for_pages(runner, PAGE)


def for_pages(runner: asyncio.Runner, *origins: str) -> Api:
    api = Api(runner, scenario())
    api.app = with_cors(api.app, origins)
    return api


def preflight(api: Api, path: str, method: str, *, origin: str = PAGE, headers: str | None = None) -> Answer:
    """What a browser asks before it sends a request with a token; it has none itself."""
    asked = [("origin", origin), ("access-control-request-method", method)]
    if headers is not None:
        asked.append(("access-control-request-headers", headers))
    return api.call("OPTIONS", path, token=None, headers=asked)


def names(answer: Answer, header: str) -> set[str]:
    return {name.strip() for name in (answer.header(header) or "").split(",")}


def cors_headers(answer: Answer) -> list[str]:
    return [name for name, _ in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    ("path", "method"),
    [("/v1/gpu/offers", "GET"), ("/v1/gpu/rent", "POST"), ("/v1/gpu/rentals/x", "DELETE"), ("/openapi.json", "GET")],
)
def test_a_preflight_is_answered_without_a_token(page_api: Api, path: str, method: str) -> None:
    wanted = "authorization,content-type,idempotency-key"
    answer = preflight(page_api, path, method, headers=wanted)
    assert (answer.status, answer.body) == (204, b"")
    assert answer.header("access-control-allow-origin") == PAGE
    assert method in names(answer, "access-control-allow-methods")
    assert set(wanted.split(",")) <= names(answer, "access-control-allow-headers")
    assert answer.header("access-control-max-age") == "600"
    assert [value for name, value in answer.headers if name == "vary"] == ["origin", "access-control-request-headers"]
    assert page_api.get("/_sim/requests")["data"] == []


@pytest.mark.parametrize("odd", ["", "x: y", "a\x7f", "ä", "a,,b", "*"])
def test_headers_that_no_browser_asks_for_are_not_repeated(page_api: Api, odd: str) -> None:
    answer = preflight(page_api, "/v1/gpu/rent", "POST", headers=odd)
    assert answer.status == 204
    assert {"authorization", "content-type", "idempotency-key", "x-sim"} <= names(
        answer, "access-control-allow-headers"
    )


def test_a_page_on_the_internet_may_be_let_in_to_a_private_network(page_api: Api) -> None:
    asked = [("origin", PAGE), ("access-control-request-method", "GET")]
    private = ("access-control-request-private-network", "true")
    answer = page_api.call("OPTIONS", "/v1/gpu/offers", token=None, headers=[*asked, private])
    assert answer.header("access-control-allow-private-network") == "true"
    answer = page_api.call("OPTIONS", "/v1/gpu/offers", token=None, headers=asked)
    assert answer.header("access-control-allow-private-network") is None


def test_a_page_reads_every_answer_of_the_api(page_api: Api) -> None:
    page = ("origin", PAGE)
    for answer, status in (
        (page_api.call("GET", "/v1/gpu/offers", headers=[page]), 200),
        (page_api.call("POST", "/v1/gpu/rent", RENT, headers=[page]), 201),
        (page_api.call("GET", "/v1/gpu/rentals/x", headers=[page]), 404),
        (page_api.call("POST", "/v1/gpu/rent", {}, headers=[page]), 400),
        (page_api.call("GET", "/v1/gpu/offers", token="si_nobody", headers=[page]), 401),
        (page_api.call("POST", "/v1/gpu/rent", body=b" " * 70_000, headers=[page]), 413),
        (page_api.call("PUT", "/v1/gpu/rent", headers=[page]), 405),
        (page_api.call("OPTIONS", "/v1/gpu/rent", headers=[page]), 405),
        (page_api.call("GET", "/v1/gpu/offers", headers=[page, ("x-sim", "respond=503; retry_after=2s")]), 503),
        (page_api.call("GET", "/v1/gpu/offers", headers=[page, ("x-sim", "malformed")]), 200),
        (page_api.call("GET", "/docs", headers=[page]), 200),
    ):
        assert answer.status == status
        assert answer.header("access-control-allow-origin") == PAGE
        assert names(answer, "access-control-expose-headers") >= EXPOSED
        assert answer.header("vary") == "origin"


@pytest.mark.parametrize("origin", [OTHER, "http://localhost:3001", "https://localhost:3000", "null", "", f"{PAGE}/"])
def test_other_pages_get_the_answers_that_they_got(runner: asyncio.Runner, page_api: Api, origin: str) -> None:
    plain = Api(runner, scenario())
    for api in (plain, page_api):
        answer = api.call("GET", "/v1/gpu/offers", headers=[("origin", origin)])
        assert (answer.status, cors_headers(answer)) == (200, [])
        asked = preflight(api, "/v1/gpu/rent", "POST", origin=origin)
        asked.refused(401, "invalid_token")
        assert cors_headers(asked) == []
    assert answer.header("vary") == "origin"


def test_two_origins_are_none(page_api: Api) -> None:
    answer = page_api.call("GET", "/v1/gpu/offers", headers=[("origin", PAGE), ("origin", PAGE)])
    assert cors_headers(answer) == []


def test_without_an_origin_an_answer_only_says_that_it_depends_on_it(page_api: Api) -> None:
    answer = page_api.call("GET", "/v1/gpu/offers")
    assert (cors_headers(answer), answer.header("vary")) == ([], "origin")


def test_all_pages_are_let_in_where_that_is_asked_for(runner: asyncio.Runner) -> None:
    api = for_pages(runner, "*", PAGE)
    for origin in (PAGE, OTHER, "null"):
        answer = api.call("GET", "/v1/gpu/offers", headers=[("origin", origin)])
        assert (answer.header("access-control-allow-origin"), answer.header("vary")) == ("*", None)
        asked = preflight(api, "/v1/gpu/rent", "POST", origin=origin, headers="authorization")
        assert (asked.status, asked.header("access-control-allow-headers")) == (204, "authorization")
    assert cors_headers(api.call("GET", "/v1/gpu/offers")) == []


@pytest.mark.parametrize("origins", [(PAGE, OTHER), ("*",)])
@pytest.mark.parametrize("path", CONTROL)
def test_the_control_plane_stays_closed_to_pages(runner: asyncio.Runner, path: str, origins: tuple[str, ...]) -> None:
    """They are neither told that they may send a request nor let read what comes, and what they send is refused."""
    api, plain = for_pages(runner, *origins), Api(runner, scenario())
    for origin in (PAGE, OTHER):
        with api.unchanged():
            asked = preflight(api, path, "POST", origin=origin, headers="content-type")
            asked_plainly = preflight(plain, path, "POST", origin=origin, headers="content-type")
            answers = [asked, api.call("GET", path, headers=[("origin", origin)])]
        assert asked.status == asked_plainly.status
        assert asked.status >= 400
        for answer in answers:
            assert cors_headers(answer) == []
            assert answer.header("vary") is None
    for origin in (PAGE, OTHER):
        api.call("GET", path, headers=[("origin", origin)]).problem(403, "control_refused", "origin")
        api.call("POST", path, {}, headers=[("origin", origin)]).problem(403, "control_refused", "origin")


def test_without_origins_nothing_stands_in_front_of_the_application(api: Api) -> None:
    assert with_cors(api.app, ()) is api.app
    answer = api.call("GET", "/v1/gpu/offers", headers=[("origin", PAGE)])
    assert (cors_headers(answer), answer.header("vary")) == ([], None)


def test_over_a_socket_answers_that_are_cut_short_dripped_or_late_can_be_read_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serving, "with_cors", lambda app, _: with_cors(app, (PAGE,)))
    with serving.serve_in_thread(scenario()) as ready:
        for words, read in (
            ("truncate=50%", False),
            ("drip=50/10ms", True),
            ("delay=10ms", True),
            ("lose_response", False),
        ):
            with connect(ready.url) as connection:
                request = f"GET /v1/gpu/offers HTTP/1.1\r\n{AUTHORIZED}origin: {PAGE}\r\nx-sim: {words}\r\n\r\n"
                connection.sendall(request.encode())
                if words == "lose_response":
                    with pytest.raises(ConnectionResetError):
                        connection.recv(1)
                    continue
                answer = read_answer(connection, head=not read)
                assert answer.headers["access-control-allow-origin"] == PAGE
                assert answer.headers["x-sim-fault"] == "header"
        asked = loopback.options(
            f"{ready.url}/v1/gpu/rent", headers={"origin": PAGE, "access-control-request-method": "POST"}
        )
        assert (asked.status_code, asked.content) == (204, b"")
        assert asked.headers["keep-alive"] == "timeout=75"


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("*", "*"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("HTTP://LocalHost:80", "http://localhost"),
        ("https://dev.example:443", "https://dev.example"),
        ("https://dev.example:80", "https://dev.example:80"),
        ("http://[::1]:5173", "http://[::1]:5173"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    ],
)
def test_an_origin_is_written_as_browsers_write_it(text: str, origin: str) -> None:
    assert parse_origin(text) == origin


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("localhost:3000", '"http://localhost:3000"'),
        ("http://localhost:3000/", 'that is "http://localhost:3000"'),
        ("http://localhost:3000/app?x#y", 'that is "http://localhost:3000"'),
        ("http://me:secret@localhost", 'that is "http://localhost"'),
        ("null", "only *"),
        ("http://*.example", "one host"),
        ("ftp://localhost", "http://"),
        ("http://", "one host"),
        ("http://localhost:port", "no origin"),
        ("http://localhost:99999", "no origin"),
        ("http://[::1", "no origin"),
        ("http://ho st", "one host"),
        ("http://ä.example", "one host"),
    ],
)
def test_what_is_no_origin_is_refused_with_the_nearest(text: str, says: str) -> None:
    ended = CliRunner().invoke(main, ["serve", "--cors", text])
    assert ended.exit_code == 2
    assert says in ended.stderr
    assert "--cors" in ended.stderr
