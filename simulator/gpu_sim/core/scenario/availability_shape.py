"""The shape of the availability of real offers: the parameters of the mode `realistic`, by measurement.

An offer is up or down. Up it is settled or fragile, down it is down shortly or for long. Two on/off stresses, one of
its region and one of its GPU model, make settled times shorter and long downs longer, and shocks of its region take
offers of one group down together. The shape was fitted to nine recorded zones; what each offer adds to it is its own
availability and its own rate of interruptions (`market/availability_rates.py`).
"""

from msgspec import Struct

from ..kernel.clock import HOUR_MS, MINUTE_MS, YEAR_MS
from ..kernel.quantities import Duration, Factor, Share


class Severity(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Beta(a, b): the share of an offer's running rentals that an interruption of the offer ends, at random."""

    a: Factor = Factor(800_000)
    b: Factor = Factor(600_000)

    def __post_init__(self) -> None:
        if not (100_000 <= self.a <= 5_000_000 and 100_000 <= self.b <= 5_000_000):
            raise ValueError("a and b must be between 0.1 and 5")

    @property
    def mean(self) -> float:
        """The mean share."""
        return self.a / (self.a + self.b)


MIDDLING = Severity()
"""A fair middle of measured events."""


class Shape(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The behaviour that all offers have in common.

    `fragile` of the offers that come back are so, `long` of those that go down stay down for long. `brief` is the mean
    of fragile and of short times. A stress is on for the share `tight` of the time and is forgotten within
    `stress_time`; each that comes on makes settled times shorter by exp(2 × `stress`) and long downs longer by the
    same to the power of `grip`. Every `shock_every` on average a shock takes down `shock_reach` of a group, but no
    more than `shock_share` of an offer's interruptions.
    """

    fragile: Share = Share(350_000)
    long: Share = Share(380_000)
    brief: Duration = Duration(HOUR_MS * 10 // 27)
    stress: Factor = Factor(1_800_000)
    tight: Share = Share(360_000)
    grip: Factor = Factor(450_000)
    stress_time: Duration = Duration(48 * HOUR_MS)
    shock_every: Duration = Duration(20 * HOUR_MS)
    shock_reach: Share = Share(950_000)
    shock_share: Share = Share(400_000)

    def __post_init__(self) -> None:
        for name in ("brief", "stress_time", "shock_every"):
            if not MINUTE_MS <= getattr(self, name) <= 10 * YEAR_MS:
                raise ValueError(f"{name} must be between 1m and 3650d")
        for name in ("long", "tight"):
            if not 0 < getattr(self, name) < 1_000_000:
                raise ValueError(f"{name} must be above 0% and below 100%")
        if self.fragile + self.shock_share >= 1_000_000:
            raise ValueError("fragile and shock_share must be below 100% together: each shock is followed by flapping")
        if self.stress > 3_000_000 or self.grip > 2_000_000:
            raise ValueError("stress must be at most 3, and grip at most 2")

    @property
    def comes_on(self) -> float:
        """The rate per hour at which a stress that is off comes on."""
        return HOUR_MS / self.stress_time * self.tight / 1_000_000

    @property
    def goes_off(self) -> float:
        """The rate per hour at which a stress that is on goes off."""
        return HOUR_MS / self.stress_time * (1_000_000 - self.tight) / 1_000_000

    @property
    def shocks_per_hour(self) -> float:
        """The rate per hour of the shocks of a group."""
        return HOUR_MS / self.shock_every

    def pressure(self, level: int) -> float:
        """The logarithm of what so many stresses, 0 to 2, make of the rate at which settled times end."""
        return 2.0 * (level - 1) * self.stress / 1_000_000

    @property
    def mean_pressure(self) -> float:
        """The mean of `pressure` in the long run."""
        return 2.0 * (2 * self.tight / 1_000_000 - 1) * self.stress / 1_000_000

    def long_down_log_factor(self, level: int) -> float:
        """The logarithm of what they make of the mean of long downs."""
        return self.pressure(level) * self.grip / 1_000_000
