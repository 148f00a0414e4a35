"""How the market takes GPUs back: a rental's own hazard and the shocks of its offer (Marshall–Olkin).

The advertised probability p is the chance of interruption within the horizon while running (A1). Of the
hazard −ln(1−p)/horizon the share `shared` comes from shocks that strike the whole offer. Each shock draws a
severity S from Beta(0.8, 0.6), a fair middle of measured events, and each running rental falls with
probability S; so shocks arrive at shared × hazard / E[S], and p stays exact for each rental.
"""

from msgspec import Struct

from .numerics import delay_ms, exp, ln
from .randomness import DRAW_RANGE, PPM, draw, happens
from .scenario import InterruptionSettings

SEVERITY_A = 0.8
SEVERITY_B = 0.6
_MEAN_SEVERITY = SEVERITY_A / (SEVERITY_A + SEVERITY_B)


class Hazard(Struct, frozen=True, gc=False):
    """Rates per millisecond: of a rental's own interruption, and of its offer's shocks."""

    own_per_ms: float
    shock_per_ms: float


def hazard(probability_ppm: int, settings: InterruptionSettings) -> Hazard:
    """The rates that make `probability_ppm` the chance of interruption within the horizon (A1)."""
    if settings.mode == "none" or probability_ppm == 0:
        return Hazard(0.0, 0.0)
    total = -ln((PPM - probability_ppm) / PPM) / settings.horizon
    shared = settings.shared / PPM
    return Hazard((1.0 - shared) * total, shared * total / _MEAN_SEVERITY)


def own_delay_ms(key: bytes, rates: Hazard) -> int | None:
    """How long a rental runs until its own interruption, or None for ever; `key` is the stream `own/<rental>`."""
    return delay_ms(draw(key, 0), rates.own_per_ms) if rates.own_per_ms > 0.0 else None


class ShockClock:
    """The shocks of one offer: when the next is due, how severe it is. They happen whether or not anybody rents.

    Its state is `draws`, the counter of the stream `shock/<offer>`, and `index`, the next shock's number.
    """

    __slots__ = ("_key", "_rate", "draws", "index")

    def __init__(self, key: bytes, rates: Hazard) -> None:
        self._key = key
        self._rate = rates.shock_per_ms
        self.draws = 0
        self.index = 0

    def delay_ms(self) -> int | None:
        """How long until the next shock, or None for ever."""
        return delay_ms(self._draw(), self._rate) if self._rate > 0.0 else None

    def strike(self) -> tuple[int, int]:
        """The number and the severity, in parts per million, of the shock that is due now (Jöhnk's method)."""
        index = self.index
        self.index = index + 1
        while True:
            x = exp(ln((self._draw() + 1) / DRAW_RANGE) / SEVERITY_A)
            y = exp(ln((self._draw() + 1) / DRAW_RANGE) / SEVERITY_B)
            if x + y <= 1.0:
                return index, int(x / (x + y) * PPM + 0.5)

    def _draw(self) -> int:
        drawn = draw(self._key, self.draws)
        self.draws += 1
        return drawn


def is_hit(key: bytes, shock: int, severity_ppm: int) -> bool:
    """Whether shock number `shock` takes a running rental along; `key` is its stream `hit/<rental>`."""
    return happens(draw(key, shock), severity_ppm)
