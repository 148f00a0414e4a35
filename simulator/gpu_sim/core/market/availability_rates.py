"""The rates at which offers go down and come back in the `realistic` mode, and those among them that give an offer the
availability and the rate of interruptions wanted, exactly.

Stress and phase of an offer make a finite Markov chain, so what the rates come to in the long run is a matter of
linear equations; the rates wanted are found by Newton's method on their logarithms. Rates are per hour. Those of a
market's offers are found on a ladder and taken between its rungs.
"""

from functools import lru_cache

from msgspec import Struct

from ..kernel.clock import HOUR_MS
from ..kernel.numerics import exp, ln, total
from ..kernel.quantities import Availability
from ..kernel.randomness import PPM
from ..scenario.availability_shape import Shape
from ..scenario.catalog import OfferSpec
from ..scenario.market_settings import MarketSettings

SETTLED, FRAGILE, SHORT, LONG = range(4)
"""The phases: up in the first two, down in the others."""

PHASES = 4
UP = (SETTLED, FRAGILE)
LEVELS = 3
"""Neither stress, one of the two, both."""

RUNGS_PER_E = 100
"""Each rung of the ladder is a hundredth above the one before."""

_BRIEF_LEAST = 0.4  # h: a brief time is at most this share of the mean of its kind, in extreme settings
_STEPS_MAX = 100
_STEP_MAX = 1.0  # of a logarithm: far from the solution Newton's method would overshoot what `exp` takes
_CLOSE = 1e-9
_NUDGE = 1e-6  # a much smaller one, and rounding would spoil the derivatives


class AvailabilityRates(Struct, frozen=True):
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


def between(one: AvailabilityRates, other: AvailabilityRates, share: float, per_hour: float) -> AvailabilityRates:
    """Interpolate by `share` between two calibrated rates, so that the offer goes down `per_hour` times per hour of
    being up. Where the two are 1 % apart that is met to within 0.02 %, down to one interruption in some months."""

    def on_the_way(here: float, there: float) -> float:
        return here + (there - here) * share

    return AvailabilityRates(
        lost=per_hour,
        lost_at=tuple(map(on_the_way, one.lost_at, other.lost_at)),
        settled=on_the_way(one.settled, other.settled),
        long=on_the_way(one.long, other.long),
        brief=on_the_way(one.brief, other.brief),
        hit_ppm=int(on_the_way(one.hit_ppm, other.hit_ppm) + 0.5),
        phases=one.phases if share < 0.5 else other.phases,
    )


class PhaseEnds:
    """The rates at which the phases of offers of one shape end by themselves, shocks of their group aside."""

    __slots__ = ("_long_downs", "_pressures")

    def __init__(self, shape: Shape) -> None:
        self._pressures = tuple(exp(shape.pressure(level)) for level in range(LEVELS))
        self._long_downs = tuple(exp(shape.long_down_log_factor(level)) for level in range(LEVELS))

    def of(self, rates: AvailabilityRates, phase: int, level: int) -> float:
        """The rate at which a phase of an offer with these rates ends at a level of stress."""
        if phase == SETTLED:
            return rates.settled * self._pressures[level]
        return rates.long / self._long_downs[level] if phase == LONG else rates.brief


Followers = tuple[tuple[tuple[int, float], ...], ...]
"""Of each phase the phases that may follow it, each with the share of the times in which it does."""


def followers(shape: Shape) -> Followers:
    """The followers of the phases of offers of a shape."""
    long, fragile = shape.long / PPM, shape.fragile / PPM
    down, up = ((LONG, long), (SHORT, 1.0 - long)), ((FRAGILE, fragile), (SETTLED, 1.0 - fragile))
    return tuple(down if phase in UP else up for phase in range(PHASES))


def level_rates(shape: Shape) -> tuple[tuple[float, ...], ...]:
    """The rate at which each level of stress becomes each other one, as one stress comes on or goes off."""
    rates = [[0.0] * LEVELS for _ in range(LEVELS)]
    for level in range(LEVELS - 1):
        rates[level][level + 1] = (LEVELS - 1 - level) * shape.comes_on
        rates[level + 1][level] = (level + 1) * shape.goes_off
    return tuple(map(tuple, rates))


class CannotCalibrate(Exception):
    """No rates give that availability together with that rate of interruptions; the text says why."""


