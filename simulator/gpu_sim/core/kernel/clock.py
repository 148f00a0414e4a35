"""Virtual time: whole milliseconds since the scenario's start, and its calendar form."""

from datetime import UTC, datetime, timedelta

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
YEAR_MS = 365 * DAY_MS

DEFAULT_START = datetime(2026, 1, 1, tzinfo=UTC)
"""Where a manual clock starts unless the scenario says otherwise."""

CALENDAR_END = datetime(9999, 1, 1, tzinfo=UTC)
"""Where every clock stops: later instants have no calendar form."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_WITHOUT_ZONE = _EPOCH.replace(tzinfo=None)
_MILLISECOND = timedelta(milliseconds=1)


def epoch_ms(instant: datetime) -> int:
    """Milliseconds from 1970 to an instant with a time zone, exactly; parts of a millisecond are cut off."""
    return (instant - _EPOCH) // _MILLISECOND


def format_instant(epoch_ms_: int) -> str:
    """RFC 3339 in UTC with milliseconds (A23): 1767225600000 -> "2026-01-01T00:00:00.000Z"."""
    # Without a zone nobody is asked for its offset; each time CPython asked, its method cache kept a new string.
    return (_EPOCH_WITHOUT_ZONE + timedelta(milliseconds=epoch_ms_)).isoformat(timespec="milliseconds") + "Z"


def ceil_seconds(span_ms: int) -> int:
    """A span in whole seconds, rounded up (A7)."""
    return -(-span_ms // SECOND_MS)


class Calendar:
    """The instants of a simulation that starts so many ms after 1970. Most that are asked for lie in one second."""

    __slots__ = ("_latest", "_latest_ms", "_prefix", "_second", "_start_epoch_ms")

    def __init__(self, start_epoch_ms: int) -> None:
        self._start_epoch_ms = start_epoch_ms
        self._second = -1
        self._prefix = ""
        self._latest_ms = -1
        self._latest = ""

    def instant(self, at_ms: int) -> str:
        """RFC 3339 (A23) of a time in ms since the start."""
        if at_ms != self._latest_ms:
            self._latest_ms = at_ms
            self._latest = self._written(at_ms)
        return self._latest

    def _written(self, at_ms: int) -> str:
        second, millisecond = divmod(self._start_epoch_ms + at_ms, SECOND_MS)
        if second != self._second:
            self._second = second
            self._prefix = format_instant(second * SECOND_MS)[:-4]
        return f"{self._prefix}{millisecond:03d}Z"
