"""The rates at which the offers of a market go down and come back, found on a ladder and taken between its rungs."""

from .calibration import PoolRates, between, calibrate
from .catalog import OfferSpec
from .market_settings import MarketSettings
from .numerics import exp, ln
from .quantities import Availability
from .randomness import PPM
from .realism import Shape

RUNGS_PER_E = 100
"""Each rung of the ladder is a hundredth above the one before."""


class MarketRates:
    """What the rates of a market's offers are. Those of an offer depend on nothing but itself and the settings."""

    __slots__ = ("_interruptions", "_rungs", "_settings", "_shape")

    def __init__(self, settings: MarketSettings) -> None:
        self._settings = settings
        self._interruptions = settings.interruptions
        self._shape = settings.interruptions.shape or Shape()
        self._rungs: dict[tuple[Availability, int], PoolRates] = {}

    def of(self, spec: OfferSpec) -> PoolRates | None:
        """Those of one offer, or None where it is always there. Raises CannotCalibrate."""
        availability = self._settings.availability_of(spec)
        if availability == PPM:
            return None
        per_hour = self._interruptions.goes_down_per_hour(spec.interruption_probability)
        at = ln(per_hour) * RUNGS_PER_E + 100_000.0
        rung = int(at)
        return between(self._rung(availability, rung), self._rung(availability, rung + 1), at - rung, per_hour)

    def _rung(self, availability: Availability, rung: int) -> PoolRates:
        rates = self._rungs.get((availability, rung))
        if rates is None:
            per_hour = exp((rung - 100_000) / RUNGS_PER_E)
            rates = self._rungs[availability, rung] = calibrate(availability, per_hour, self._shape)
        return rates
