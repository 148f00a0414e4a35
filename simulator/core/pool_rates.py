"""The rates at which the offers of a market go down and come back; those that do so about as often share theirs."""

from .calibration import PoolRates, calibrate
from .catalog import OfferSpec
from .market_settings import MarketSettings
from .numerics import exp, ln
from .quantities import Availability
from .randomness import PPM
from .realism import Shape

STEPS_PER_E = 100
"""Rates lie on a ladder: each is a hundredth above the one before."""


class MarketRates:
    """What the rates of a market's offers are. Those of an offer depend on nothing but itself and the settings."""

    __slots__ = ("_interruptions", "_settings", "_shape", "_shared")

    def __init__(self, settings: MarketSettings) -> None:
        self._settings = settings
        self._interruptions = settings.interruptions
        self._shape = settings.interruptions.shape or Shape()
        self._shared: dict[tuple[Availability, int], PoolRates] = {}

    def of(self, spec: OfferSpec) -> PoolRates | None:
        """Those of one offer, or None where it is always there. It goes down up to a hundredth less often than its
        share of the hazard wants, so that for very many offers few rates have to be found; its rentals' own hazard
        makes up for it exactly. Raises CannotCalibrate."""
        availability = self._settings.availability_of(spec)
        if availability == PPM:
            return None
        per_hour = self._interruptions.goes_down_per_hour(spec.interruption_probability)
        step = int(ln(per_hour) * STEPS_PER_E + 100_000.0)
        rates = self._shared.get((availability, step))
        if rates is None:
            rates = calibrate(availability, exp((step - 100_000) / STEPS_PER_E), self._shape)
            self._shared[availability, step] = rates
        return rates
