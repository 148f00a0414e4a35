"""One server, spoken to over HTTP and in no other way: each request is traced, each reply becomes an Answer."""

import json
import ssl
import time
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Self

import httpx

from .exit_signals import ExitSignals, UnheardSignals
from .instants import parse_instant
from .request_trace import RequestTrace

ANONYMOUS = ""
ADMIN_HEADER = "x-sim-admin"
ALWAYS_SENT = (("accept", "*/*"), ("accept-encoding", "gzip, deflate"), ("user-agent", "gpu-sim-verify"))
CONTROL_PLANE = "/_sim/"
LIVE_WAITS = 3
"""The number of times that a request to a live service is sent again after a 429."""
TIMEOUT = {"timeout": httpx.Timeout(30).as_dict()}
"""The timeout in seconds of each part of an exchange, in the form that transports read."""
WAIT_SECONDS_MAX = 60
"""The longest wait before a request is sent again."""

Pairs = Sequence[tuple[str, str]]


class NotApplicable(Exception):
    """Raised where the target cannot show a clause, which then neither held nor failed. The text says what it lacks."""


class Unanswered(AssertionError):
    """Raised where a request got no readable answer. The clause has failed, if the server still lives."""


class LeftBehind(AssertionError):
    """Raised where what the suite made on the server could not be ended or deleted."""


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """One answer, with the method and path that it answers."""

    method: str
    path: str
    status: int
    headers: httpx.Headers
    content: bytes

    @property
    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.content)

    @property
    def error(self) -> dict[str, Any]:
        """The error inside the envelope (A12)."""
        body = self.json
        assert isinstance(body, dict), f"A12: no envelope: {self}"
        assert isinstance(body.get("error"), dict), f"A12: no envelope: {self}"
        return dict(body["error"])

    @property
    def sim_now(self) -> int:
        """The virtual time of the answer in milliseconds since 1970 (A23)."""
        return parse_instant(self.headers["x-sim-now"])

    def __repr__(self) -> str:
        return f"{self.method} {self.path} -> {self.status} {self.content[:500]!r}"


@cache
def _authorities() -> ssl.SSLContext:
    """The certificates of the authorities, which take far longer to load than most requests take."""
    return httpx.create_ssl_context(trust_env=False)


def _transport() -> httpx.BaseTransport:
    return httpx.HTTPTransport(_authorities(), trust_env=False)


@dataclass(eq=False, repr=False)
class Server:
    """A server and the token of one of its accounts. Another `transport` can speak to an application in process."""

    base_url: str
    token: str
    trace: RequestTrace = field(default_factory=RequestTrace, kw_only=True)
    transport: httpx.BaseTransport = field(default_factory=_transport, kw_only=True)
    admin_token: str | None = field(default=None, kw_only=True)
    """The secret that the control plane asks for off loopback. It is sent there and nowhere else."""
    is_live: bool = field(default=False, kw_only=True)
    """True if it may be a real service: a control plane is left alone even where there is one, and a request is sent
    again after a 429."""
    signals: ExitSignals = field(default_factory=UnheardSignals, kw_only=True)
    """A request that is sent after a signal ends the run, in case the signal's own exception was lost."""
    worlds_made: set[str] = field(default_factory=set, kw_only=True)
    """The names of worlds that the suite may have made here and has not tried to delete yet."""

    def __post_init__(self) -> None:
        self.base_url = self.base_url.rstrip("/")
        self._base_path = httpx.URL(self.base_url).path.rstrip("/")

    def close(self) -> None:
        """Close the connections."""
        self.transport.close()

    def acting_as(self, token: str) -> Self:
        """The same server with another token, over the same connections."""
        other = copy(self)
        other.token = token
        return other

    def why_unfit(self) -> str | None:
        """The reason why this server cannot be tried at all: it does not answer, or does not know the token. Otherwise
        None."""
        try:
            status = self.exchange("GET", "/v1/gpu/offers").status
        except Unanswered as error:
            return f"{self.base_url} does not answer: {error}"
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            return f"{self.base_url} is no address: {error}"
        return f"{self.base_url} does not know the token" if status == 401 else None

    def exchange(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        query: Pairs = (),
        headers: Iterable[tuple[str, str]] = (),
        body: object = None,
        content: bytes | None = None,
    ) -> Answer:
        """Send one request, with the server's own token unless another is given, and `body` as JSON or `content` as it
        is. Raises Unanswered."""
        self.signals.check()
        sent = [*self._authorization(token, path), *headers]
        if body is not None:
            content = json.dumps(body).encode()
            sent.append(("content-type", "application/json"))
        url = httpx.URL(self.base_url + path, params=[*query]) if query else httpx.URL(self.base_url + path)
        request = httpx.Request(method, url, headers=[*ALWAYS_SENT, *sent], content=content, extensions=TIMEOUT)
        sent_path = url.raw_path.decode().removeprefix(self._base_path)
        traced = self.trace.add(method, sent_path, sent, content)
        try:
            reply = self._answer_after_waits(request)
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise Unanswered(f"no answer to {method} {sent_path}: {type(error).__name__} {error}") from None
        traced.status = reply.status_code
        return Answer(method, sent_path, reply.status_code, reply.headers, reply.content)

    def _answer_after_waits(self, request: httpx.Request) -> httpx.Response:
        """Send a request. A live service that answers 429 has done nothing, so the request is sent again after the wait
        that it asks for."""
        reply = self._sent(request)
        for _ in range(LIVE_WAITS if self.is_live else 0):
            if reply.status_code != 429:
                break
            asked = reply.headers.get("retry-after", "")
            time.sleep(min(int(asked) if asked.isdigit() else 1, WAIT_SECONDS_MAX))
            reply = self._sent(request)
        return reply

    def _sent(self, request: httpx.Request) -> httpx.Response:
        """Send a request and read the whole reply. The transport itself sends it, so no redirect is followed and no
        cookie kept."""
        reply = self.transport.handle_request(request)
        try:
            reply.read()
        finally:
            reply.close()
        return reply

    def _authorization(self, token: str | None, path: str) -> list[tuple[str, str]]:
        chosen = self.token if token is None else token
        sent = [("authorization", f"Bearer {chosen}")] if chosen else []
        if self.admin_token is not None and path.startswith(CONTROL_PLANE):
            sent.append((ADMIN_HEADER, self.admin_token))
        return sent
