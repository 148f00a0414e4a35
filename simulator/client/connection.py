"""The line to a server's control plane: one connection, kept open, because a test makes many short calls."""

import socket
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Lock
from urllib.parse import urlencode, urlsplit

import msgspec

SECONDS_MAX = 60.0
"""How long the server may be silent in a call: an advance may be a long one."""


class ServerUnreachable(Exception):  # named as the refusals are: by what it says
    """The server could not be asked, for the reason that the message gives."""


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
    """What is read of an answer's problem details."""

    detail: str
    code: str | None = None
    param: str | None = None


class Line:
    """Calls to one server, one at a time, from any thread."""

    def __init__(self, url: str, *, admin_token: str | None = None, seconds_max: float = SECONDS_MAX) -> None:
        """`seconds_max` is how long the server may be silent in a call. Raises ServerUnreachable for what is no http
        address, and for a token that cannot be sent; the message has no secret in it. Nothing is asked yet."""
        if "@" in url:
            raise ServerUnreachable("the address has a user name or a password in it: leave them out")
        if admin_token is not None and not (admin_token.isascii() and admin_token.isprintable()):
            raise ServerUnreachable("the admin token has characters that no header may have, such as a line break")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise ServerUnreachable(f"{url} is no http address: {error}") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ServerUnreachable(f"{url} is no http address")
        self.url = url.rstrip("/")
        self._prefix = parts.path.rstrip("/")
        self._seconds_max = seconds_max
        self._is_plain = parts.scheme == "http"
        kind = HTTPConnection if self._is_plain else HTTPSConnection
        self._connection = kind(parts.hostname, port, timeout=seconds_max)
        self._headers = {"content-type": "application/json"}
        if admin_token is not None:
            self._headers["x-sim-admin"] = admin_token
        self._turn = Lock()

    def call(self, method: str, path: str, body: object = None, query: Mapping[str, str] | None = None) -> bytes:
        """The body of the answer. Raises ServerUnreachable, or ServerRefused for anything but a success."""
        target = f"{self._prefix}{path}" + (f"?{urlencode(query)}" if query else "")
        content = None if body is None else msgspec.json.encode(body)
        with self._turn:
            try:
                self._forget_dead_connection()
                self._connection.request(method, target, content, self._headers)
                answer = self._connection.getresponse()
                status, told = answer.status, answer.read()
            except TimeoutError:
                self._connection.close()
                raise ServerUnreachable(f"{self.url} did not answer within {self._seconds_max:g} s") from None
            except (OSError, HTTPException) as error:
                self._connection.close()
                raise ServerUnreachable(f"{self.url} cannot be asked: {str(error) or repr(error)}") from None
        if not 200 <= status < 300:
            raise _refusal(status, told)
        return told

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


def _refusal(status: int, told: bytes) -> ServerRefused:
    try:
        problem = msgspec.json.decode(told, type=_Problem)
    except msgspec.DecodeError:
        return ServerRefused(status, told[:200].decode(errors="replace") or "nothing more")
    return ServerRefused(status, problem.detail, problem.code, problem.param)
