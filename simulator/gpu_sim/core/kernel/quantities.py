"""Quantities of a scenario, each a type of its own: an int whose unit is its class.

A scenario file writes them as text (`15m`, `"25.00"`, `5%`); the loader turns that into these, the core
and the journal know only the integers. Below are the bounds of a snapshot's numbers, whatever they count: msgspec
checks them as it decodes.
"""

from typing import Annotated

from msgspec import Meta

from .clock import YEAR_MS


class Duration(int):
    """A span of time in milliseconds, ≥ 0."""

    __slots__ = ()


class RetryAfter(int):
    """The span of a Retry-After header in milliseconds, ≥ 0; NO_RETRY_AFTER stands for no such header."""

    __slots__ = ()


NO_RETRY_AFTER = RetryAfter(-1)


class RecordingBegin(int):
    """The place in a recording at which it begins, in milliseconds, ≥ 0; DRAWN_BEGIN stands for one that the seed
    draws."""

    __slots__ = ()


DRAWN_BEGIN = RecordingBegin(-1)


class Instant(int):
    """A point in calendar time, in milliseconds since 1970, UTC."""

    __slots__ = ()


class Money(int):
    """An amount in micro-dollars, ≥ 0."""

    __slots__ = ()


class Price(int):
    """A price per GPU and hour in micro-dollars, a multiple of 1,000 and > 0 (A7)."""

    __slots__ = ()


class Share(int):
    """A probability or share in parts per million, 0 to 1,000,000."""

    __slots__ = ()


class Factor(int):
    """A factor in parts per million, ≥ 0: 3 is 3,000,000."""

    __slots__ = ()


class Size(int):
    """The size of an image or of weights, in megabytes, ≥ 0; 9 GB are 9,000."""

    __slots__ = ()


class Availability(int):
    """The share of the time that an offer can be had, in parts per million, above 0; 1,000,000 is always."""

    __slots__ = ()


class Bound(int):
    """A number that something measured is compared with, in millionths; it may be negative."""

    __slots__ = ()


NOW_MS_MAX = 10_000 * YEAR_MS
"""A clock is at most so far from its start: about the length of the calendar."""

Natural = Annotated[int, Meta(ge=0, le=1 << 62)]
"""A counter, or a time: so far below 2**64 that three times as much is still the number of a draw."""
