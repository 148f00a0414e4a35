"""Rentals of mode poisson against what their offers advertise: held where it is so, and seen where it is not."""

from math import exp, isnan, log

import numpy as np
import pytest
from gpu_sim.core.kernel.quantities import Share
from gpu_sim.fidelity.runs.constant_hazard import (
    add_up,
    count_interruptions,
    exponential_p,
    rate_per_hour,
    tolerance_of_rate,
)
from gpu_sim.fidelity.runs.market_run import MarketHistory, run_market
from msgspec.structs import replace

from ..zone_markets import history, poisson, priced

PROBABILITY_PPM = 300_000
CONDITIONS = poisson(PROBABILITY_PPM, 16, 4, *[1] * 30)
SETTINGS = CONDITIONS.market.interruptions


@pytest.fixture(scope="module")
def found() -> MarketHistory:
    return run_market(CONDITIONS, 1, 10)


def test_the_rate_is_the_one_advertised(found: MarketHistory) -> None:
    counts = count_interruptions(found, SETTINGS)
    assert rate_per_hour(PROBABILITY_PPM, SETTINGS) == pytest.approx(-log(0.7))
    assert counts.expected > 1_000
    assert abs(counts.counted / counts.expected - 1) < tolerance_of_rate(counts)


def test_lifetimes_are_exponential(found: MarketHistory) -> None:
    counts = count_interruptions(found, SETTINGS)
    assert len(counts.ranks) > 2_000
    assert exponential_p(counts) > 0.01


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_another_rate_than_that_advertised_is_seen(found: MarketHistory, factor: float) -> None:
    wrong = Share(round(1_000_000 * (1 - exp(factor * log(0.7)))))
    claimed = replace(
        found,
        offers=tuple(replace(each, spec=replace(each.spec, interruption_probability=wrong)) for each in found.offers),
    )
    counts = count_interruptions(claimed, SETTINGS)
    assert abs(counts.counted / counts.expected - 1) > tolerance_of_rate(counts)
    assert exponential_p(counts) < 0.01


def test_shocks_that_take_several_along_make_counts_less_certain() -> None:
    # Beta(0.8, 0.6): E[S²]/E[S] = 1.8 / 2.4; of the hazard 0.8 is shared.
    alone, fleet = (count_interruptions(run_market(poisson(PROBABILITY_PPM, size), 1, 1), SETTINGS) for size in (1, 16))
    assert alone.variance == pytest.approx(alone.expected)
    assert fleet.variance == pytest.approx(fleet.expected * (1 + 15 * 0.8 * 0.75))


def test_counts_add_up_and_nothing_comes_to_nothing(found: MarketHistory) -> None:
    one = count_interruptions(found, SETTINGS)
    both = add_up([one, one])
    assert (both.counted, both.expected, len(both.ranks)) == (2 * one.counted, 2 * one.expected, 2 * len(one.ranks))
    nothing = count_interruptions(history(priced([1.0])), SETTINGS)
    assert (nothing.counted, nothing.expected, np.size(nothing.ranks)) == (0, 0, 0)
    assert isnan(tolerance_of_rate(nothing))
    assert isnan(exponential_p(nothing))
