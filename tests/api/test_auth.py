"""Who may ask: bearer tokens (F2), and hosts, origins and the admin token on the control plane."""

import asyncio

import pytest
from gpu_sim.api.auth import ControlAccess, is_loopback

from ..support.asgi import ALICE, BOB, RENT, Api, scenario

PATHS = [
    ("GET", "/v1/gpu/offers"),
    ("POST", "/v1/gpu/rent"),
    ("GET", "/v1/gpu/rentals/rent_x"),
    ("DELETE", "/v1/gpu/rentals/rent_x"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_f2_every_endpoint_needs_a_token(api: Api, method: str, path: str) -> None:
    with api.unchanged():
        answer = api.call(method, path, RENT, token=None)
    error = answer.refused(401, "invalid_token")
    assert error["type"] == "authentication_error"
    assert answer.header("www-authenticate") == "Bearer"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer si_nobody",
        "Bearer si_test_ALICE",
        "Basic c2k6eA==",
        f"Token {ALICE}",
        f"Bearer {ALICE} {ALICE}",
        f"Bearer {ALICE},",
        f"Bearer{ALICE}",
        ALICE,
        "Bearer \xff\xfe",
    ],
)
def test_a13_a_malformed_or_unknown_token_is_refused(api: Api, value: str) -> None:
    with api.unchanged():
        for method, path in PATHS:
            answer = api.call(method, path, token=None, headers=[("authorization", value)])
            answer.refused(401, "invalid_token")
            assert answer.header("www-authenticate") == "Bearer"


@pytest.mark.parametrize("second", [f"Bearer {ALICE}", f"Bearer {BOB}", "Basic x"])
def test_a13_two_authorization_headers_are_refused(api: Api, second: str) -> None:
    with api.unchanged():
        api.call("GET", "/v1/gpu/offers", headers=[("authorization", second)]).refused(401, "invalid_token")
        api.call("POST", "/v1/gpu/rent", RENT, headers=[("authorization", second)]).refused(401, "invalid_token")


@pytest.mark.parametrize("value", [f"bearer {ALICE}", f"BEARER {ALICE}", f"Bearer   {ALICE}  "])
def test_f2_the_scheme_is_recognised_in_any_case_and_spacing(api: Api, value: str) -> None:
    for path in ("/v1/gpu/offers", "/v1/gpu/rentals/rent_x"):
        assert api.call("GET", path, token=None, headers=[("authorization", value)]).status != 401


def test_a13_another_accounts_rental_is_as_unknown_as_none(api: Api) -> None:
    rental_id = api.rent()
    with api.unchanged():
        for method in ("GET", "DELETE"):
            theirs = api.call(method, f"/v1/gpu/rentals/{rental_id}", token=BOB)
            nobodys = api.call(method, "/v1/gpu/rentals/rent_aaaaaaaaaaaaaaaaaaaa", token=BOB)
            message = theirs.refused(404, "rental_not_found")["message"]
            assert message.replace(rental_id, "X") == nobodys.json()["error"]["message"].replace(
                "rent_" + "a" * 20, "X"
            )


def test_a_token_works_from_when_its_account_is_made(api: Api) -> None:
    api.call("GET", "/v1/gpu/offers", token="si_new").refused(401, "invalid_token")
    api.call("POST", "/_sim/accounts", {"token": "si_new"})
    assert api.call("GET", "/v1/gpu/offers", token="si_new").status == 200
    api.call("POST", "/_sim/reset")
    api.call("GET", "/v1/gpu/offers", token="si_new").refused(401, "invalid_token")


@pytest.mark.parametrize(
    "host", ["127.0.0.1:4780", "127.0.0.1", "localhost:1", "LOCALHOST", "[::1]:4780", "[::1]", "127.9.8.7"]
)
def test_the_control_plane_answers_loopback_hosts(api: Api, host: str) -> None:
    assert api.call("GET", "/_sim/health", token=None, host=host).status == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:4780", "", "10.0.0.1:4780", "127.evil", None],
)
def test_the_control_plane_refuses_a_foreign_host(api: Api, host: str | None) -> None:
    with api.unchanged():
        answer = api.call("POST", "/_sim/clock/advance", {"by": "1h"}, host=host)
    problem = answer.problem(403, "control_refused", "host")
    assert problem["title"] == "control refused"


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://localhost.evil.example",
        "http://localhost@evil.example",
        "evil",
        "http://[",
        "",
        "chrome-extension://127.0.0.1",
        "file://localhost",
        "//localhost",
        "http://localhost:3000",
        "http://127.0.0.1:3000",
        "http://[::1]:4780",
    ],
)
def test_the_control_plane_refuses_a_foreign_origin(api: Api, origin: str) -> None:
    with api.unchanged():
        answer = api.call("POST", "/_sim/reset", headers=[("origin", origin)])
    answer.problem(403, "control_refused", "origin")


