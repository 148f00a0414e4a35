"""Random requests as bytes, many thousand a second: what `tests.support.fuzzing` has, without Hypothesis."""

import json
from random import Random

from ...support.asgi import ALICE, BOB, RENT
from ...support.fuzzing import (
    EFFECTS,
    NAME_LIST,
    ODD_BODY_LIST,
    PLAUSIBLE_LIST,
    RENTAL,
    USEFUL_BODY_LIST,
    WORD_LIST,
    routes,
)

ROUTES = [
    (method, path.partition("{")[0], path.partition("}")[2])
    for method, path in routes()
    if (method, path) != ("POST", "/_sim/server/refuse")
]
"""Each route's method and what comes before and after the parameter in its path. A server that refuses connections, as
it was asked to, would be taken for one that fails."""

_METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]
_PARTS = [
    RENTAL,
    RENTAL,
    "x",
    "alice",
    "rent_x",
    "default",
    "other",
    "r",
    "..",
    "%2F",
    "%00",
    "%2e%2e",
    "%C3%A9",
    "%ff",
    "%",
]
_MEDIA = ["application/json"] * 8 + ["text/plain", "", "application/json; charset=utf-8", "a/b"]
_TOKENS = [ALICE] * 8 + [BOB, "si_x", ""]
_HOSTS = ["127.0.0.1:4780"] * 30 + ["localhost", "evil.example"]
_HEADERS = ["idempotency-key", "x-request-id", "accept", "origin", "x-sim-admin", "last-event-id", "if-none-match"]
_HEADERS += ["content-encoding", "x-forwarded-for", "cookie", "sec-fetch-site", "authorization", "x-sim"]
_VALUES = [
    "k",
    "1",
    "-1",
    "*",
    "text/event-stream",
    "http://localhost",
    "cross-site",
    "Basic Og==",
    "\xe9\xff",
    "a" * 300,
]
_SCALARS = [None, True, False, 0, 1, -1, 2**63, 10**40, 0.5, -0.0, 1e308, "", "x" * 300, [], {}, *WORD_LIST]
_PLAUSIBLE = [
    (method, path, None if body is None else json.dumps(body).encode()) for method, path, body in PLAUSIBLE_LIST
]
_USEFUL = [json.dumps(body).encode() for body in USEFUL_BODY_LIST]
_ODD = [body for body in ODD_BODY_LIST if len(body) < 60_000]  # what is larger closes the connection
_QUERY_VALUES = ["default", "0", "1", "4xx", "rent_gpu", "alice", "H100", "%", "%ff", "0.5", "1000000", "x" * 100]
_QUERY_VALUES += ["asc", "desc", "rental_created,hold_placed", "terminated", "2026-01-01T00:00:00Z", "15m", RENTAL, ","]


def _value(random: Random, depth: int = 0) -> object:
    kind = random.random()
    if depth > 2 or kind < 0.7:
        return random.choice(_SCALARS)
    if kind < 0.8:
        return [_value(random, depth + 1) for _ in range(random.randrange(4))]
    return {random.choice(NAME_LIST): _value(random, depth + 1) for _ in range(random.randrange(4))}


def _body(random: Random) -> bytes:
    kind = random.random()
    if kind < 0.35:
        return random.choice(_USEFUL)
    if kind < 0.5:
        return random.choice(_ODD)
    if kind < 0.55:
        return random.randbytes(random.randrange(60))
    fields = {random.choice(NAME_LIST): _value(random) for _ in range(random.randrange(4))}
    return json.dumps(RENT | fields if random.random() < 0.4 else fields).encode()


def _query(random: Random) -> str:
    if random.random() < 0.6:
        return ""
    pairs = [(random.choice(NAME_LIST), random.choice(_QUERY_VALUES)) for _ in range(random.randrange(1, 4))]
    return "?" + "&".join("=".join(pair) for pair in pairs)


def request_bytes(
    method: str, target: str, body: bytes | None, *, token: str = ALICE, host: str = "127.0.0.1:4780", more: str = ""
) -> bytes:
    """One request; `more` are headers with their line ends."""
    head = f"{method} {target} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n{more}"
    if body is None:
        return f"{head}\r\n".encode("latin-1")
    return f"{head}content-length: {len(body)}\r\n\r\n".encode("latin-1") + body


def random_request(random: Random) -> tuple[str, bytes]:
    """A request, with its method."""
    if random.random() < 0.4:
        method, path, body = random.choice(_PLAUSIBLE)
        media = "" if body is None else "content-type: application/json\r\n"
        return method, request_bytes(method, path, body, more=media)
    method, before, after = random.choice(ROUTES)
    path = before + random.choice(_PARTS) + after if before.endswith("/") else before
    if random.random() < 0.1:
        method = random.choice(_METHODS)
    content = None if random.random() < 0.4 else _body(random)
    more = "" if content is None else f"content-type: {random.choice(_MEDIA)}\r\n"
    while random.random() < 0.2:
        more += f"{random.choice(_HEADERS)}: {random.choice(_VALUES)}\r\n"
    if random.random() < 0.05:
        more += f"x-sim: {random.choice(EFFECTS)}\r\n"
    token, host = random.choice(_TOKENS), random.choice(_HOSTS)
    return method, request_bytes(method, path + _query(random), content, token=token, host=host, more=more)
