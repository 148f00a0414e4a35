"""Interruptions of mode `poisson` against the advertised hazard: their rate, and the distribution of lifetimes."""

from collections.abc import Iterable

import numpy as np
from msgspec import Struct
from scipy.stats import kstest

from ...core.kernel.clock import HOUR_MS
from ...core.kernel.hazard_rate import hazard_of
from ...core.kernel.randomness import PPM
from ...core.scenario.market_settings import InterruptionSettings
from ..traces.arrays import NOTHING, Floats
from .market_run import MarketHistory, OfferHistory

STANDARD_ERRORS = 3
"""The most standard errors by which the realised rate may be off: by chance one sound run in 370 is further off."""

LIFETIMES_MIN = 2_000
"""Fewer lifetimes hardly tell an exponential distribution from another."""


class InterruptionCounts(Struct, frozen=True, eq=False):
    """Interruptions: those `counted`, those `expected` with their `variance`, and the `ranks` of single lifetimes.

    A rank is the probability of a shorter lifetime given that it ended within the run: uniform where the hazard is as
    advertised. Each offer has one rental at a time among them, since those of one fleet end together.
    """

    counted: int
    expected: float
    variance: float
    ranks: Floats


def count_interruptions(market: MarketHistory, settings: InterruptionSettings) -> InterruptionCounts:
    """The counts of all offers of a market."""
    counted = [_of_offer(offer, settings, market.length_ms) for offer in market.offers]
    return add_up(each for each in counted if each is not None)


def add_up(several: Iterable[InterruptionCounts]) -> InterruptionCounts:
    """The sum of several counts, with the ranks of all."""
    all_ = list(several)
    ranks = np.concatenate([each.ranks for each in all_]) if all_ else np.zeros(0)
    return InterruptionCounts(
        sum(each.counted for each in all_),
        sum(each.expected for each in all_),
        sum(each.variance for each in all_),
        ranks,
    )


def _of_offer(offer: OfferHistory, settings: InterruptionSettings, length_ms: int) -> InterruptionCounts | None:
    per_hour = rate_per_hour(offer.spec.interruption_probability, settings)
    rentals = offer.rentals
    if not per_hour or not len(rentals.slot):
        return None
    hours = (rentals.ended_ms - rentals.began_ms) / HOUR_MS
    expected = per_hour * float(hours.sum())
    # Slot 0 alone: nodes of a fleet end together in shocks, and the test takes independent lifetimes.
    one = (rentals.slot == 0) & rentals.interrupted
    left_h = (length_ms - rentals.began_ms[one]) / HOUR_MS
    ranks = np.expm1(-per_hour * hours[one]) / np.expm1(-per_hour * left_h)
    return InterruptionCounts(
        int(rentals.interrupted.sum()), expected, expected * _clumping(offer.fleet_size, settings), ranks
    )


def rate_per_hour(probability_ppm: int, settings: InterruptionSettings) -> float:
    """The hazard of a rental that the advertised probability means."""
    return hazard_of(probability_ppm) * HOUR_MS / settings.horizon


def _clumping(size: int, settings: InterruptionSettings) -> float:
    """Variance over mean of a count: above 1, as a shock interrupts several nodes of a fleet at once."""
    severity = settings.severity
    second_over_first = (severity.a + PPM) / (severity.a + severity.b + PPM)
    return 1 + (size - 1) * settings.shared / PPM * second_over_first


def tolerance_of_rate(counts: InterruptionCounts) -> float:
    """The largest distance from 1 of the realised rate over the expected one."""
    return STANDARD_ERRORS * float(np.sqrt(counts.variance)) / counts.expected if counts.expected else NOTHING


def exponential_p(counts: InterruptionCounts) -> float:
    """The Kolmogorov–Smirnov p of the lifetimes; NaN for too few."""
    return float(kstest(counts.ranks, "uniform").pvalue) if len(counts.ranks) >= LIFETIMES_MIN else NOTHING
