"""The level that the prices of one GPU model have in common, where hosts set them.

An Ornstein–Uhlenbeck process on ln price that starts at 0: the catalogue's prices are those of its day. It moves every
six hours and not when somebody asks, so it depends on the seed alone and on no other offer.
"""

from math import sqrt
from typing import Annotated

from msgspec import Meta, Struct

from ..kernel.clock import DAY_MS, HOUR_MS
from ..kernel.numerics import LN2, NANO, exp, nano, normal
from ..kernel.quantities import Factor, Natural
from ..kernel.randomness import PPM, draw, stream

STEP_MS = 6 * HOUR_MS
SPREAD = 0.25
HALF_LIFE_MS = 3 * DAY_MS
NANO_MAX = 100 * NANO
"""No level comes near it, however lucky."""
_KEPT = exp(-LN2 * STEP_MS / HALF_LIFE_MS)
_NEWS = SPREAD * sqrt(1.0 - _KEPT * _KEPT)


class LevelState(Struct, frozen=True, array_like=True):
    """Where a level stands: its value in 10⁻⁹, and the counter of its stream."""

    nano: Annotated[int, Meta(ge=-NANO_MAX, le=NANO_MAX)]
    steps: Natural


class PriceLevel:
    """The level of one GPU model; its stream is `price-level/<GPU model>`. With `activity` its time runs faster."""

    __slots__ = ("_activity", "_key", "_nano", "_steps")

    def __init__(self, gpu_model: str, seed: int, activity: Factor) -> None:
        self._key = stream(seed, f"price-level/{gpu_model}")
        self._activity = int(activity)
        self._nano = 0
        self._steps = 0

    def move_to(self, now_ms: int) -> int:
        """Take the steps that are due by now, and say where that leads, in 10⁻⁹ of ln price."""
        due, steps = self._due(now_ms), self._steps
        if steps < due:
            at = self._nano
            for step in range(steps, due):
                at = nano(at / NANO * _KEPT + normal(draw(self._key, step)) * _NEWS)
            self._nano, self._steps = at, due
        return self._nano

    def _due(self, now_ms: int) -> int:
        """The number of steps that are due by an instant."""
        return now_ms * self._activity // (PPM * STEP_MS)

    def state(self) -> LevelState:
        """Its part of a snapshot."""
        return LevelState(self._nano, self._steps)

    def restore(self, state: LevelState, now_ms: int) -> None:
        """Restore from `state`. Raises ValueError if that is ahead of its time."""
        if state.steps > self._due(now_ms):
            raise ValueError("the level of a price is ahead of its time")
        self._nano, self._steps = state.nano, state.steps
