"""Instants: integer milliseconds since 1970, and their text in requests and answers (A23)."""

import re
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE


def parse_instant(text: str) -> int:
    """Milliseconds since 1970. Raises AssertionError for any spelling but the contract's own."""
    assert INSTANT.fullmatch(text), f"A23: {text!r} is no RFC 3339 instant in UTC with milliseconds"
    return (datetime.fromisoformat(text) - EPOCH) // MILLISECOND


def format_instant(ms: int) -> str:
    """The text of an instant given in milliseconds since 1970."""
    return (EPOCH + ms * MILLISECOND).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"
