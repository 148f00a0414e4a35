"""Price processes: how large the steps of an offer's price are, by the measured behaviour of its provider class.

A process works on the latent ln(price / on-demand price). Step n of an offer uses draws 3n, 3n+1 and 3n+2 of its
stream `price/<offer>`: when it comes, how large it is, of which sort.
"""

from functools import lru_cache
from math import sqrt
from typing import Protocol

from msgspec import Struct

from ..kernel.numerics import LN2, exp, laplace, ln, normal, uniform
from ..kernel.randomness import draw, happens
from ..scenario.catalog import ProviderClass
from ..scenario.market_settings import PriceProcessName

DRAWS_PER_STEP = 3
REACH_MAX = 600.0
"""Of what lies so many time constants back nothing is left."""


class PriceProcess(Protocol):
    """The rule for the size of a step; `steps_per_day` is their mean number at activity 1."""

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
    """A host's own price: jumps that pull towards the anchor, plus a Laplace step, cut at `step_max`.

    The anchor moves with the level of the GPU model's prices, and by `stress_weight` of the stress on the offer: as
    much as leaves the typical move where it was measured, 0.11 to 0.18; twice as much would be too much.
    A host that comes anew asks a price drawn around it, with the standard deviation `newcomer_spread`.
    """

    steps_per_day: float
    pull: float
    step_median: float
    step_max: float
    stress_weight: float
    newcomer_spread: float

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
        kept = exp(-reach) if reach < REACH_MAX else 0.0
        spread = self.daily_volatility * sqrt((1.0 - kept * kept) / (2.0 * rate))
        return gap * (kept - 1.0) + normal(size) * spread


class Smoothed(Struct, frozen=True):
    """A price that the provider moves with care: small steps that trend, and a slow return to the anchor.

    A step is a mean of the latest `memory` normal draws, stretched so that few steps are large:
    `step_scale` × (exp(`step_shape` × |z|) − 1), then cut at `step_max`.
    """

    steps_per_day: float
    half_life_days: float
    memory: int
    step_scale: float
    step_shape: float
    step_max: float

    def move(self, gap: float, days: float, key: bytes, n: int) -> float:
        latest = range(max(0, n - (self.memory - 1) * DRAWS_PER_STEP), n + 1, DRAWS_PER_STEP)
        z = 0.0
        for before in latest:
            z += _news(key, before + 1)
        z /= sqrt(len(latest))
        size = self.step_scale * (exp(self.step_shape * abs(z)) - 1.0)
        step = size if z > 0 else -size
        reach = LN2 / self.half_life_days * days
        step += gap * ((exp(-reach) if reach < REACH_MAX else 0.0) - 1.0)
        most = self.step_max
        return most if step > most else -most if step < -most else step


@lru_cache(maxsize=10_000)
def _news(key: bytes, n: int) -> float:
    """A normal draw of a smoothed price, which counts in several steps."""
    return normal(draw(key, n))


_LISTED = ListPrice(steps_per_day=0.01, step_min=0.10, step_max=0.16)
_LISTED_BY_HYPERSCALERS = ListPrice(steps_per_day=1 / 30, step_min=0.03, step_max=0.10)
_HOSTS = HostSet(steps_per_day=0.5, pull=0.3, step_median=0.10, step_max=0.6, stress_weight=0.15, newcomer_spread=0.30)
_EXCHANGE = MeanReverting(
    steps_per_day=1.5, half_life_days=6.0, daily_volatility=0.017, jump_ppm=20_000, jump_size=0.05
)

_FROZEN_PPM = 750_000
_SMOOTHED_STEPS_PER_DAY = (0.1, 2.3)
_LN_PACES = ln(_SMOOTHED_STEPS_PER_DAY[1] / _SMOOTHED_STEPS_PER_DAY[0])


def _smoothed(pace: bytes) -> Smoothed | None:
    """Most such prices never move; the others each have a pace of their own, even on the scale of logarithms."""
    if happens(draw(pace, 0), _FROZEN_PPM):
        return None
    return Smoothed(
        steps_per_day=_SMOOTHED_STEPS_PER_DAY[0] * exp(_LN_PACES * uniform(draw(pace, 1))),
        half_life_days=42.0,
        memory=8,
        step_scale=0.0017,
        step_shape=1.17,
        step_max=0.05,
    )


def process_for(name: PriceProcessName, provider_class: ProviderClass, pace: bytes) -> PriceProcess | None:
    """The process of that name with the parameters measured for the class; None where the price is constant.

    `pace` is the stream `pace/<offer>`, which decides whether and how often a smoothed price moves.
    """
    if name == "smoothed":
        return _smoothed(pace)
    if name == "list_price":
        return _LISTED_BY_HYPERSCALERS if provider_class == "hyperscaler" else _LISTED
    return {"constant": None, "host_set": _HOSTS, "mean_reverting": _EXCHANGE}[name]
