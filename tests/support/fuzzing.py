"""Random requests: what may be sent to any path that there is, and what every answer must be like."""

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import unquote

from gpu_sim.api.app import build_app
from gpu_sim.api.auth import ControlAccess
from gpu_sim.api.exchange import Endpoint
from gpu_sim.api.front import FrontController
from gpu_sim.api.transport import InjectedDisconnect
from gpu_sim.core.kernel.names import offer_name, rental_id, rental_name
from gpu_sim.shipped_files import folder
from gpu_sim.worlds.worlds import Worlds
from hypothesis import strategies as st
from starlette.routing import Route, Router

from .asgi import ALICE, BOB, RENT, Answer, Api, scenario

TOKENS_BELONG = ("/_sim/accounts", "/_sim/worlds")
"""Where tokens are shown by design: below these paths."""

DOCUMENTS = ("/openapi.json", "/docs", "/_sim/openapi.json")
"""Where the token that works is named to whom the control plane is open."""

SHOWN_NEVER = ("/_sim/requests",)
"""Where no token is shown, not even one that the request itself named: it goes into the log."""

OWN_HOSTS = ("127.0.0.1:4780", "localhost")
"""Hosts by which the server is asked on this machine."""

LONG_NAME = f"{'x' * 251}.yaml"
"""A file name that is longer than file systems take, by a byte."""


def fuzzed_api(runner: asyncio.Runner, log: Callable[[bytes], None] | None = None) -> Api:
    """The server that random requests are sent to; worlds may be made of the files of a folder."""
    return Api(runner, scenario(), scenario_dir=folder("scenarios"), log=log)


class Request(NamedTuple):
    """One request as `Api.call` takes it."""

    target: tuple[str, str]
    """Method and path."""
    query: str
    body: bytes | None
    headers: list[tuple[str, str]]
    media: str | None
    token: str | None
    host: str | None

    @property
    def path(self) -> str:
        """The path as it is sent."""
        return self.target[1]

    @property
    def path_read(self) -> str:
        """The path as the server reads it."""
        return self.path if "%2f" in self.path.lower() else unquote(self.path)


def routes() -> list[tuple[str, str]]:
    """Every method of every route, with the route's path: its parameters are in braces."""
    app = build_app(Worlds(), ControlAccess())
    assert isinstance(app, FrontController)
    assert isinstance(app._app, Router)
    found = []
    for route in app._app.routes:
        assert isinstance(route, Route)
        assert isinstance(route.endpoint, Endpoint)
        found += [(method, route.path) for method in route.endpoint._handlers]
    return found


RENTAL = rental_id(scenario().seed, rental_name("alice", offer_name("vast-ai", "RTX 4090", "Quebec, CA"), 0))
"""The id of Alice's first rental."""

METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get"])
PARTS = st.one_of(
    st.just(RENTAL),
    st.sampled_from(["x", "alice", "rent_x", "default", "other", ALICE, "..", "%2F", "%00", "%2e%2e", "é", "%C3%A9"]),
    st.sampled_from(["%ff", "%", "a b", "%252F", "+"]),
    st.text(st.characters(codec="utf-8", exclude_characters="/?"), min_size=1, max_size=12),
)


def _filled(route: tuple[str, str]) -> st.SearchStrategy[tuple[str, str]]:
    """A route with something in the place of its path's parameters."""
    method, path = route
    fixed = re.split(r"\{[^}]*\}", path)
    return st.tuples(*[PARTS] * (len(fixed) - 1)).map(
        lambda parts: (method, fixed[0] + "".join(part + rest for part, rest in zip(parts, fixed[1:], strict=True)))
    )


def _disturbed(path: str) -> st.SearchStrategy[str]:
    """A path that is nearly, or in another spelling, one of ours."""
    escaped = "".join(f"%{ord(letter):02x}" if letter in "gst" else letter for letter in path)
    return st.sampled_from([f"{path}/", path.replace("/", "//", 1), path.upper(), f"{path}/x", path[:-1], escaped])


