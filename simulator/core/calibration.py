"""The rates of one offer that give it the availability and the rate of interruptions wanted, exactly.

Stress and phase of an offer make a finite Markov chain, so what the rates come to in the long run is a matter of
linear equations; the rates wanted are found by Newton's method on their logarithms. Rates are per hour.
"""

from collections.abc import Sequence
from functools import lru_cache

from msgspec import Struct

from .clock import HOUR_MS
from .numerics import exp, ln, total
from .quantities import Availability
from .randomness import PPM
from .realism import Shape

SETTLED, FRAGILE, SHORT, LONG = range(4)
"""The phases: up in the first two, down in the others."""

PHASES = 4
LEVELS = 3
"""Neither stress, one of the two, both."""

_BRIEF_LEAST = 0.4  # h: a brief time is at most this share of the mean of its kind, in extreme settings
_STEPS_MAX = 100
_STEP_MAX = 1.0
_CLOSE = 1e-9
_NUDGE = 1e-6


class PoolRates(Struct, frozen=True):
    """The rates of an offer, and how likely each of its phases is at each level of stress, in the long run.

    `settled` ends settled times and `long` long downs where one stress of the two is on; `brief` ends the other
    phases. `hit_ppm` is the chance that a shock of the group takes the offer down, `lost` how often it goes down in an
    hour of being up, and `lost_at` how often at each level of stress.
    """

    lost: float
    lost_at: tuple[float, ...]
    settled: float
    long: float
    brief: float
    hit_ppm: int
    phases: tuple[tuple[float, ...], ...]


class CannotCalibrate(Exception):
    """No rates give that availability together with that rate of interruptions; the text says why."""


@lru_cache(maxsize=200_000)
def calibrate(availability: Availability, per_hour: float, shape: Shape) -> PoolRates:
    """The rates with which an offer is up for the share `availability` of the time, and goes down `per_hour` times in
    an hour of being up. Raises CannotCalibrate."""
    up = availability / PPM
    chain = _Chain.of(up, per_hour, shape)
    wanted = ln(up / (1.0 - up)), ln(per_hour)
    at = [ln(per_hour / 2.0), ln(per_hour * up / (1.0 - up))]
    for _ in range(_STEPS_MAX):
        told = chain.told(*at)
        off = [wanted[0] - told[0], wanted[1] - told[1]]
        if max(abs(off[0]), abs(off[1])) < _CLOSE:
            return chain.rates(per_hour, *at)
        by_settled, by_long = chain.told(at[0] + _NUDGE, at[1]), chain.told(at[0], at[1] + _NUDGE)
        a, c = ((by_settled[i] - told[i]) / _NUDGE for i in (0, 1))
        b, d = ((by_long[i] - told[i]) / _NUDGE for i in (0, 1))
        determinant = a * d - b * c
        if abs(determinant) < 1e-12:
            break
        step = (off[0] * d - b * off[1]) / determinant, (a * off[1] - c * off[0]) / determinant
        at = [at[i] + max(-_STEP_MAX, min(_STEP_MAX, step[i])) for i in (0, 1)]
    raise CannotCalibrate(
        f"no offer of this shape can be had {up:.4%} of the time and be lost {per_hour:.6f} times in an hour of that"
    )