@lru_cache(maxsize=200_000)
def calibrate(availability: Availability, per_hour: float, shape: Shape) -> AvailabilityRates:
    """The rates with which an offer is up for the share `availability` of the time, and goes down `per_hour` times in
    an hour of being up. Raises CannotCalibrate."""
    up = availability / PPM
    chain = _Chain.of(up, per_hour, shape)
    wanted = ln(up / (1.0 - up)), ln(per_hour)
    at = [ln(per_hour / 2.0), ln(per_hour * up / (1.0 - up))]
    for _ in range(_STEPS_MAX):
        reached = chain.outcome(*at)
        off = [wanted[0] - reached[0], wanted[1] - reached[1]]
        if max(abs(off[0]), abs(off[1])) < _CLOSE:
            return chain.rates(per_hour, *at)
        by_settled, by_long = chain.outcome(at[0] + _NUDGE, at[1]), chain.outcome(at[0], at[1] + _NUDGE)
        a, c = ((by_settled[i] - reached[i]) / _NUDGE for i in (0, 1))
        b, d = ((by_long[i] - reached[i]) / _NUDGE for i in (0, 1))
        determinant = a * d - b * c
        if abs(determinant) < 1e-12:
            break
        step = (off[0] * d - b * off[1]) / determinant, (a * off[1] - c * off[0]) / determinant
        at = [at[i] + max(-_STEP_MAX, min(_STEP_MAX, step[i])) for i in (0, 1)]
    raise CannotCalibrate(
        f"no offer of this shape can be had {up:.4%} of the time and be lost {per_hour:.6f} times in an hour of that"
    )


class MarketRates:
    """The rates of a market's offers. Those of an offer depend on nothing but itself and the settings."""

    __slots__ = ("_interruptions", "_rungs", "_settings", "_shape")

    def __init__(self, settings: MarketSettings) -> None:
        self._settings = settings
        self._interruptions = settings.interruptions
        self._shape = settings.interruptions.shape or Shape()
        self._rungs: dict[tuple[Availability, int], AvailabilityRates] = {}

    def of(self, spec: OfferSpec) -> AvailabilityRates | None:
        """Those of one offer, or None where it is always there. Raises CannotCalibrate."""
        availability = self._settings.availability_of(spec)
        if availability == PPM:
            return None
        per_hour = self._interruptions.goes_down_per_hour(spec.interruption_probability)
        at = ln(per_hour) * RUNGS_PER_E + 100_000.0  # above 0, where `int` rounds down
        rung = int(at)
        return between(self._rung(availability, rung), self._rung(availability, rung + 1), at - rung, per_hour)

    def _rung(self, availability: Availability, rung: int) -> AvailabilityRates:
        rates = self._rungs.get((availability, rung))
        if rates is None:
            per_hour = exp((rung - 100_000) / RUNGS_PER_E)
            rates = self._rungs[availability, rung] = calibrate(availability, per_hour, self._shape)
        return rates