ROUTED = st.sampled_from(routes()).flatmap(_filled)
TARGETS = st.one_of(
    *[ROUTED] * 7,
    st.tuples(METHODS, ROUTED.map(lambda target: target[1])),
    st.tuples(METHODS, ROUTED.flatmap(lambda target: _disturbed(target[1]))),
    st.tuples(METHODS, st.text(st.characters(codec="utf-8"), max_size=20).map(lambda text: "/" + text)),
)
NAME_LIST = [
    *("gpu_model", "provider", "min_vram", "max_price", "world", "limit", "after", "gpu_count", "ssh_key"),
    *("by", "to", "until", "mode", "speed", "step", "name", "token", "balance", "amount", "rental", "status"),
    *("operation", "account", "fault", "match", "in_order", "at_least", "at_most", "exactly", "body", "method"),
    *("order", "type", "since", "rental_id", "termination_reason"),
    *("path", "fine_tuned", "scenario", "seed", "clock", "tokens", "only", "on", "effect", "when", "probability"),
    *RENT,
]
NAMES = st.sampled_from(NAME_LIST)
WORD_LIST = [
    *RENT.values(),
    *("1", "0.5", "1h", "-1h", "1d", "90s", "10m", "manual", "real", "next_event", "running", "terminated", "5%"),
    *("2026-01-02T00:00:00Z", "4xx", "rent_gpu", "list_offers", "alice", "bob", "default", "other", "requests"),
    *(RENTAL, "POST", "/v1/gpu/rent", LONG_NAME, "calm.yaml"),
    *("asc", "desc", "rental_created,hold_placed", "provisioning,terminated", "credit_added", ","),
    *("ssh-ed25519 AAAA me@host", ALICE, "\x00", "🙂", "\u202e", "é", " ", "'; --", "../../etc/passwd"),
]
WORDS = st.sampled_from(WORD_LIST)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    WORDS,
    st.sampled_from([10**40, -(10**40), 2**63, 1e308, 5e-324, -0.0]),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=3)
)
ODD_BODY_LIST = [
    *(b"", b"{", b"}", b"{}", b"[]", b"null", b"0", b'""', b"\xff\xfe", b"\xef\xbb\xbf{}", b"{}{}", b"NaN"),
    *(b"[" * 5_000, b'{"a":' * 70 + b"1" + b"}" * 70, b'{"by":' * 2_000, b'{"gpu_count":' + b"9" * 6_000 + b"}"),
    *(b'{"amount":1e999}', b'{"a":"\\ud800"}', b'{"a":1,"a":2}', b'{"by":"' + b"9" * 400 + b'd"}'),
    *(b'{"gpu_model":"' + b"x" * 66_000 + b'"}', b'{"x":"' + "🙂".encode() * 1_000 + b'"}', b"a=b&c=d"),
]
ODD_BODIES = st.sampled_from(ODD_BODY_LIST)
USEFUL_BODY_LIST: list[dict[str, Any]] = [
    RENT,
    {"by": "1m"},
    {"by": "1h"},
    {"until": "next_event"},
    {"amount": "1"},
    {"mode": "scaled", "speed": 2},
    {"mode": "manual", "step": "1s"},
    {"match": {"operation": "rent_gpu", "status": "2xx"}, "at_least": 2},
    {"in_order": [{"operation": "rent_gpu"}, {"operation": "get_rental", "status": 404}]},
    {},
    {"name": "other"},
    {"name": "other", "scenario": "calm"},
    {"name": "other", "scenario": "calm.yaml"},
    {"scenario": {"name": "x", "extends": LONG_NAME}},
]
USEFUL_BODIES = st.sampled_from(USEFUL_BODY_LIST).map(lambda content: json.dumps(content).encode())
BODIES = st.one_of(
    st.binary(max_size=60),
    ODD_BODIES,
    USEFUL_BODIES,
    USEFUL_BODIES,
    VALUES.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(NAMES, VALUES, max_size=4).map(lambda fields: json.dumps(fields).encode()),
    st.dictionaries(NAMES, VALUES, max_size=2).map(lambda fields: json.dumps(RENT | fields).encode()),
)
QUERIES = st.one_of(
    *[st.just("")] * 3,
    st.text(st.characters(max_codepoint=255), max_size=30),
    st.lists(
        st.tuples(
            NAMES,
            st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=8)
            | st.sampled_from(["default", "0", "1", "4xx", "rent_gpu", "alice", ALICE, "H100", "%", "%ff", "0.5"]),
        ),
        max_size=3,
    ).map(lambda pairs: "&".join("=".join(pair) for pair in pairs)),
)
EFFECTS = (
    *("respond=503", "respond=429; retry_after=2s", "delay=1ms", "hang=1ms", "reset", "lose_response", "duplicate"),
    *("truncate=50%", "malformed", "delay=1ms; lose_response", "respond=503; reset", "respond=", "lose_respons"),
)
HEADERS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(
                [
                    *("idempotency-key", "x-request-id", "content-encoding", "authorization", "accept", "origin"),
                    *("x-sim-admin", "x-sim", "last-event-id", "host", "content-type", "x-forwarded-for", "cookie"),
                ]
            ),
            st.text(st.characters(max_codepoint=255), max_size=20)
            | st.sampled_from([f"Bearer {ALICE}", f"bearer  {ALICE}", "Basic Og==", "http://localhost", "k", "1"]),
        ),
        st.just(("accept", "text/event-stream")),
        st.sampled_from(EFFECTS).map(lambda effect: ("x-sim", effect)),
    ),
    max_size=3,
)
MEDIA = st.sampled_from(
    [*["application/json"] * 6, "text/plain", "", None, "application/json; charset=utf-8", "APPLICATION/JSON", "a/b"]
)
PLAUSIBLE_LIST: list[tuple[str, str, dict[str, Any] | None]] = [
    ("POST", "/v1/gpu/rent", RENT),
    ("POST", "/v1/gpu/rent", RENT | {"ssh_key": "ssh-ed25519 AAAA me@host"}),
    ("GET", "/v1/gpu/offers", None),
    ("GET", f"/v1/gpu/rentals/{RENTAL}", None),
    ("DELETE", f"/v1/gpu/rentals/{RENTAL}", None),
    ("POST", f"/_sim/rentals/{RENTAL}/touch", None),
    ("POST", f"/_sim/rentals/{RENTAL}/interrupt", None),
    ("POST", f"/_sim/rentals/{RENTAL}/interrupt", {"notice": "2m"}),
    ("POST", f"/_sim/rentals/{RENTAL}/interrupt", {"notice": "7d", "false_alarm": True}),
    ("POST", f"/_sim/rentals/{RENTAL}/interrupt", {"withdraw": True}),
    ("POST", f"/_sim/rentals/{RENTAL}/transition", {"to": "terminated", "hold": True}),
    ("POST", f"/_sim/rentals/{RENTAL}/transition", {"to": "terminated", "hold": False}),
    ("POST", "/_sim/market/interrupt", {"count": 1, "notice": "1m"}),
    ("POST", "/_sim/market/interrupt", {"withdraw": True}),
    ("POST", "/_sim/clock/advance", {"by": "90s"}),
    ("POST", "/_sim/clock/advance", {"by": "1h"}),
    ("POST", "/_sim/clock/advance", {"until": "next_event"}),
    ("PUT", "/_sim/clock", {"mode": "scaled", "speed": 1_000}),
    ("PUT", "/_sim/clock", {"mode": "manual", "step": "1s"}),
    ("POST", "/_sim/accounts", {}),
    ("POST", "/_sim/accounts", {"name": "carol", "token": "si_test_carol", "balance": "1"}),
    ("POST", "/_sim/accounts/alice/credit", {"amount": "1"}),
    ("POST", "/_sim/worlds", {"name": "other"}),
    ("POST", "/_sim/worlds", {"scenario": "calm.yaml"}),
    ("POST", "/_sim/worlds", {"scenario": LONG_NAME}),
    ("DELETE", "/_sim/worlds/other", None),
    ("POST", "/_sim/faults", {"name": "r", "on": {"operation": "list_offers"}, "effect": {"respond": 503}}),
    ("DELETE", "/_sim/faults/r", None),
    ("POST", "/_sim/requests/verify", {"match": {"operation": "rent_gpu", "status": "2xx"}, "at_least": 2}),
    ("POST", "/_sim/requests/verify", {"in_order": [{"operation": "rent_gpu"}, {"account": "bob"}]}),
    ("POST", "/_sim/reset", {}),
]
"""Calls that mostly succeed, so that the others meet a world in which something happens."""

