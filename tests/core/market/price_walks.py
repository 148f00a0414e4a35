"""Prices that walk by themselves: paths outside any market, and what is read off them."""

import math
from itertools import pairwise

from gpu_sim.core.kernel.clock import DAY_MS
from gpu_sim.core.kernel.quantities import Factor
from gpu_sim.core.kernel.randomness import stream
from gpu_sim.core.market.price_levels import PriceLevel
from gpu_sim.core.market.price_processes import PriceProcess, process_for
from gpu_sim.core.market.prices import PricePath
from gpu_sim.core.scenario.catalog import ProviderClass
from gpu_sim.core.scenario.market_settings import PriceProcessName

ON_DEMAND = 10_000_000
"""Ten dollars: a step of $0.001 is too fine to disturb a measurement of large steps."""

FROZEN, MOVING = "pace/1", "pace/9"
"""Paces under seed 1 at which a smoothed price stands still, and moves about once a day."""


def measured(name: PriceProcessName, provider_class: ProviderClass, pace: str = MOVING) -> PriceProcess | None:
    """The process of that name; if it is smoothed, one that moves."""
    return process_for(name, provider_class, stream(1, pace))


def path(
    name: PriceProcessName,
    provider_class: ProviderClass = "marketplace",
    *,
    key: str = "price/x",
    pace: str = MOVING,
    activity_ppm: int = 1_000_000,
    start: int = 7_000_000,
    on_demand: int = ON_DEMAND,
    level: PriceLevel | None = None,
) -> PricePath:
    """A price of its own, from 70 % of the on-demand price by default."""
    return PricePath(
        stream(1, key),
        measured(name, provider_class, pace),
        activity=Factor(activity_ppm),
        start_micros=start,
        on_demand_micros=on_demand,
        provider_class=provider_class,
        level=level,
    )


def walk(moving: PricePath, steps: int) -> list[tuple[int, int]]:
    """Instants and prices of so many steps."""
    found, now, delay = list[tuple[int, int]](), 0, moving.first_delay_ms()
    assert delay is not None
    for _ in range(steps):
        now += delay
        delay = moving.step(now)
        found.append((now, moving.price_micros))
    return found


def log_steps(found: list[tuple[int, int]], start: int = 7_000_000) -> list[float]:
    """The logarithmic change of each step."""
    return [math.log(b / a) for a, b in pairwise([start, *(price for _, price in found)])]


def daily(found: list[tuple[int, int]], start: int = 7_000_000) -> list[float]:
    """The price's logarithmic change from each day's end to the next."""
    closing, price, waiting = [start], start, list(reversed(found))
    for day in range(1, found[-1][0] // DAY_MS):
        while waiting[-1][0] <= day * DAY_MS:
            price = waiting.pop()[1]
        closing.append(price)
    return [math.log(b / a) for a, b in pairwise(closing)]
