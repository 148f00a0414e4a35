"""The rate at which an offer really goes down, behind the one that a recorder saw who looked only now and then.

What comes and goes between two looks is not seen, so the rate recorded is too low. With the shape of availability
given, each rate of an offer would be seen as another rate, exactly known; the one sought is seen as the one recorded.
"""

from msgspec import Struct

from ...core.kernel.numerics import exp, ln
from ...core.kernel.quantities import Availability
from ...core.market.availability_rates import AvailabilityRates, CannotCalibrate, calibrate
from ...core.scenario.availability_shape import Shape
from ..traces.arrays import Marks
from ..traces.lifetimes import interruptions
from .joint_chain import chain_of_one
from .sampled_chain import SampledChain

_STEPS_MAX = 30
_STEP_MAX = 0.7  # a factor of two: the secant alone may leap to rates that no offer has
_CLOSE = 1e-6

CHANCE_MAX = 1.5
"""The most `changes_by_chance`. Independent looks see about 1; a recording with far more is like no offer."""


class ZoneRates(Struct, frozen=True):
    """The recorded rates of one zone: the share of the time that it was up, and interruptions per hour of that."""

    availability: Availability
    per_hour: float

    @classmethod
    def of(cls, up: Marks, gap_seconds: float) -> "ZoneRates":
        """The rates of a zone that changes and is interrupted at least once."""
        share = float(up.mean())
        per_hour = len(interruptions(up)) / (float(up.sum()) * gap_seconds / 3600)
        return cls(Availability(min(999_999, max(1, round(share * 1_000_000)))), per_hour)

    def changes_by_chance(self, every_h: float) -> float:
        """Its interruptions over those that independent looks every `every_h` hours would see: about 1 where each time
        down is a look long."""
        return self.per_hour * every_h / (1 - self.availability / 1_000_000)


def sampled_per_hour(rates: AvailabilityRates, shape: Shape, every_h: float) -> float:
    """The rate per hour of being up at which a recorder who looks every `every_h` hours sees an offer go down."""
    chain = SampledChain(chain_of_one(shape, rates), every_h)
    return chain.event_share(0) / (chain.availability(0) * every_h)


def unsampled_rates(recorded: ZoneRates, every_h: float, shape: Shape, guess: float | None = None) -> AvailabilityRates:
    """The true rates behind what a recorder observed that looks every `every_h` hours; `lost` is the rate sought.

    `guess` is where the search for it starts. Raises CannotCalibrate where no offer of this shape is seen so.
    """
    target = ln(recorded.per_hour)
    at = target if guess is None else ln(guess)
    slope, before = 1.0, None
    for _ in range(_STEPS_MAX):
        rates = calibrate(recorded.availability, exp(at), shape)
        off = ln(sampled_per_hour(rates, shape, every_h)) - target
        if abs(off) < _CLOSE:
            return rates
        # A secant in logarithms. Where looks are sparse the recorded rate hardly grows any more, and the slope stays
        # above 0 so that a step cannot become endless.
        if before is not None and at != before[0]:
            slope = max(0.05, (off - before[1]) / (at - before[0]))
        before = at, off
        at -= max(-_STEP_MAX, min(_STEP_MAX, off / slope))
    raise CannotCalibrate(
        f"no offer of this shape that can be had {recorded.availability / 10_000:g}% of the time is seen to go down "
        f"{recorded.per_hour:.4f} times in an hour of that"
    )


def unsampled_or_recorded_rates(recorded: ZoneRates, every_h: float, shape: Shape) -> tuple[AvailabilityRates, bool]:
    """(rates, True) if `unsampled_rates` finds such rates, otherwise those calibrated to the recorded rate and False.

    There are none where each time down is about a look long. Raises CannotCalibrate where, beyond that, up and down
    take turns more often than by chance, which no offer does.
    """
    try:
        return unsampled_rates(recorded, every_h, shape), True
    except CannotCalibrate:
        if recorded.changes_by_chance(every_h) > CHANCE_MAX:
            raise
        return calibrate(recorded.availability, recorded.per_hour, shape), False
