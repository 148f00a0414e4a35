"""One connection to a server, kept open, because its user makes many short calls; and how a call can fail."""

import re
import socket
import threading
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import SplitResult, urlencode, urlsplit

import msgspec

SECONDS_MAX = 60.0
"""The server may be silent for so long in a call: an advance may be a long one."""

_is_visible = re.compile(r"[!-~]+").fullmatch


class ServerUnreachable(Exception):  # named as the refusals are: by what it says
    """The server could not be asked, for the reason that the message gives; `reason` is that without the address."""

    def __init__(self, message: str, reason: str | None = None) -> None:
        super().__init__(message)
        self.reason = message if reason is None else reason


class UrlImpossible(ServerUnreachable):  # likewise
    """No server can be at such a URL, or it cannot be sent such a token."""


class ServerRefused(Exception):  # likewise
    """The server turned a call down. The message is the server's; `status` is that of HTTP, `code` names the kind of
    refusal, `param` the field it is about, if it is about one."""

    def __init__(self, status: int, detail: str, code: str | None = None, param: str | None = None) -> None:
        about = f"{param}: " if param is not None and not detail.startswith(param) else ""
        super().__init__(f"the server answered {status}: {about}{detail}")
        self.status = status
        self.detail = detail
        self.code = code
        self.param = param


class _Problem(msgspec.Struct):
    """The problem details of an answer, as far as they are read."""

    detail: str
    code: str | None = None
    param: str | None = None


class ControlConnection:
    """Calls to one server, one at a time, from any thread. No proxy is asked: none knows this machine's servers."""

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        admin_token: str | None = None,
        seconds_max: float = SECONDS_MAX,
    ) -> None:
        """`seconds_max` is how long the server may be silent in a call. Raises UrlImpossible for what is no http
        address, and for a token that cannot be sent; the message has no secret in it. Nothing is asked yet."""
        parts = _split(url)
        self.url = url.rstrip("/")
        self._prefix = parts.path.rstrip("/")
        self._headers = _headers(token, admin_token)
        self._seconds_max = seconds_max
        self._is_plain = parts.scheme == "http"
        kind = HTTPConnection if self._is_plain else HTTPSConnection
        self._connection = kind(parts.hostname or "", parts.port, timeout=seconds_max)
        # Looked up only now: gevent may have replaced it since this module was loaded, and its coroutines would wait
        # for Python's own for ever.
        self._turn = threading.Lock()

    def call(self, method: str, path: str, body: object = None, query: Mapping[str, str] | None = None) -> bytes:
        """The body of the answer. `body` is sent as JSON, and as it is where it is a `msgspec.Raw`. Raises
        ServerUnreachable, or ServerRefused for anything but a success."""
        target = f"{self._prefix}{path}" + (f"?{urlencode(query)}" if query else "")
        content = None if body is None else msgspec.json.encode(body)
        with self._turn:
            try:
                self._forget_dead_connection()
                self._connection.request(method, target, content, self._headers)
                answer = self._connection.getresponse()
                status, received = answer.status, answer.read()
            except TimeoutError:
                self._connection.close()
                silent = f"did not answer within {self._seconds_max:g} s"
                raise ServerUnreachable(f"{self.url} {silent}", f"it {silent}") from None
            except (OSError, HTTPException, UnicodeError) as error:
                self._connection.close()
                reason = str(error) or repr(error)
                raise ServerUnreachable(f"{self.url} cannot be asked: {reason}", reason) from None
        if not 200 <= status < 300:
            raise _refusal(status, received)
        return received

    def close(self) -> None:
        """Hang up; a later call dials again."""
        with self._turn:
            self._connection.close()

    def _forget_dead_connection(self) -> None:
        """A server hangs up on a client that was silent for a while. A call is sent only where it will be read, as
        one that got lost could not be sent again: it may have taken effect."""
        open_socket = self._connection.sock
        if open_socket is None:
            return
        if self._is_plain:
            open_socket.settimeout(0)
            try:
                open_socket.recv(1, socket.MSG_PEEK)
            except BlockingIOError:  # still open, with nothing said
                open_socket.settimeout(self._seconds_max)
                return
            except OSError:
                pass
        self._connection.close()


def _split(url: str) -> SplitResult:
    """The parts of a server's address. Raises UrlImpossible."""
    if "@" in url:
        raise UrlImpossible("the http address has a user name or a password in it: leave them out")
    try:
        parts = urlsplit(url)
        if not _is_visible(url) or parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            raise ValueError("http://HOST[:PORT] is needed")
        if parts.query or parts.fragment:
            raise ValueError("only http://HOST[:PORT] is needed")
    except ValueError as error:
        raise UrlImpossible(f"{url!r} is no http address: {error}") from None
    return parts


def _headers(token: str | None, admin_token: str | None) -> dict[str, str]:
    for name, secret in (("token", token), ("admin token", admin_token)):
        if secret is not None and not (secret.isascii() and secret.isprintable()):
            raise UrlImpossible(f"the {name} has characters that no header may have, such as a line break")
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    if admin_token:
        headers["x-sim-admin"] = admin_token
    return headers


def _refusal(status: int, received: bytes) -> ServerRefused:
    try:
        problem = msgspec.json.decode(received, type=_Problem)
    except msgspec.DecodeError:
        return ServerRefused(status, received[:200].decode(errors="replace") or "nothing more")
    return ServerRefused(status, problem.detail, problem.code, problem.param)
