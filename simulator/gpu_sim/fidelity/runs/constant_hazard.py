"""Whether rentals of mode `poisson` are interrupted as their offers advertise: the rate, and the law of lifetimes."""

from collections.abc import Iterable

import numpy as np
from msgspec import Struct
from scipy.stats import kstest

from ...core.kernel.clock import HOUR_MS
from ...core.kernel.numerics import hazard_of
from ...core.kernel.randomness import PPM
from ...core.scenario.market_settings import InterruptionSettings
from ..traces.arrays import NOTHING, Floats
from .market_run import MarketHistory, OfferHistory

ERRORS = 3
"""How many standard errors the realised rate may be off."""

LIVES_MIN = 2_000
"""So many lifetimes are needed to test their distribution."""


class Taken(Struct, frozen=True, eq=False):
    """What was taken back: how often, how often it was due, the variance of that, and `ranks` of single lifetimes.

    A rank is the probability of a shorter life given that it ended within the run: uniform where the hazard is as
    advertised. There is one life at a time of each offer among them, since those of one fleet end together.
    """

    seen: int
    due: float
    variance: float
    ranks: Floats


def count_taken(market: MarketHistory, settings: InterruptionSettings) -> Taken:
    """Over all offers of a market."""
    counted = [_of_offer(offer, settings, market.length_ms) for offer in market.offers]
    return add_up(each for each in counted if each is not None)


def add_up(several: Iterable[Taken]) -> Taken:
    """All of them as one."""
    all_ = list(several)
    ranks = np.concatenate([each.ranks for each in all_]) if all_ else np.zeros(0)
    return Taken(
        sum(each.seen for each in all_), sum(each.due for each in all_), sum(each.variance for each in all_), ranks
    )


def _of_offer(offer: OfferHistory, settings: InterruptionSettings, length_ms: int) -> Taken | None:
    per_hour = rate_per_hour(offer.spec.interruption_probability, settings)
    lives = offer.lives
    if not per_hour or not len(lives.slot):
        return None
    hours = (lives.ended_ms - lives.began_ms) / HOUR_MS
    due = per_hour * float(hours.sum())
    one = (lives.slot == 0) & lives.taken
    left_h = (length_ms - lives.began_ms[one]) / HOUR_MS
    ranks = np.expm1(-per_hour * hours[one]) / np.expm1(-per_hour * left_h)
    return Taken(int(lives.taken.sum()), due, due * _clumping(offer.fleet_size, settings), ranks)


def rate_per_hour(probability_ppm: int, settings: InterruptionSettings) -> float:
    """The hazard of a rental that the advertised probability means."""
    return hazard_of(probability_ppm) * HOUR_MS / settings.horizon


def _clumping(size: int, settings: InterruptionSettings) -> float:
    """How much larger than its mean the variance of a count is, as shocks take several nodes of a fleet along."""
    severity = settings.severity
    second_over_first = (severity.a + PPM) / (severity.a + severity.b + PPM)
    return 1 + (size - 1) * settings.shared / PPM * second_over_first


def tolerance_of_rate(taken: Taken) -> float:
    """How far the realised rate over that due may be from 1."""
    return ERRORS * float(np.sqrt(taken.variance)) / taken.due if taken.due else NOTHING


def exponential_p(taken: Taken) -> float:
    """The Kolmogorov–Smirnov p of the lifetimes; NaN for too few."""
    return float(kstest(taken.ranks, "uniform").pvalue) if len(taken.ranks) >= LIVES_MIN else NOTHING
