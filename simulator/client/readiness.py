"""Waiting for a server to serve, for scripts."""

import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from urllib.parse import urlsplit

from ..pacing import wall_ns

_is_visible = re.compile(r"[!-~]+").fullmatch

_NS_PER_SECOND = 1_000_000_000
FIRST_PAUSE_SECONDS = 0.05
PAUSE_SECONDS_MAX = 1.0
ANSWER_SECONDS_MAX = 5.0


class UrlImpossible(Exception):  # named as the refusals are: by what it says
    """No server can be at such a URL."""


def await_ready(
    url: str, timeout_ms: int, *, admin_token: str | None = None, pause: Callable[[float], None] = time.sleep
) -> str | None:
    """Ask the server at `url` whether it is ready until it is, in ever longer pauses; at least once.

    Answers None when it is, or after `timeout_ms` of wall time why it was not the last time. Raises UrlImpossible.
    """
    request = urllib.request.Request(_ready_url(url), headers={"x-sim-admin": admin_token} if admin_token else {})  # noqa: S310  # http or https, as `_ready_url` has checked
    until_ns = wall_ns() + timeout_ms * 1_000_000
    seconds = FIRST_PAUSE_SECONDS
    while True:
        left = (until_ns - wall_ns()) / _NS_PER_SECOND
        reason = _ask(request, min(ANSWER_SECONDS_MAX, max(left, FIRST_PAUSE_SECONDS)))
        left = (until_ns - wall_ns()) / _NS_PER_SECOND
        if reason is None or left <= 0:
            return reason
        pause(min(seconds, left))
        seconds = min(2 * seconds, PAUSE_SECONDS_MAX)


def _ready_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        if not _is_visible(url) or parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            raise ValueError("http://HOST[:PORT] is needed")
        if parts.path.strip("/") or parts.query or parts.fragment or parts.username is not None:
            raise ValueError("only http://HOST[:PORT] is needed")
    except ValueError as error:
        raise UrlImpossible(f"{url!r} is no server's URL: {error}") from None
    return f"{parts.scheme}://{parts.netloc}/_sim/ready"


def _ask(request: urllib.request.Request, seconds: float) -> str | None:
    """None for a 200, else what came instead."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=seconds):
            return None
    except urllib.error.HTTPError as error:
        with error:
            return f"it answers {error.code}"
    except urllib.error.URLError as error:
        return str(error.reason)
    except (OSError, HTTPException, ValueError) as error:
        return str(error) or type(error).__name__
