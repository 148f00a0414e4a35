"""Shapes of availability as points, so that a method that knows only numbers can look for the best.

The shape by measurement is the origin, and a unit is how far a number may well be from it in another market: in
logarithms, of the odds where it is a share. `shock_share` is no trait of a market but a guard, and stays as it is.
"""

from math import exp, log

import numpy as np
from msgspec import Struct

from ...core.kernel.clock import DAY_MS, HOUR_MS, MINUTE_MS
from ...core.kernel.quantities import Duration, Factor, Share
from ...core.kernel.randomness import PPM
from ...core.scenario.availability_shape import Shape
from ..traces.arrays import Floats


class Axis(Struct, frozen=True):
    """One number of a shape: its unit in logarithms, and the bounds of the search."""

    name: str
    unit: float
    low: int
    high: int

    def place(self, value: int) -> float:
        """Where a value is, in units from the measured one."""
        return (self._scaled(value) - self._scaled(getattr(Shape(), self.name))) / self.unit

    def value(self, place: float) -> int:
        """The value at a place, within the bounds; the inverse of `place`."""
        scaled = self._scaled(getattr(Shape(), self.name)) + self.unit * place
        found = PPM / (1 + exp(-scaled)) if self._is_share else exp(scaled)
        return min(self.high, max(self.low, round(found)))

    @property
    def _is_share(self) -> bool:
        return isinstance(getattr(Shape(), self.name), Share)

    def _scaled(self, value: int) -> float:
        return log(value / (PPM - value)) if self._is_share else log(value)


AXES = (
    Axis("fragile", 0.5, 20_000, 550_000),
    Axis("long", 0.5, 20_000, 950_000),
    Axis("brief", 0.3, 3 * MINUTE_MS, 3 * HOUR_MS),
    Axis("stress", 0.3, 200_000, 2_900_000),
    Axis("tight", 0.5, 50_000, 900_000),
    Axis("grip", 0.5, 50_000, 1_900_000),
    Axis("stress_time", 0.4, 6 * HOUR_MS, 20 * DAY_MS),
    Axis("shock_every", 0.5, 2 * HOUR_MS, 30 * DAY_MS),
    Axis("shock_reach", 1.0, 50_000, 999_000),
)


def shape_at(point: Floats) -> Shape:
    """The shape of a point."""
    fields = {axis.name: axis.value(float(place)) for axis, place in zip(AXES, point, strict=True)}
    kinds = {axis.name: type(getattr(Shape(), axis.name)) for axis in AXES}
    return Shape(**{name: kinds[name](value) for name, value in fields.items()})


def tidied(shape: Shape) -> Shape:
    """A shape close by whose numbers are short to write: shares to 0.1 %, factors to 0.01, durations to a minute."""
    steps = {Share: PPM // 1_000, Factor: PPM // 100, Duration: MINUTE_MS}
    values = {axis.name: getattr(shape, axis.name) for axis in AXES}
    found = {name: round(value / steps[type(value)]) * steps[type(value)] for name, value in values.items()}
    return Shape(**{name: type(values[name])(value) for name, value in found.items()})


def bounds() -> tuple[Floats, Floats]:
    """The lowest and the highest places sought."""
    return np.array([axis.place(axis.low) for axis in AXES]), np.array([axis.place(axis.high) for axis in AXES])
