"""Cross-origin requests (CORS): web pages of the origins that a server is told of may use the API, and nothing else.

The control plane stays closed to them: it neither answers their preflights nor lets them read an answer.
"""

import re
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .auth import header_values
from .exchange import is_control_path
from .transport import keep_alive_headers

ANY = "*"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_METHODS = b"GET, HEAD, POST, DELETE"
_HEADERS = b"authorization, content-type, idempotency-key, x-request-id, x-sim"
_EXPOSED = (
    b"date, idempotent-replayed, retry-after, www-authenticate, x-request-id, x-should-retry, x-sim-fault, x-sim-now"
)
_VARIES = (b"vary", b"origin")
_PREFLIGHT_SECONDS = 600
"""For so long a browser may remember the answer to a preflight: a server in development is soon another."""

_is_host = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+").fullmatch
_are_header_names = re.compile(rb"[A-Za-z0-9_-]+([ ]*,[ ]*[A-Za-z0-9_-]+)*").fullmatch


def parse_origin(text: str) -> str:
    """An origin as browsers write it, or `*`. Raises ValueError, which names the origin that is nearest."""
    if text == ANY:
        return text
    if text == "null":
        raise ValueError("a page from a file has no origin of its own: only * lets it in")
    scheme, separator, rest = text.partition("://")
    if not separator:
        raise ValueError(f'"{text}" is no origin: a scheme is missing, as in "http://{text}"')
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f'"{text}" is no origin: {error}') from None
    if scheme.lower() not in _DEFAULT_PORTS or not host or not _is_host(host):
        raise ValueError(f'"{text}" is no origin: that is http:// or https://, one host and perhaps a port')
    host = f"[{host}]" if ":" in host else host
    origin = f"{parts.scheme}://{host}" + ("" if port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{port}")
    if rest.lower() != parts.netloc.lower() or "@" in rest:
        raise ValueError(f'"{text}" is more than an origin: that is "{origin}"')
    return origin


def with_cors(app: ASGIApp, origins: tuple[str, ...]) -> ASGIApp:
    """The application for pages of these origins too; without any, the application itself."""
    return _CrossOrigin(app, origins) if origins else app


class _CrossOrigin:
    """Answers preflights, and lets pages of some origins read the answers of all but the control plane."""

    def __init__(self, app: ASGIApp, origins: tuple[str, ...]) -> None:
        self._app = app
        self._allows_any = ANY in origins
        self._origins = {origin.encode() for origin in origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_control_path(scope["path"]):
            await self._app(scope, receive, send)
            return
        allowed = self._allowed(scope)
        headers = [] if self._allows_any else [_VARIES]  # said also where nobody is let in
        if allowed is not None:
            headers.append((b"access-control-allow-origin", allowed))
            if scope["method"] == "OPTIONS" and header_values(scope, b"access-control-request-method"):
                await _answer_preflight(scope, send, headers)
                return
            headers.append((b"access-control-expose-headers", _EXPOSED))

        async def send_with(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *headers]}
            await send(message)

        await self._app(scope, receive, send_with)

    def _allowed(self, scope: Scope) -> bytes | None:
        """The origins that may read the answer to a request: its own, or all; None where its own may not."""
        given = header_values(scope, b"origin")
        if self._allows_any:
            return ANY.encode() if given else None
        return given[0] if len(given) == 1 and given[0] in self._origins else None


async def _answer_preflight(scope: Scope, send: Send, headers: list[tuple[bytes, bytes]]) -> None:
    """Answer a browser that asks whether a page may make a request. It sends no token with that (Fetch, 4.8)."""
    asked = header_values(scope, b"access-control-request-headers")
    names = asked[0] if len(asked) == 1 and _are_header_names(asked[0]) else _HEADERS
    headers += [
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-allow-headers", names),
        (b"access-control-max-age", b"%d" % _PREFLIGHT_SECONDS),
        (b"vary", b"access-control-request-headers"),
        *keep_alive_headers(scope),
    ]
    if header_values(scope, b"access-control-request-private-network") == [b"true"]:
        headers.append((b"access-control-allow-private-network", b"true"))
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