@pytest.mark.parametrize("host", ["localhost:3000", "127.0.0.1", "[::1]:80", "LocalHost:4780"])
def test_the_control_plane_answers_a_page_of_its_own(api: Api, host: str) -> None:
    own = [("origin", f"http://{host}".lower())]
    assert api.call("POST", "/_sim/reset", host=host, headers=own).status == 200


def test_the_control_plane_refuses_what_comes_from_a_page_of_another_site(api: Api) -> None:
    for site in ("same-origin", "same-site", "none"):
        assert api.call("POST", "/_sim/reset", headers=[("sec-fetch-site", site)]).status == 200
    for method, path in (("POST", "/_sim/reset"), ("GET", "/_sim/market"), ("GET", "/metrics")):
        with api.unchanged():
            answer = api.call(method, path, headers=[("sec-fetch-site", "cross-site")])
        answer.problem(403, "control_refused", "sec-fetch-site")
    own = [("sec-fetch-site", "cross-site"), ("origin", "http://localhost:3000")]
    assert api.call("GET", "/_sim/clock", host="localhost:3000", headers=own).status == 200
    assert api.call("GET", "/v1/gpu/offers", headers=own[:1]).status == 200


@pytest.mark.parametrize(
    "target",
    [
        "/_sim/clock",
        "/_sim/nothing",
        "/_sim/events?after=0",
        "/metrics",
        "/openapi.json",
        "/docs",
        "/docs/page.js",
        "/x",
    ],
)
def test_no_answer_but_those_of_the_api_is_sniffed_for_its_type(api: Api, target: str) -> None:
    for headers in ([], [("accept", "text/event-stream")], [("host", "evil.example")]):
        answer = api.call("GET", target, headers=headers)
        assert answer.header("x-content-type-options") == "nosniff"
    assert api.call("PUT", "/_sim/clock", body=b"{", host="x").header("x-content-type-options") == "nosniff"


def test_one_foreign_header_among_several_is_enough_to_be_refused(api: Api) -> None:
    answer = api.call("GET", "/_sim/clock", headers=[("host", "evil.example")])
    answer.problem(403, "control_refused", "host")
    both = [("origin", "http://localhost"), ("origin", "http://evil.example")]
    api.call("GET", "/_sim/clock", headers=both).problem(403, "control_refused", "origin")


def test_the_api_answers_any_host_and_origin(api: Api) -> None:
    foreign = [("origin", "https://evil.example")]
    assert api.call("GET", "/v1/gpu/offers", host="gpu.example", headers=foreign).status == 200


def test_an_allowed_host_may_use_the_control_plane_as_host_and_origin(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(), access=ControlAccess(allowed_hosts=("sim.test",)))
    for host in ("sim.test", "SIM.test:8080"):
        assert api.call("GET", "/_sim/clock", host=host, headers=[("origin", "https://Sim.Test")]).status == 200
    api.call("GET", "/_sim/clock", host="x.sim.test").problem(403, "control_refused", "host")
    api.call("GET", "/_sim/clock", headers=[("origin", "https://x.sim.test")]).problem(403, "control_refused", "origin")


def test_off_loopback_the_control_plane_is_off_without_an_admin_token(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(), access=ControlAccess(on_loopback=False))
    api.call("GET", "/_sim/clock").problem(403, "control_refused")
    api.call("GET", "/_sim/clock", headers=[("x-sim-admin", "")]).problem(403, "control_refused")
    assert api.call("GET", "/v1/gpu/offers").status == 200


def test_an_empty_admin_token_is_none(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(), access=ControlAccess(on_loopback=False, admin_token=""))
    api.call("GET", "/_sim/health", headers=[("x-sim-admin", "")]).problem(403, "control_refused")


def test_off_loopback_the_admin_token_opens_the_control_plane_to_any_host(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(), access=ControlAccess(on_loopback=False, admin_token="s3cret"))
    admin = [("x-sim-admin", "s3cret")]
    assert api.call("GET", "/_sim/health", host="gpu.example", headers=admin).status == 200
    for wrong in ([], [("x-sim-admin", "s3cre")], [("x-sim-admin", "s3cret ")], admin * 2, [("x-sim-admin", "\xff")]):
        api.call("POST", "/_sim/reset", headers=wrong).problem(403, "control_refused")