class _Chain(Struct, frozen=True):
    """What does not change while the rates are sought."""

    shape: Shape
    brief: float
    hit: float

    @classmethod
    def of(cls, up: float, per_hour: float, shape: Shape) -> "_Chain":
        shocks = HOUR_MS / shape.shock_every
        mean_up, mean_down = 1.0 / per_hour, (1.0 - up) / (up * per_hour)
        brief = HOUR_MS / shape.brief * max(1.0, _BRIEF_LEAST / mean_down, _BRIEF_LEAST / mean_up)
        hit = min(shape.shock_reach / PPM, shape.shock_share / PPM * per_hour / shocks)
        return cls(shape, brief, int(hit * PPM) / PPM)

    def told(self, ln_settled: float, ln_long: float) -> tuple[float, float]:
        """The logit of the availability and the logarithm of the rate of interruptions that these rates give."""
        up = down = lost = 0.0
        for level, (settled, fragile, short, long) in enumerate(self.stationary(ln_settled, ln_long)):
            up += settled + fragile
            down += short + long
            lost += self._lost(ln_settled, level, settled, fragile)
        return ln(up / down), ln(lost / up)

    def _lost(self, ln_settled: float, level: int, settled: float, fragile: float) -> float:
        """How often in an hour an offer goes down that is settled and fragile with these shares."""
        return settled * self.settled_ends(ln_settled, level) + fragile * (self.brief + self.shocks)

    @property
    def shocks(self) -> float:
        """How often in an hour a shock of the group takes the offer down while it is up."""
        return HOUR_MS / self.shape.shock_every * self.hit

    def settled_ends(self, ln_settled: float, level: int) -> float:
        """How often in an hour settled times end at a level of stress, by themselves or by a shock."""
        return exp(ln_settled + self.shape.pressure(level)) + self.shocks

    def stationary(self, ln_settled: float, ln_long: float) -> list[list[float]]:
        """How likely each phase is in the long run, at each level of stress."""
        size = LEVELS * PHASES
        rates = [[0.0] * size for _ in range(size)]
        long_share, fragile_share = self.shape.long / PPM, self.shape.fragile / PPM
        for level in range(LEVELS):
            settled, fragile, short, long = (level * PHASES + phase for phase in range(PHASES))
            for phase in (settled, fragile):
                ends = self.brief + self.shocks if phase == fragile else self.settled_ends(ln_settled, level)
                rates[phase][long] = ends * long_share
                rates[phase][short] = ends * (1.0 - long_share)
            for phase in (short, long):
                ends = self.brief if phase == short else exp(ln_long - self.shape.hold(level))
                rates[phase][fragile] = ends * fragile_share
                rates[phase][settled] = ends * (1.0 - fragile_share)
            for phase in (settled, fragile, short, long):
                if level:
                    rates[phase][phase - PHASES] = level * self.shape.goes_off
                if level < LEVELS - 1:
                    rates[phase][phase + PHASES] = (LEVELS - 1 - level) * self.shape.comes_on
        flat = _stationary(rates)
        return [flat[level * PHASES : (level + 1) * PHASES] for level in range(LEVELS)]

    def rates(self, per_hour: float, ln_settled: float, ln_long: float) -> PoolRates:
        """The rates found, with the share of each phase at each level."""
        phases = self.stationary(ln_settled, ln_long)
        ups = [(level, settled, fragile) for level, (settled, fragile, *_) in enumerate(phases)]
        return PoolRates(
            lost=per_hour,
            lost_at=tuple(self._lost(ln_settled, *each) / (each[1] + each[2]) for each in ups),
            settled=exp(ln_settled),
            long=exp(ln_long),
            brief=self.brief,
            hit_ppm=int(self.hit * PPM + 0.5),
            phases=tuple(tuple(phase / total(level) for phase in level) for level in phases),
        )


def _stationary(rates: Sequence[Sequence[float]]) -> list[float]:
    """The stationary distribution of a Markov chain with these rates from state to state, by the elimination of
    Grassmann, Taksar and Heyman, which subtracts nothing and so loses no digit."""
    left = [list(row) for row in rates]
    for last in range(len(left) - 1, 0, -1):
        row = left[last]
        leaves = total(row[:last])
        for other in left[:last]:
            share = other[last] = other[last] / leaves
            if share:
                for state in range(last):
                    other[state] += share * row[state]
    found = [1.0]
    for state in range(1, len(left)):
        found.append(total([found[before] * left[before][state] for before in range(state)]))
    everything = total(found)
    return [weight / everything for weight in found]
