"""Spans, instants and money as tests give them, written as the control plane reads them.

Text goes through as it is, for the server to judge. Of everything else the message of the TypeError or ValueError
names the argument.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from ..notation import format_duration

Several = str | Sequence[str] | None
"""One value of a filter, or several; None for no filter."""
Time = str | datetime | timedelta | None
"""A virtual time, as an instant or as so long before now; None for no filter."""


def span(name: str, given: object, *, never: str = "the clock never goes back") -> str | None:
    """A duration as text, from text such as `15m` or from a timedelta of whole milliseconds that is not negative;
    `never` says why not."""
    if given is None or isinstance(given, str):
        return given
    if not isinstance(given, timedelta):
        raise TypeError(f'{name}: expected a duration such as "15m" or a timedelta, got {given!r}')
    if given < timedelta(0):
        raise ValueError(f"{name}: {never}, got {given!r}")
    if given % timedelta(milliseconds=1):
        raise ValueError(f"{name}: whole milliseconds, got {given!r}")
    return format_duration(given // timedelta(milliseconds=1))


def instant(name: str, given: object) -> str | None:
    """A point in time, from text in RFC 3339 or from a datetime with a time zone."""
    if given is None or isinstance(given, str):
        return given
    if not isinstance(given, datetime):
        raise TypeError(f'{name}: expected an instant such as "2026-01-01T12:00:00Z" or a datetime, got {given!r}')
    if given.tzinfo is None:
        raise ValueError(f"{name}: a datetime needs a time zone, got {given!r}")
    return given.isoformat()


def dollars(name: str, given: object) -> str:
    """An amount in US dollars, from text such as `25.00`, a Decimal or a whole number."""
    if isinstance(given, str):
        return given
    if isinstance(given, bool) or not isinstance(given, int | Decimal):
        raise TypeError(f'{name}: expected dollars such as "25.00", a Decimal or a whole number, got {given!r}')
    return f"{given:f}" if isinstance(given, Decimal) else str(given)


def list_query(**given: object) -> dict[str, str]:
    """The query of a list: text as it is, several values as one text, and `since` as an instant or a duration. A filter
    that is None is left out."""
    written = {name: _filter(name, value) for name, value in given.items() if value is not None}
    return {name: text for name, text in written.items() if text is not None}


def _filter(name: str, given: object) -> str | None:
    if isinstance(given, str):
        return given
    if name == "since":
        return span(name, given) if isinstance(given, timedelta) else instant(name, given)
    if isinstance(given, Sequence) and given and all(isinstance(value, str) for value in given):
        return ",".join(given)
    raise TypeError(f"{name}: expected text or several texts, got {given!r}")
