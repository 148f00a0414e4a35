"""A parameter that names the virtual time from which a list begins."""

from typing import Any

from ...core.kernel.quantities import Duration, Instant
from ...notation import DURATION_PATTERN, INSTANT_PATTERN, parse_duration, parse_instant


class Since:
    """A virtual time: an instant, or so long before now."""

    __slots__ = ("_given",)

    def __init__(self, given: Instant | Duration) -> None:
        self._given = given

    def in_ms(self, *, now_ms: int, start_epoch_ms: int) -> int:
        """This time in virtual ms since the start; below 0 where it is before that."""
        return now_ms - self._given if isinstance(self._given, Duration) else self._given - start_epoch_ms


SINCE_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "pattern": f"^{INSTANT_PATTERN}$", "description": "an instant such as 2026-01-01T00:00:00Z"},
        {"type": "string", "pattern": f"^{DURATION_PATTERN}$", "description": "so long ago, such as 15m"},
    ]
}
"""The JSON Schema of a `Since` as it is written in a query."""


def parse_since(text: str) -> Since:
    """Read an instant or a duration. Raises ValueError."""
    # The + of a zone comes as a space where it was not escaped.
    for parse in (parse_instant, parse_duration):
        try:
            return Since(parse(text.replace(" ", "+")))
        except ValueError:
            continue
    raise ValueError(
        f'expected an instant such as 2026-01-01T00:00:00Z, or so long ago, such as 15m, got "{text[:40]}"'
    )
