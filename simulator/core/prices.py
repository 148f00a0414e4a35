"""Price processes: how an offer's own price moves, by the measured behaviour of its provider class.

A process works on the latent ln(price / on-demand price), kept in whole 10⁻⁹ and rounded after each step.
Step n of an offer uses draws 3n, 3n+1 and 3n+2 of its stream: when it comes, how large it is, of which sort.
`activity` makes steps come more often; it never changes their size.
"""

from math import sqrt
from typing import Protocol

from msgspec import Struct

from .catalog import ProviderClass
from .clock import DAY_MS
from .market_settings import PriceProcessName
from .money import PRICE_STEP_MICROS
from .numerics import LN2, delay_ms, exp, laplace, ln, normal, uniform
from .quantities import Factor
from .randomness import PPM, draw, happens

NANO = 1_000_000_000
DRAWS_PER_STEP = 3


class PriceProcess(Protocol):
    """What decides the size of a step; `steps_per_day` is their mean number at activity 1."""

    @property
    def steps_per_day(self) -> float: ...

    def move(self, gap: float, days: float, key: bytes, n: int) -> float:
        """The change of the latent value, given its distance above the anchor and the (activity-scaled) days
        since the last step; it may use draws n + 1 and n + 2 of the stream."""


class ListPrice(Struct, frozen=True):
    """A price list that is rarely revised, by a step up or down: |ln step| uniform in [step_min, step_max]."""

    steps_per_day: float
    step_min: float
    step_max: float

    def move(self, gap: float, days: float, key: bytes, n: int) -> float:
        size = self.step_min + (self.step_max - self.step_min) * uniform(draw(key, n + 1))
        return size if draw(key, n + 2) >> 63 else -size


class HostSet(Struct, frozen=True):
    """A host's own price: jumps that pull towards the anchor, plus a Laplace step, cut at `step_max`."""

    steps_per_day: float
    pull: float
    step_median: float
    step_max: float

    def move(self, gap: float, days: float, key: bytes, n: int) -> float:
        step = laplace(draw(key, n + 1)) * (self.step_median / LN2) - self.pull * gap
        most = self.step_max
        return most if step > most else -most if step < -most else step


class MeanReverting(Struct, frozen=True):
    """An exchange: the exact Ornstein–Uhlenbeck transition over many small steps, now and then a jump instead."""

    steps_per_day: float
    half_life_days: float
    daily_volatility: float
    jump_ppm: int
    jump_size: float

    def move(self, gap: float, days: float, key: bytes, n: int) -> float:
        size = draw(key, n + 1)
        if happens(draw(key, n + 2), self.jump_ppm):
            return self.jump_size if size >> 63 else -self.jump_size
        rate = LN2 / self.half_life_days
        reach = rate * days
        kept = exp(-reach) if reach < 600.0 else 0.0
        spread = self.daily_volatility * sqrt((1.0 - kept * kept) / (2.0 * rate))
        return gap * (kept - 1.0) + normal(size) * spread


_LISTED = ListPrice(steps_per_day=0.01, step_min=0.10, step_max=0.16)
_LISTED_BY_HYPERSCALERS = ListPrice(steps_per_day=1 / 30, step_min=0.03, step_max=0.10)
_HOSTS = HostSet(steps_per_day=0.5, pull=0.3, step_median=0.10, step_max=0.6)
_EXCHANGE = MeanReverting(
    steps_per_day=1.5, half_life_days=6.0, daily_volatility=0.017, jump_ppm=20_000, jump_size=0.05
)

_FLOORS_PPM: dict[ProviderClass, int] = {
    "marketplace": 300_000,
    "neocloud": 500_000,
    "hyperscaler": 300_000,
    "exchange": 300_000,
}


def process_for(name: PriceProcessName, provider_class: ProviderClass) -> PriceProcess | None:
    """The process of that name with the parameters measured for the class; None where prices are constant."""
    if name == "list_price":
        return _LISTED_BY_HYPERSCALERS if provider_class == "hyperscaler" else _LISTED
    return {"constant": None, "host_set": _HOSTS, "mean_reverting": _EXCHANGE}[name]


class PriceState(Struct, frozen=True, array_like=True):
    """Where a price path stands."""

    price_micros: int
    latent_nano: int
    moved_ms: int
    steps: int


class PricePath:
    """One offer's price as its process makes it: always a multiple of $0.001 within [floor, cap].

    The cap is the on-demand price; the floor is the class floor, or the start price where that is lower.
    Its state is `latent_nano`, `moved_ms` and `steps`, the counter of the stream `price/<offer>`.
    """

    __slots__ = (
        "_anchor_nano",
        "_cap_steps",
        "_days_per_ms",
        "_floor_micros",
        "_floor_nano",
        "_key",
        "_mean_ms",
        "_process",
        "latent_nano",
        "moved_ms",
        "price_micros",
        "steps",
    )

    def __init__(
        self,
        key: bytes,
        process: PriceProcess | None,
        *,
        activity: Factor,
        start_micros: int,
        on_demand_micros: int,
        provider_class: ProviderClass,
    ) -> None:
        class_floor = -(-on_demand_micros * _FLOORS_PPM[provider_class] // (PPM * PRICE_STEP_MICROS))
        self._key = key
        self._process = process if activity else None
        self._days_per_ms = activity / PPM / DAY_MS
        self._mean_ms = 0.0 if self._process is None else 1.0 / (self._process.steps_per_day * self._days_per_ms)
        self._cap_steps = on_demand_micros // PRICE_STEP_MICROS
        self._floor_micros = min(start_micros, class_floor * PRICE_STEP_MICROS)
        self._floor_nano = _nano(ln(self._floor_micros / on_demand_micros))
        self._anchor_nano = self.latent_nano = _nano(ln(start_micros / on_demand_micros))
        self.price_micros = start_micros
        self.moved_ms = 0
        self.steps = 0

    def first_delay_ms(self) -> int | None:
        """How long until the first step, or None for ever."""
        if self._process is None:
            return None
        return delay_ms(draw(self._key, 0), self._mean_ms)

    def step(self, now_ms: int) -> int:
        """Take the step that is due now, and say how long until the next."""
        process, key, before = self._process, self._key, self.latent_nano
        assert process is not None
        steps = self.steps
        days = (now_ms - self.moved_ms) * self._days_per_ms
        gap = (before - self._anchor_nano) / NANO
        latent = before + _nano(process.move(gap, days, key, steps * DRAWS_PER_STEP))
        if latent > 0:
            latent = 0
        elif latent < self._floor_nano:
            latent = self._floor_nano
        self.latent_nano = latent
        price = int(self._cap_steps * exp(latent / NANO) + 0.5) * PRICE_STEP_MICROS
        self.price_micros = price if price > self._floor_micros else self._floor_micros
        self.moved_ms = now_ms
        self.steps = steps + 1
        return delay_ms(draw(key, (steps + 1) * DRAWS_PER_STEP), self._mean_ms)

    def state(self) -> PriceState:
        """What a snapshot holds of it."""
        return PriceState(self.price_micros, self.latent_nano, self.moved_ms, self.steps)

    def restore(self, state: PriceState) -> None:
        """Be as the state says."""
        self.price_micros, self.latent_nano = state.price_micros, state.latent_nano
        self.moved_ms, self.steps = state.moved_ms, state.steps


def _nano(x: float) -> int:
    scaled = x * NANO
    return int(scaled + 0.5) if scaled >= 0 else -int(0.5 - scaled)