def test_on_loopback_an_admin_token_is_needed_for_foreign_hosts_only(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(), access=ControlAccess(admin_token="s3cret"))
    assert api.call("GET", "/_sim/health").status == 200
    api.call("GET", "/_sim/health", host="gpu.example").problem(403, "control_refused", "host")
    admin = [("x-sim-admin", "s3cret")]
    assert api.call("GET", "/_sim/health", host="gpu.example", headers=admin).status == 200


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("gpu.example", False),
    ],
)
def test_loopback_addresses_are_told_from_others(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_a_malformed_or_unknown_token_is_refused_on_the_control_plane_too(api: Api) -> None:
    answer = api.call("GET", "/_sim/clock", token=None, headers=[("authorization", "Basic x")])
    answer.problem(401, "invalid_token")
    assert answer.header("www-authenticate") == "Bearer"
    with api.unchanged():
        api.call("POST", "/_sim/reset", token="si_nobody").problem(401, "invalid_token")
    assert api.call("GET", "/_sim/clock?world=default", token="si_nobody").status == 200


@pytest.mark.parametrize("token", [None, "s3cret"])
def test_off_loopback_health_and_ready_tell_anybody_that_and_no_more(runner: asyncio.Runner, token: str | None) -> None:
    """A probe of a container or of a load balancer has no token to send."""
    api = Api(runner, scenario(), access=ControlAccess(on_loopback=False, admin_token=token))
    for bearer in (None, ALICE, "si_nobody"):
        for name, status in (("health", "ok"), ("ready", "ready")):
            answer = api.call("GET", f"/_sim/{name}", token=bearer, host="10.0.0.1:4780")
            assert (answer.status, answer.json()) == (200, {"status": status})
            assert api.call("HEAD", f"/_sim/{name}", token=bearer, host="10.0.0.1:4780").status == 200
    for target in ("/_sim/health?world=default", "/_sim/ready?world=x", "/_sim/health?x=1", "/_sim/health/"):
        api.call("GET", target).problem(403, "control_refused")
    api.call("GET", "/_sim/health", {}).problem(403, "control_refused")
    api.call("POST", "/_sim/ready").problem(403, "control_refused")
    for wrong in ("", "s3cre"):
        api.call("GET", "/_sim/health", headers=[("x-sim-admin", wrong)]).problem(403, "control_refused")


def test_with_the_admin_token_or_on_loopback_health_tells_all(runner: asyncio.Runner) -> None:
    off = Api(runner, scenario(), access=ControlAccess(on_loopback=False, admin_token="s3cret"))
    told = off.get("/_sim/health", headers=[("x-sim-admin", "s3cret")])
    on = Api(runner, scenario())
    assert list(told) == list(on.get("/_sim/health", token=None))
    assert {"version", "worlds", "seed", "clock"} < set(told)


METRICS = ["/metrics", "/_sim/metrics"]


@pytest.mark.parametrize("path", METRICS)
@pytest.mark.parametrize("on_loopback", [True, False])
def test_metrics_take_the_admin_token_as_a_bearer_token(runner: asyncio.Runner, path: str, on_loopback: bool) -> None:
    """Prometheus sends `Authorization` and, up to its newest versions, no header of one's own."""
    api = Api(runner, scenario(), access=ControlAccess(on_loopback=on_loopback, admin_token="s3cret"))
    api.add_world("other", scenario(accounts=()))
    for value in ("Bearer s3cret", "bearer   s3cret "):
        answer = api.call("GET", path, token=None, headers=[("authorization", value)], host="sim:4780")
        assert answer.status == 200
        assert b"gpu_sim_build_info" in answer.body


@pytest.mark.parametrize("path", METRICS)
def test_off_loopback_metrics_refuse_any_other_bearer_token(runner: asyncio.Runner, path: str) -> None:
    api = Api(runner, scenario(), access=ControlAccess(on_loopback=False, admin_token="s3cret"))
    for value in (
        "Bearer s3cre",
        "Bearer s3crett",
        f"Bearer {ALICE}",
        "Basic s3cret",
        "s3cret",
        "Bearer",
        "Bearer \xff",
    ):
        problem = api.call("GET", path, token=None, headers=[("authorization", value)]).problem(403, "control_refused")
        assert "as a bearer token" in problem["detail"]
    twice = [("authorization", "Bearer s3cret")] * 2
    api.call("GET", path, token=None, headers=twice).problem(403, "control_refused")
    without = Api(runner, scenario(), access=ControlAccess(on_loopback=False, admin_token=""))
    without.call("GET", path, token=None, headers=[("authorization", "Bearer ")]).problem(403, "control_refused")


def test_on_loopback_metrics_take_the_tokens_that_they_took(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(), access=ControlAccess(admin_token="s3cret"))
    for token in (None, ALICE):
        assert api.call("GET", "/metrics", token=token).status == 200
    api.call("GET", "/metrics", token="si_nobody").problem(401, "invalid_token")


def test_as_a_bearer_token_the_admin_token_opens_nothing_but_the_metrics(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(), access=ControlAccess(on_loopback=False, admin_token="s3cret"))
    for method, path in (("GET", "/_sim/clock"), ("POST", "/_sim/reset"), ("GET", "/_sim/metrics/")):
        api.call(method, path, token="s3cret").problem(403, "control_refused")
    api.call("GET", "/v1/gpu/offers", token="s3cret").refused(401, "invalid_token")
