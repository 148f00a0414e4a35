"""What the numbers of a snapshot may be, whatever they count: msgspec checks it as it decodes them."""

from typing import Annotated

from msgspec import Meta

from .clock import YEAR_MS

NOW_MS_MAX = 10_000 * YEAR_MS
"""No clock is further from its start."""

Natural = Annotated[int, Meta(ge=0, le=1 << 62)]
"""A counter, or a time: so far below 2**64 that three times as much is still the number of a draw."""
