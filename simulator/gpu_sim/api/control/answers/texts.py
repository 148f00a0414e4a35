"""Texts in answers: instants and amounts, as JSON carries them."""

from typing import Annotated

from msgspec import Meta

_INSTANT = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"

InstantText = Annotated[
    str,
    Meta(
        pattern=_INSTANT,
        description="RFC 3339 in UTC with milliseconds, virtual",
        examples=["2026-01-01T00:00:00.000Z"],
    ),
]
"""A virtual instant as RFC 3339 in UTC with milliseconds (A23)."""

WallInstantText = Annotated[
    str,
    Meta(
        pattern=_INSTANT,
        description="RFC 3339 in UTC with milliseconds, wall time",
        examples=["2026-01-01T00:00:00.000Z"],
    ),
]
"""An instant on the wall as RFC 3339 in UTC with milliseconds."""

AmountText = Annotated[
    str,
    Meta(pattern=r"^-?\d+\.\d{6}$", description="US dollars with six decimals", examples=["0.071750"]),
]
"""An amount in US dollars with six decimals (A18)."""

PriceText = Annotated[
    str,
    Meta(pattern=r"^\d+\.\d{3}$", description="US dollars per GPU and hour", examples=["0.287"]),
]
"""A price in US dollars per GPU and hour with three decimals (A7)."""