class _Chain(Struct, frozen=True):
    """The Markov chain of an offer, apart from the two rates that are sought."""

    followers: Followers
    brief: float
    hit: float
    shocks: float
    """The rate at which a shock of the group takes the offer down while it is up."""
    pressures: tuple[float, ...]
    long_down_log_factors: tuple[float, ...]
    given: tuple[tuple[float, ...], ...]
    """The rates from state to state but for those that are sought, which are 0 here."""

    @classmethod
    def of(cls, up: float, per_hour: float, shape: Shape) -> "_Chain":
        shocks = shape.shocks_per_hour
        mean_up, mean_down = 1.0 / per_hour, (1.0 - up) / (up * per_hour)
        brief = HOUR_MS / shape.brief * max(1.0, _BRIEF_LEAST / mean_down, _BRIEF_LEAST / mean_up)
        hit = min(shape.shock_reach / PPM, shape.shock_share / PPM * per_hour / shocks)
        # To the parts per million with which it is drawn: the rates are those of the chain that is run.
        hit = int(hit * PPM) / PPM
        follow = followers(shape)
        return cls(
            follow,
            brief,
            hit,
            shocks * hit,
            tuple(shape.pressure(level) for level in range(LEVELS)),
            tuple(shape.long_down_log_factor(level) for level in range(LEVELS)),
            _given(shape, follow, brief, brief + shocks * hit),
        )

    def outcome(self, ln_settled: float, ln_long: float) -> tuple[float, float]:
        """The logit of the availability and the logarithm of the rate of interruptions that these rates give."""
        up = down = lost = 0.0
        for level, (settled, fragile, short, long) in enumerate(self.stationary(ln_settled, ln_long)):
            up += settled + fragile
            down += short + long
            lost += self._lost(ln_settled, level, settled, fragile)
        return ln(up / down), ln(lost / up)

    def _lost(self, ln_settled: float, level: int, settled: float, fragile: float) -> float:
        """The rate at which an offer goes down that is settled and fragile with these shares."""
        return settled * self.settled_ends(ln_settled, level) + fragile * (self.brief + self.shocks)

    def settled_ends(self, ln_settled: float, level: int) -> float:
        """The rate at which settled times end at a level of stress, by themselves or by a shock."""
        # Not by `PhaseEnds`: its product rounds otherwise, and the last digits of the rates found are in all journals.
        return exp(ln_settled + self.pressures[level]) + self.shocks

    def stationary(self, ln_settled: float, ln_long: float) -> list[list[float]]:
        """The probability of each phase in the long run, at each level of stress."""
        rates = [list(row) for row in self.given]
        for level in range(LEVELS):
            start = level * PHASES
            _end(rates, start + SETTLED, self.settled_ends(ln_settled, level), self.followers)
            _end(rates, start + LONG, exp(ln_long - self.long_down_log_factors[level]), self.followers)
        flat = _stationary(rates)
        return [flat[level * PHASES : (level + 1) * PHASES] for level in range(LEVELS)]

    def rates(self, per_hour: float, ln_settled: float, ln_long: float) -> AvailabilityRates:
        """The rates found, with the share of each phase at each level."""
        phases = self.stationary(ln_settled, ln_long)
        ups = [(level, settled, fragile) for level, (settled, fragile, *_) in enumerate(phases)]
        return AvailabilityRates(
            lost=per_hour,
            lost_at=tuple(self._lost(ln_settled, *each) / (each[1] + each[2]) for each in ups),
            settled=exp(ln_settled),
            long=exp(ln_long),
            brief=self.brief,
            hit_ppm=int(self.hit * PPM + 0.5),
            phases=tuple(tuple(phase / total(level) for phase in level) for level in phases),
        )


def _given(shape: Shape, follow: Followers, brief: float, fragile_ends: float) -> tuple[tuple[float, ...], ...]:
    size = LEVELS * PHASES
    rates = [[0.0] * size for _ in range(size)]
    levels = level_rates(shape)
    for state in range(size):
        level, phase = divmod(state, PHASES)
        for other in range(LEVELS):
            rates[state][other * PHASES + phase] = levels[level][other]
        if phase in (FRAGILE, SHORT):
            _end(rates, state, fragile_ends if phase == FRAGILE else brief, follow)
    return tuple(map(tuple, rates))


def _end(rates: list[list[float]], state: int, ends: float, follow: Followers) -> None:
    """Let the phase of a state end so often in an hour."""
    phase = state % PHASES
    for other, share in follow[phase]:
        rates[state][state - phase + other] = ends * share


def _earlier_neighbours() -> tuple[tuple[int, ...], ...]:
    """Of each state the earlier ones to and from which there is a rate, once all later states have been eliminated."""
    size = LEVELS * PHASES
    linked = [{other for other in range(size) if _are_linked(state, other)} for state in range(size)]
    for last in range(size - 1, 0, -1):
        linked[last] = {other for other in linked[last] if other < last}
        for other in linked[last]:
            linked[other] |= linked[last] - {other}
    return tuple(tuple(sorted(others)) for others in linked)


def _are_linked(state: int, other: int) -> bool:
    """True if one may become the other: of one level and one of them up, or of the same phase at levels in a row."""
    (level, phase), (other_level, other_phase) = divmod(state, PHASES), divmod(other, PHASES)
    if level == other_level:
        return (phase in UP) != (other_phase in UP)
    return phase == other_phase and abs(level - other_level) == 1


_EARLIER_NEIGHBOURS = _earlier_neighbours()


def _stationary(left: list[list[float]]) -> list[float]:
    """The stationary distribution of the chain with these rates from state to state, by the elimination of Grassmann,
    Taksar and Heyman, which subtracts nothing and so loses no digit. It uses the rates up."""
    for last in range(len(left) - 1, 0, -1):
        row, near = left[last], _EARLIER_NEIGHBOURS[last]
        leaves = 0.0
        for state in near:
            leaves += row[state]
        for neighbour in near:
            other = left[neighbour]
            share = other[last] = other[last] / leaves
            for state in near:
                other[state] += share * row[state]
    found = [1.0]
    for state in range(1, len(left)):
        weight = 0.0
        for before in _EARLIER_NEIGHBOURS[state]:
            weight += found[before] * left[before][state]
        found.append(weight)
    everything = total(found)
    return [weight / everything for weight in found]
