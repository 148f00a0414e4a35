"""A running server's control plane, as the command line calls it."""

import json
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException
from typing import Literal

from msgspec import Struct

SECONDS_MAX = 60.0

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy does not know this machine's servers


class Unreachable(Exception):  # named as the refusals are: by what it says
    """The server could not be asked, for the reason that the message gives."""


class RemoteRefused(Exception):  # likewise
    """The server turned the call down; the message says why."""


class Remote(Struct, frozen=True):
    """A server, and which of its worlds is meant: that of the token, or the one named, or the only one."""

    url: str
    token: str | None = None
    world: str | None = None
    admin_token: str | None = None

    def call(self, method: Literal["GET", "PUT", "POST"], path: str, body: bytes | None = None) -> bytes:
        """The body of the answer. Raises Unreachable, or RemoteRefused for anything but a success."""
        scheme = urllib.parse.urlsplit(self.url).scheme
        if scheme not in ("http", "https"):
            raise Unreachable(f"{self.url} is no http address")
        query = "" if self.world is None else f"?{urllib.parse.urlencode({'world': self.world})}"
        request = urllib.request.Request(  # noqa: S310  # the scheme is one of the two above
            self.url.rstrip("/") + path + query, body, self._headers(), method=method
        )
        try:
            with _direct.open(request, timeout=SECONDS_MAX) as answer:
                content: bytes = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                raise RemoteRefused(_explained(error.code, error.read())) from None
        except (OSError, ValueError, HTTPException) as error:
            raise Unreachable(f"{self.url} cannot be asked: {getattr(error, 'reason', error)}") from None
        return content

    def _headers(self) -> dict[str, str]:
        headers = {"content-type": "application/json"}
        if self.token is not None:
            headers["authorization"] = f"Bearer {self.token}"
        if self.admin_token is not None:
            headers["x-sim-admin"] = self.admin_token
        return headers


def _explained(status: int, body: bytes) -> str:
    """What a refusal says, in its own words where it has some."""
    try:
        detail = json.loads(body)["detail"]
    except (ValueError, KeyError, TypeError):
        return f"the server answered {status}"
    return f"the server answered {status}: {detail}"
