"""Distributions of delays, tagged by their kind; never "delay ± jitter"."""

from typing import ClassVar

from msgspec import Struct

from .numerics import exp, ln, normal, uniform
from .quantities import Duration

_Z_95 = 1.6448536269514722  # the 95th percentile of the standard normal


class Uniform(Struct, frozen=True, forbid_unknown_fields=True):
    """Equally likely anywhere between two durations."""

    min: Duration
    max: Duration

    def __post_init__(self) -> None:
        if self.min > self.max:
            raise ValueError("min is above max")


class LogNormal(Struct, frozen=True, forbid_unknown_fields=True):
    """Lognormal by its median and 95th percentile, optionally clipped to [min, max]."""

    median: Duration
    p95: Duration
    min: Duration = Duration(0)
    max: Duration | None = None

    def __post_init__(self) -> None:
        if self.median <= 0:
            raise ValueError("median must be above 0s")
        if self.p95 < self.median:
            raise ValueError("p95 is below the median")
        if self.max is not None and self.min > self.max:
            raise ValueError("min is above max")


class Distribution(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Exactly one of `fixed`, `uniform` and `lognormal`."""

    fixed: Duration | None = None
    uniform: Uniform | None = None
    lognormal: LogNormal | None = None

    KINDS: ClassVar[tuple[str, ...]] = ("fixed", "uniform", "lognormal")

    def __post_init__(self) -> None:
        if sum(getattr(self, kind) is not None for kind in self.KINDS) != 1:
            raise ValueError("give exactly one of fixed, uniform and lognormal")

    def sample_ms(self, drawn: int) -> int:
        """The delay under this draw, in milliseconds ≥ 0."""
        if self.fixed is not None:
            return self.fixed
        if self.uniform is not None:
            low, high = self.uniform.min, self.uniform.max
            return low + int(uniform(drawn) * (high - low + 1))
        shape = self.lognormal
        assert shape is not None
        sigma = (ln(float(shape.p95)) - ln(float(shape.median))) / _Z_95
        sampled = int(shape.median * exp(sigma * normal(drawn)) + 0.5)
        return max(shape.min, sampled if shape.max is None else min(shape.max, sampled))


def fixed(delay_ms: int) -> Distribution:
    """Always the same delay."""
    return Distribution(fixed=Duration(delay_ms))
