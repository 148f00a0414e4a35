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
    """The first parameter, 0.1 to 5: the greater, the more a shock interrupts."""
    b: Factor = Factor(600_000)
    """The second parameter, 0.1 to 5: the greater, the less a shock interrupts."""

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
    """The behaviour that all offers have in common."""

    fragile: Share = Share(350_000)
    """The share of the offers that come back fragile: they soon go down again."""
    long: Share = Share(380_000)
    """The share of those that go down which stay down for long."""
    brief: Duration = Duration(HOUR_MS * 10 // 27)
    """The mean length of fragile times up and of short times down."""
    stress: Factor = Factor(1_800_000)
    """The strength of a stress, at most 3: each that comes on makes settled times shorter by exp(2 × this)."""
    tight: Share = Share(360_000)
    """The share of the time that a stress is on."""
    grip: Factor = Factor(450_000)
    """Each stress makes long downs longer by what it makes settled times shorter, to the power of this; at most 2."""
    stress_time: Duration = Duration(48 * HOUR_MS)
    """The time within which a stress is forgotten."""
    shock_every: Duration = Duration(20 * HOUR_MS)
    """The mean time between two shocks of a group."""
    shock_reach: Share = Share(950_000)
    """The share of a group that a shock takes down."""
    shock_share: Share = Share(400_000)
    """The largest share of an offer's interruptions that comes from its group's shocks."""

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
