"""Access: bearer tokens on the API (F2), hosts, origins and the admin token on the control plane."""

import re
from hmac import compare_digest
from urllib.parse import urlsplit

from msgspec import Struct
from starlette.types import Scope

from ..worlds.tokens import Keyring, Place
from .exchange import METRICS_PATH
from .problems import ControlRefused, InvalidToken

_is_loopback = re.compile(r"localhost|127(\.\d{1,3}){3}|\[?::1\]?", re.IGNORECASE | re.ASCII).fullmatch

_ADMIN_HEADER = b"x-sim-admin"
_METRICS_PATHS = (METRICS_PATH, "/_sim/metrics")
_PROBE_PATHS = ("/_sim/health", "/_sim/ready")


class ControlAccess(Struct, frozen=True):
    """Access to the control plane: on loopback with a known host, or from anywhere with the admin token."""

    on_loopback: bool = True
    allowed_hosts: tuple[str, ...] = ()
    admin_token: str | None = None

    @property
    def is_open(self) -> bool:
        """False where nobody may use it."""
        return self.on_loopback or bool(self.admin_token)

    def is_admin_token(self, given: bytes) -> bool:
        """True for the admin token, in a time that does not depend on how far the two agree."""
        token = (self.admin_token or "").encode()
        return token != b"" and compare_digest(given, token)


def header_values(scope: Scope, name: bytes) -> list[bytes]:
    """All values of a header."""
    return [value for key, value in scope["headers"] if key == name]


def bearer_token(scope: Scope) -> str | None:
    """The token of the Authorization header, or None where there is no such header. Raises InvalidToken."""
    values = header_values(scope, b"authorization")
    if not values:
        return None
    scheme, _, token = values[0].partition(b" ")
    if len(values) > 1 or scheme.lower() != b"bearer" or not token.strip():
        raise InvalidToken("one Authorization header of the form `Bearer si_...` is needed")
    return token.strip().decode("latin-1")


def authenticate(scope: Scope, keyring: Keyring) -> Place:
    """The place that the request's token leads to. Raises InvalidToken (F2)."""
    token = bearer_token(scope)
    if token is None:
        raise InvalidToken("a token is needed: Authorization: Bearer si_...")
    place = keyring.place(token)
    if place is None:
        raise unknown_token()
    return place


def unknown_token() -> InvalidToken:
    """The refusal of a token that leads nowhere."""
    return InvalidToken("no account has this token")


def guard_control(scope: Scope, access: ControlAccess) -> None:
    """Raises ControlRefused unless the request may use the control plane: a web page must not drive it."""
    given = header_values(scope, _ADMIN_HEADER)
    if (len(given) == 1 and access.is_admin_token(given[0])) or bears_admin_token(scope, access):
        return
    if not access.on_loopback:
        also = ", or as a bearer token" if scope["path"] in _METRICS_PATHS else ""
        raise ControlRefused(f"off loopback the control plane needs --admin-token, sent as x-sim-admin{also}")
    hosts = header_values(scope, b"host")
    if not hosts or not all(_is_allowed(host.decode("latin-1"), access) for host in hosts):
        raise ControlRefused("the Host is neither loopback nor an --allow-host", param="host")
    origins = header_values(scope, b"origin")
    for origin in origins:
        # A page of another loopback port is foreign too: it could send what a browser does not ask about before.
        its_host = _host_of(origin.decode("latin-1")).lower()
        if any(host.decode("latin-1").lower() != its_host for host in hosts) and not _is_named(its_host, access):
            raise ControlRefused("the Origin is neither that of this server nor an --allow-host", param="origin")
    # Browsers leave the Origin out of what they take for harmless.
    if not origins and b"cross-site" in header_values(scope, b"sec-fetch-site"):
        raise ControlRefused("the request comes from a page of another site", param="sec-fetch-site")


def bears_admin_token(scope: Scope, access: ControlAccess) -> bool:
    """True for a request for metrics with the admin token as its bearer token: scrapers send no header of one's own."""
    given = header_values(scope, b"authorization")
    if scope["path"] not in _METRICS_PATHS or len(given) != 1:
        return False
    scheme, _, token = given[0].partition(b" ")
    return scheme.lower() == b"bearer" and access.is_admin_token(token.strip())


def is_open_probe(scope: Scope, access: ControlAccess) -> bool:
    """True for a request that asks no more than whether a server off loopback is alive, or ready, without a token.

    It has neither a query nor an admin token, whose answer says more, or that it is wrong.
    """
    return (
        not access.on_loopback
        and scope["path"] in _PROBE_PATHS
        and scope["method"] in ("GET", "HEAD")
        and not scope["query_string"]
        and not header_values(scope, _ADMIN_HEADER)
    )


def is_loopback(host: str) -> bool:
    """True where a host name or address means this machine only."""
    return _is_loopback(host) is not None


def _is_allowed(host_and_port: str, access: ControlAccess) -> bool:
    return is_loopback(_without_port(host_and_port)) or _is_named(host_and_port, access)


def _is_named(host_and_port: str, access: ControlAccess) -> bool:
    return _without_port(host_and_port) in map(_without_port, access.allowed_hosts)


def _without_port(host_and_port: str) -> str:
    return host_and_port.lower() if host_and_port.endswith("]") else re.sub(r":\d*$", "", host_and_port.lower())


def _host_of(origin: str) -> str:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return ""
    return parts.netloc if parts.scheme in ("http", "https") else ""