PLAUSIBLE = st.sampled_from(PLAUSIBLE_LIST).map(
    lambda call: Request(
        target=call[:2],
        query="",
        body=None if call[2] is None else json.dumps(call[2]).encode(),
        headers=[],
        media="application/json",
        token=ALICE,
        host="localhost",
    )
)

WILD = st.builds(
    Request,
    TARGETS.map(lambda target: (target[0], target[1].replace("?", ""))),
    QUERIES,
    BODIES | st.none(),
    st.just([]) | HEADERS,
    MEDIA,
    st.sampled_from([*[ALICE] * 6, BOB, None, "si_x", ""]),
    st.sampled_from([*[OWN_HOSTS[0]] * 20, OWN_HOSTS[1], "evil.example", None]),
)


REQUESTS = st.one_of(WILD, WILD, PLAUSIBLE)


async def send(api: Api, request: Request) -> Answer | None:
    """Send it; None where an injected fault cut the client off."""
    try:
        return await api.send(
            request.target[0],
            f"{request.path}?{request.query}",
            body=request.body,
            headers=request.headers,
            media=request.media,
            token=request.token,
            host=request.host,
        )
    except InjectedDisconnect:
        return None


def check_shape(path: str, answer: Answer) -> None:
    """Every answer is a success or a refusal in the envelope of where it was asked, or else it was injected."""
    assert answer.header("x-request-id")
    assert answer.header("x-sim-now")
    if answer.header("x-sim-fault") is not None:
        return
    assert 200 <= answer.status < 500, answer.body
    if answer.status < 400 or not answer.body:
        return
    assert answer.status in (400, 401, 402, 403, 404, 405, 409, 413, 415, 422)
    shown: dict[str, Any] = answer.json()
    if path.startswith("/_sim/") or path in ("/_sim", "/metrics"):
        findings = ("matched", "seqs", "dropped", "in_flight", "nearest")
        more = findings if shown["code"] in ("not_held", "still_in_flight") else ()
        answer.problem(answer.status, shown["code"], shown["param"], more=more)
    else:
        answer.refused(answer.status, shown["error"]["code"], shown["error"]["param"])
        assert ("amount_needed" in shown["error"]) == (answer.status == 402)
    assert (answer.header("allow") is not None) == (answer.status == 405)
    assert (answer.header("www-authenticate") is not None) == (answer.status == 401)


def check_secrets(request: Request, answer: Answer, tokens: set[str]) -> None:
    """No token that a server knows is in an answer, unless it belongs there or the request named it outside of its
    Authorization header."""
    belongs = request.path.startswith(TOKENS_BELONG) or (request.path in DOCUMENTS and request.host in OWN_HOSTS)
    if belongs or "%" in request.path:
        return
    named = f"{unquote(request.path)}?{request.query} {unquote(request.query)}".encode() + (request.body or b"")
    named += repr([header for header in request.headers if header[0] != "authorization"]).encode()
    told = answer.body + repr(answer.headers).encode()
    if request.path.startswith(SHOWN_NEVER) and answer.status == 200:
        named = b""
    for token in tokens:
        assert token.encode() not in told or token.encode() in named, (token, request)
