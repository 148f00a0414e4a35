"""Distributions of delays, tagged by their kind; never "delay ± jitter"."""

from collections.abc import Callable
from typing import ClassVar

from msgspec import Struct

from ..kernel.numerics import exp, ln, normal, uniform
from ..kernel.one_of import OneOf
from ..kernel.quantities import Duration

_Z_95 = 1.6448536269514722  # the 95th percentile of the standard normal


class Uniform(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Equally likely anywhere between two durations."""

    min: Duration
    """The shortest."""
    max: Duration
    """The longest."""

    def __post_init__(self) -> None:
        if self.min > self.max:
            raise ValueError("min is above max")


class LogNormal(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Lognormal by its median and 95th percentile, optionally clipped to [min, max]."""

    median: Duration
    """Half of the delays are below it."""
    p95: Duration
    """19 of 20 delays are below it."""
    min: Duration = Duration(0)
    """Shorter ones take this long."""
    max: Duration | None = None
    """Longer ones take this long."""

    def __post_init__(self) -> None:
        if self.median <= 0:
            raise ValueError("median must be above 0s")
        if self.p95 < self.median:
            raise ValueError("p95 is below the median")
        if self.max is not None and self.min > self.max:
            raise ValueError("min is above max")


class Distribution(OneOf, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Exactly one of `fixed`, `uniform` and `lognormal`."""

    fixed: Duration | None = None
    """Always this delay."""
    uniform: Uniform | None = None
    """Any delay between two, equally likely."""
    lognormal: LogNormal | None = None
    """Mostly short, now and then long."""

    KINDS: ClassVar[tuple[str, ...]] = ("fixed", "uniform", "lognormal")

    def sampler(self) -> Callable[[int], int]:
        """The function from a draw to a delay in milliseconds ≥ 0."""
        if self.fixed is not None:
            delay = int(self.fixed)
            return lambda _: delay
        if self.uniform is not None:
            low, span = self.uniform.min, self.uniform.max - self.uniform.min + 1
            return lambda drawn: low + int(uniform(drawn) * span)
        assert self.lognormal is not None
        return _lognormal(self.lognormal)


def _lognormal(shape: LogNormal) -> Callable[[int], int]:
    median, least, most = int(shape.median), int(shape.min), shape.max
    sigma = (ln(float(shape.p95)) - ln(float(median))) / _Z_95

    def sample(drawn: int) -> int:
        sampled = int(median * exp(sigma * normal(drawn)) + 0.5)
        return max(least, sampled if most is None else min(most, sampled))

    return sample


def fixed(delay_ms: int) -> Distribution:
    """Always the same delay."""
    return Distribution(fixed=Duration(delay_ms))
