"""Waiting for a server to serve, for scripts."""

import time
from collections.abc import Callable
from contextlib import closing
from urllib.parse import urlsplit

from ..wall_clock import wall_ns
from .connection import ControlConnection, ServerRefused, ServerUnreachable, UrlImpossible
from .control_client import ControlClient

_NS_PER_SECOND = 1_000_000_000
FIRST_PAUSE_SECONDS = 0.05
PAUSE_SECONDS_MAX = 1.0
ANSWER_SECONDS_MAX = 5.0


def await_ready(
    url: str, timeout_ms: int, *, admin_token: str | None = None, pause: Callable[[float], None] = time.sleep
) -> str | None:
    """Ask the server at `url` whether it is ready until it is, in ever longer pauses; at least once.

    Answers None when it is, or after `timeout_ms` of wall time why it was not the last time. Raises UrlImpossible.
    """
    until_ns = wall_ns() + timeout_ms * 1_000_000
    seconds = FIRST_PAUSE_SECONDS
    while True:
        left = (until_ns - wall_ns()) / _NS_PER_SECOND
        reason = _why_not_ready(url, admin_token, min(ANSWER_SECONDS_MAX, max(left, FIRST_PAUSE_SECONDS)))
        left = (until_ns - wall_ns()) / _NS_PER_SECOND
        if reason is None or left <= 0:
            return reason
        pause(min(seconds, left))
        seconds = min(2 * seconds, PAUSE_SECONDS_MAX)


def _why_not_ready(url: str, admin_token: str | None, seconds: float) -> str | None:
    """None where the server is ready, else what came instead. Raises UrlImpossible."""
    connection = ControlConnection(url, admin_token=admin_token, seconds_max=seconds)
    if urlsplit(url).path.strip("/"):  # such as the API's /v1: it would wait in vain
        raise UrlImpossible(f"{url!r} is more than a server's address: http://HOST[:PORT] is needed")
    with closing(connection):
        try:
            ControlClient(connection).call("GET", "ready")
        except ServerRefused as refused:
            return f"it answers {refused.status}"
        except ServerUnreachable as unreachable:
            return unreachable.reason
    return None
