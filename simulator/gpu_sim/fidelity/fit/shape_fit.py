"""The shape of availability that recorded zones have, and the rates of each of them under it.

What is expected of a shape is compared with what was recorded, statistic by statistic, in units of how much a
recording of that size may differ by chance; being far from the shape by measurement costs as well, so that what
these zones do not show stays as it was. Nothing is drawn: the same traces give the same shape.
"""

from collections.abc import Callable, Sequence
from math import isnan, log, sqrt

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from scipy.optimize import least_squares
from threadpoolctl import threadpool_limits

from ...core.market.availability_rates import CannotCalibrate
from ...core.scenario.availability_shape import Shape
from ..traces.arrays import Floats
from ..traces.lifetimes import complete_runs
from ..traces.statistics import measure
from ..traces.traces import Trace
from .expected_statistics import Setting, expect, shares_over
from .shape_space import AXES, bounds, shape_at, tidied
from .unsampled_rates import ZoneRates

ZONES_MIN = 4
DAYS_MIN = 20
"""Fewer zones, or shorter recordings, do not show a shape."""

ROUNDS_MAX = 10
_STEP = 0.05
"""Of an axis' unit: large enough that the tolerance of `unsampled_rates` does not drown the difference."""
_MEASURED_ZONE_DAYS = 9 * 45.5
"""The recording of which the spreads below are: nine zones, 45.5 days each."""


class Compared(Struct, frozen=True):
    """A statistic to fit, and its sampling spread between recordings of nine zones and 45 days: in the statistic's own
    unit, or as a share of it if `relative`."""

    name: str
    spread: float
    relative: bool = False

    def off(self, expected: float, recorded: float) -> float:
        """The distance of the expected value from the recorded one, in spreads."""
        if self.relative:
            return log(expected / recorded) / self.spread
        return (expected - recorded) / self.spread


COMPARED = (
    Compared("up_weibull_k", 0.03),
    Compared("hazard_0_30min_per_h", 0.1, True),
    Compared("hazard_1_2h_per_h", 0.12, True),
    Compared("hazard_4_8h_per_h", 0.15, True),
    Compared("down_over 1h", 0.03),
    Compared("down_over 4h", 0.02),
    Compared("phi_same_region", 0.04),
    Compared("phi_other_region", 0.055),
    Compared("co_interruption_lift", 0.15, True),
    Compared("fano_zone 1h", 0.03, True),
    Compared("fano_zone 6h", 0.07, True),
    Compared("fano_zone 24h", 0.13, True),
    Compared("fano_all 24h", 0.3, True),
    Compared("fail_given_fail 15min", 0.03),
    Compared("fail_given_fail 60min", 0.053),
    Compared("fail_given_fail 240min", 0.066),
    Compared("fail_given_fail 1440min", 0.072),
)
"""The statistics that a shape is judged by; availability and rate are met exactly."""


def setting_of(zones: Sequence[Trace], look_seconds: float) -> Setting:
    """The recorded zones to fit a shape to: aligned traces of one GPU model that change and are interrupted."""
    gap_seconds = zones[0].gap_seconds
    return Setting(
        regions=tuple(zone.name.region for zone in zones),
        recorded=tuple(ZoneRates.of(zone.up, gap_seconds) for zone in zones),
        guesses=(None,) * len(zones),
        gap_seconds=gap_seconds,
        look_seconds=max(look_seconds, gap_seconds),
        length_seconds=len(zones[0].values) * gap_seconds,
    )


def shows_shape(zones: Sequence[Trace]) -> bool:
    """True where the zones are enough, and recorded for long enough, to fit a shape to."""
    return len(zones) >= ZONES_MIN and len(zones[0].values) * zones[0].gap_seconds >= DAYS_MIN * 86_400


def fit_shape(zones: Sequence[Trace], setting: Setting, on_look: Callable[[], None] = lambda: None) -> Shape:
    """The shape of these zones; `on_look` is called for each shape looked at, of which there are at most `looks_max()`.
    Raises CannotCalibrate where the shape by measurement, at which the search begins, does not give these zones."""
    guided = replace(setting, guesses=tuple(rates.lost for rates in setting.unsampled_rates(Shape())))
    search = _Search(guided, targets_of(zones), on_look)
    with threadpool_limits(1):  # the matrices are small: threads would only wait for each other
        found = least_squares(
            search.off,
            np.zeros(len(AXES)),
            jac=search.slopes,
            bounds=bounds(),
            max_nfev=ROUNDS_MAX,
            ftol=1e-3,
            xtol=1e-3,
        )
    return tidied(shape_at(found.x))


def looks_max() -> int:
    """The most shapes that a fit looks at: each round its point, then for the slopes that again and a step per axis."""
    return (ROUNDS_MAX + 1) * (len(AXES) + 2)


def targets_of(zones: Sequence[Trace]) -> dict[str, float]:
    """The recorded statistics, by the names of `COMPARED`."""
    gap_seconds = zones[0].gap_seconds
    outages_h = np.concatenate([complete_runs(zone.up, state=False, gap_seconds=gap_seconds) for zone in zones])
    return measure(zones).by_name() | shares_over(outages_h)


class _Search:
    """The residuals of shapes: a statistic each, then each number's distance from the shape by measurement."""

    def __init__(self, setting: Setting, recorded: dict[str, float], on_look: Callable[[], None]) -> None:
        self._setting = setting
        self._recorded = recorded
        self._on_look = on_look
        zone_days = len(setting.recorded) * setting.length_seconds / 86_400
        # Spreads go down with the root of what was recorded: the longer a recording, the less it differs by chance.
        self._weight = sqrt(zone_days / _MEASURED_ZONE_DAYS)

    def off(self, point: Floats) -> Floats:
        """The residuals of a point. Infinite where zones can't be calibrated, so that the search turns back."""
        self._on_look()
        try:
            expected = expect(self._setting, shape_at(point))
        except CannotCalibrate:
            return np.full(len(self._compared) + len(point), np.inf)
        off = [each.off(expected[each.name], self._recorded[each.name]) * self._weight for each in self._compared]
        return np.concatenate([off, point])

    @property
    def _compared(self) -> list[Compared]:
        """The statistics that these zones show; a ratio to nothing has no logarithm."""
        known = self._recorded
        return [
            each for each in COMPARED if not isnan(known[each.name]) and not (each.relative and known[each.name] <= 0)
        ]

    def slopes(self, point: Floats) -> Floats:
        """The slope of each residual by each number of the shape, over a small step inwards."""
        here, columns = self.off(point), []
        _, highest = bounds()
        for axis in range(len(point)):
            step = np.zeros(len(point))
            # Beyond the bounds a value is cut, and the slope would be 0.
            step[axis] = _STEP if point[axis] + _STEP <= highest[axis] else -_STEP
            there = self.off(point + step)
            columns.append(np.where(np.isfinite(there), (there - here) / step[axis], 0.0))
        return np.column_stack(columns)
