"""Distributions of delays: what they may be, and that samples follow them."""

from collections.abc import Callable
from statistics import quantiles

import pytest
from gpu_sim.core.kernel.quantities import Duration
from gpu_sim.core.kernel.randomness import DRAW_RANGE, draw, stream
from gpu_sim.core.scenario.distributions import Distribution, LogNormal, Uniform, fixed
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

DRAWS = [draw(stream(1, "distributions"), n) for n in range(4_000)]
draws = st.integers(0, DRAW_RANGE - 1)


def uniform(low: int, high: int) -> Callable[[int], int]:
    return Distribution(uniform=Uniform(Duration(low), Duration(high))).sampler()


def lognormal(median: int, p95: int, low: int = 0, high: int | None = None) -> Callable[[int], int]:
    top = None if high is None else Duration(high)
    return Distribution(lognormal=LogNormal(Duration(median), Duration(p95), Duration(low), top)).sampler()


@given(draws)
def test_a_fixed_delay_is_always_the_same(drawn: int) -> None:
    assert fixed(1_234).sampler()(drawn) == 1_234
    assert fixed(0).sampler()(drawn) == 0


@given(draws)
def test_a_uniform_delay_lies_between_its_ends(drawn: int) -> None:
    assert 5 <= uniform(5, 7)(drawn) <= 7
    assert uniform(5, 5)(drawn) == 5


def test_a_uniform_delay_is_equally_likely_at_both_ends() -> None:
    sampled = [uniform(0, 9)(drawn) for drawn in DRAWS]
    assert all(abs(sampled.count(value) - 400) < 80 for value in range(10))


def test_a_lognormal_delay_has_its_median_and_its_95th_percentile() -> None:
    sampled = [lognormal(90_000, 420_000)(drawn) for drawn in DRAWS]
    cuts = quantiles(sampled, n=20)
    assert abs(cuts[9] / 90_000 - 1) < 0.05
    assert abs(cuts[18] / 420_000 - 1) < 0.08
    sigma = 0.9365245  # ln(420 / 90) / 1.6448536
    assert kstest([value / 90_000 for value in sampled], "lognorm", args=(sigma,)).pvalue > 0.01


def test_the_median_draw_gives_the_median() -> None:
    assert lognormal(90_000, 420_000)(DRAW_RANGE // 2) == 90_000


def test_a_lognormal_delay_can_be_clipped_on_both_sides() -> None:
    sampled = [lognormal(90_000, 420_000, 60_000, 200_000)(drawn) for drawn in DRAWS]
    assert (min(sampled), max(sampled)) == (60_000, 200_000)


def test_a_lognormal_delay_without_spread_is_its_median() -> None:
    assert {lognormal(50, 50)(drawn) for drawn in DRAWS} == {50}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: Uniform(Duration(2), Duration(1)), "min is above max"),
        (lambda: LogNormal(Duration(0), Duration(1)), "median must be above 0s"),
        (lambda: LogNormal(Duration(2), Duration(1)), "p95 is below the median"),
        (lambda: LogNormal(Duration(1), Duration(2), Duration(5), Duration(4)), "min is above max"),
        (Distribution, "exactly one of"),
        (lambda: Distribution(fixed=Duration(1), uniform=Uniform(Duration(1), Duration(2))), "exactly one of"),
    ],
)
def test_an_impossible_distribution_is_refused(wrong: type[Distribution], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        wrong()
