"""One server, spoken to over HTTP and in no other way: what is sent is traced, what comes back is an Answer."""

import json
import time
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Self

import httpx

from .instants import parse_instant
from .request_trace import RequestTrace

ANONYMOUS = ""
ADMIN_HEADER = "x-sim-admin"
ALWAYS_SENT = (("accept", "*/*"), ("accept-encoding", "gzip, deflate"), ("user-agent", "gpu-sim-verify"))
CONTROL_PLANE = "/_sim/"
LIVE_WAITS = 3
"""How often a live service is waited for that says 429."""
TIMEOUT = {"timeout": httpx.Timeout(30).as_dict()}
"""Seconds for each part of an exchange, as transports read them."""
WAIT_SECONDS_MAX = 60
"""No longer is waited before a request is sent again."""

Pairs = Sequence[tuple[str, str]]


class NotApplicable(Exception):
    """A clause that this target cannot show; the text says what it lacks. Neither held nor failed."""


class Unanswered(AssertionError):
    """A request got no answer that could be read: what it was to show does not hold, if the server still lives."""


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """One answer, with what it answers."""

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
        """The inside of the error envelope (A12)."""
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


@dataclass(eq=False, repr=False)
class Server:
    """A server and the token of one account of it. `transport` speaks to an application in process instead."""

    base_url: str
    token: str
    trace: RequestTrace = field(default_factory=RequestTrace, kw_only=True)
    transport: httpx.BaseTransport = field(default_factory=lambda: httpx.HTTPTransport(trust_env=False), kw_only=True)
    admin_token: str | None = field(default=None, kw_only=True)
    """What the control plane asks for off loopback; sent there and nowhere else."""
    is_live: bool = field(default=False, kw_only=True)
    """Whether it may be a real service: its control plane is left alone, whatever it has, and what it refuses for
    coming too soon is sent again."""

    def __post_init__(self) -> None:
        self.base_url = self.base_url.rstrip("/")
        self._base_path = httpx.URL(self.base_url).path.rstrip("/")

    def close(self) -> None:
        """Close the connections."""
        self.transport.close()

    def acting_as(self, token: str) -> Self:
        """The same server for another account; both share the connections."""
        other = copy(self)
        other.token = token
        return other

    def why_unfit(self) -> str | None:
        """Why nothing can be said of this server at all: it does not answer, or does not know the token."""
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
        """One request, with the target's own token unless given; `body` goes out as JSON, `content` as is. Raises
        Unanswered."""
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
        """The answer; after a 429, which did nothing, the wait that it asks for, if the target is to be waited for."""
        reply = self._sent(request)
        for _ in range(LIVE_WAITS if self.is_live else 0):
            if reply.status_code != 429:
                break
            asked = reply.headers.get("retry-after", "")
            time.sleep(min(int(asked) if asked.isdigit() else 1, WAIT_SECONDS_MAX))
            reply = self._sent(request)
        return reply

    def _sent(self, request: httpx.Request) -> httpx.Response:
        """The whole answer, as it is: no redirect is followed, no cookie kept."""
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
