"""The hazard of interruption: a rental's own and that of the shocks of its offer (Marshall–Olkin).

The advertised probability p is the chance of interruption within the horizon while running (A1). Of the
hazard −ln(1−p)/horizon the share `shared` comes from shocks, each of which hits the whole offer. A shock draws a
severity S from a Beta distribution and interrupts each running rental with probability S; so shocks arrive at
shared × hazard / E[S], and p stays exact for each rental. Where a shock interrupts rentals one by one over a
`spread`, it interrupts those that ran when it hit, and none that began later: the shocks that a young rental is
spared are made up for by its own hazard. Where offers go down and come back (`market/availability.py`), each time that
one goes down is such a shock. Offers that follow a trace (`market/recorded_availability.py`) are interrupted by it
alone.
"""

from math import sqrt

from msgspec import Struct

from ..kernel.numerics import delay_ms, exp, exponential
from ..kernel.randomness import PPM, draw, happens
from ..scenario.availability_shape import MIDDLING, Severity
from ..scenario.market_settings import InterruptionSettings


class Hazard(Struct, frozen=True, gc=False):
    """Mean times in ms to a rental's own interruption, to its offer's next shock, and to one that hits the rental; None
    for never."""

    own_mean_ms: float | None
    shock_mean_ms: float | None
    shared_mean_ms: float | None = None


def hazard(probability_ppm: int, settings: InterruptionSettings) -> Hazard:
    """The mean times that make `probability_ppm` the chance of interruption within the horizon (A1)."""
    if settings.mode == "none" or probability_ppm == 0:
        return Hazard(None, None)
    own_ppm = PPM - settings.shared
    own_mean_ms = settings.mean_life_ms(probability_ppm) * PPM / own_ppm if own_ppm else None
    if not settings.shared:
        return Hazard(own_mean_ms, None)
    shared_mean_ms = settings.shared_mean_ms(probability_ppm)
    return Hazard(own_mean_ms, shared_mean_ms * settings.severity.mean, shared_mean_ms)


def own_delay_ms(key: bytes, hazard_: Hazard, spread_ms: int = 0) -> int | None:
    """The time from a rental's start to its own interruption, or None for never; `key` is its stream `own/<rental>`."""
    spared = _spared_delay_ms(key, hazard_, spread_ms)
    if hazard_.own_mean_ms is None:
        return spared
    own = delay_ms(draw(key, 0), hazard_.own_mean_ms)
    return own if spared is None else min(own, spared)


def _spared_delay_ms(key: bytes, hazard_: Hazard, spread_ms: int) -> int | None:
    """The time to the interruption that stands for the shocks that a rental is spared, since it began after them.

    At age a < spread those are the share 1 − a / spread of all shocks: with the hazard of that share added, the hazard
    by shocks is the same at each age.
    """
    if not spread_ms or hazard_.shared_mean_ms is None:
        return None
    left = 1.0 - exponential(draw(key, 1)) * 2.0 * hazard_.shared_mean_ms / spread_ms
    return max(1, int(spread_ms * (1.0 - sqrt(left)))) if left > 0.0 else None


class ShockClock(Struct, eq=False, gc=False):
    """Draws the shocks of one offer, the delay and the severity of each. They come whether or not anybody rents.

    Its state is `draws`, the counter of the stream `shock/<offer>`, which is `key`, and `index`, the next shock's
    number.
    """

    key: bytes
    hazard: Hazard
    severity: Severity = MIDDLING
    draws: int = 0
    index: int = 0

    def delay_ms(self) -> int | None:
        """The time to the next shock, or None for never."""
        mean_ms = self.hazard.shock_mean_ms
        return None if mean_ms is None else delay_ms(self._draw(), mean_ms)

    def next_number(self) -> int:
        """Count one shock more, and return its number."""
        self.index += 1
        return self.index - 1

    def draw_shock(self) -> tuple[int, int]:
        """The number and the severity, in parts per million, of the next shock (Jöhnk's method)."""
        index = self.next_number()
        a, b = self.severity.a / PPM, self.severity.b / PPM
        # Each try takes the next two draws of the stream, however many tries there are: `draws` alone says where it is.
        while True:
            x = exp(-exponential(self._draw()) / a)
            y = exp(-exponential(self._draw()) / b)
            if x + y <= 1.0:
                return index, int(x / (x + y) * PPM + 0.5)

    def _draw(self) -> int:
        drawn = draw(self.key, self.draws)
        self.draws += 1
        return drawn


def is_hit(key: bytes, shock: int, severity_ppm: int) -> bool:
    """True where shock number `shock` hits a running rental; `key` is its stream `hit/<rental>`."""
    return happens(draw(key, shock), severity_ppm)
