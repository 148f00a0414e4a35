"""ln, exp and the distributions on them, against the mathematics of the standard library."""

import math
from itertools import pairwise
from statistics import NormalDist, fmean

import pytest
from gpu_sim.core.kernel.numerics import (
    LN2,
    delay_ms,
    exp,
    exponential,
    laplace,
    ln,
    normal,
    total,
    uniform,
)
from gpu_sim.core.kernel.randomness import DRAW_RANGE, draw, stream
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

DRAWS = [draw(stream(1, "numerics"), n) for n in range(4_000)]
EDGES = [0, 1, 2, DRAW_RANGE // 2 - 1, DRAW_RANGE // 2, DRAW_RANGE // 2 + 1, DRAW_RANGE - 2, DRAW_RANGE - 1]
draws = st.sampled_from(EDGES) | st.integers(0, DRAW_RANGE - 1)

positive = st.floats(min_value=5e-324, max_value=1.7e308, allow_nan=False)


@given(positive)
def test_ln_is_the_logarithm_to_the_last_places(x: float) -> None:
    assert math.isclose(ln(x), math.log(x), rel_tol=4e-16, abs_tol=4e-16)


@pytest.mark.parametrize(
    "x", [1.0, 2.0, 0.5, 0.7071067811865476, 0.7071067811865475, 1.4142135623730951, 5e-324, 1e308]
)
def test_ln_at_the_seams(x: float) -> None:
    assert math.isclose(ln(x), math.log(x), rel_tol=4e-16, abs_tol=4e-16)


@given(st.floats(0.99, 1.01))
def test_ln_keeps_its_places_near_one(x: float) -> None:
    assert math.isclose(ln(x), math.log(x), rel_tol=1e-15, abs_tol=1e-300)


@pytest.mark.parametrize("x", [0.0, -1.0, math.inf, math.nan])
def test_ln_of_what_has_none_is_our_bug(x: float) -> None:
    with pytest.raises(AssertionError):
        ln(x)


@given(st.floats(-700.0, 700.0))
def test_exp_is_the_power_of_e_to_the_last_places(x: float) -> None:
    assert math.isclose(exp(x), math.exp(x), rel_tol=1e-15)


@pytest.mark.parametrize("x", [0.0, -0.0, 1.0, -1.0, LN2 / 2, -LN2 / 2, LN2, 700.0, -700.0, 1e-300, -1e-17])
def test_exp_at_the_seams(x: float) -> None:
    assert math.isclose(exp(x), math.exp(x), rel_tol=1e-15)


@pytest.mark.parametrize("x", [700.0001, -700.0001, math.inf, -math.inf, math.nan])
def test_exp_out_of_its_range_is_our_bug(x: float) -> None:
    with pytest.raises(AssertionError):
        exp(x)


@given(st.floats(-600.0, 600.0))
def test_ln_undoes_exp(x: float) -> None:
    assert math.isclose(ln(exp(x)), x, rel_tol=1e-14, abs_tol=1e-14)


@given(draws)
def test_an_exponential_is_minus_the_logarithm_of_the_draw(drawn: int) -> None:
    assert math.isclose(exponential(drawn), -math.log((drawn + 1) / DRAW_RANGE), rel_tol=1e-12, abs_tol=1e-15)
    assert exponential(drawn) >= 0.0


def test_exponentials_are_distributed_as_such() -> None:
    assert kstest([exponential(drawn) for drawn in DRAWS], "expon").pvalue > 0.01


@given(draws)
def test_a_laplace_variable_takes_its_sign_from_the_top_bit(drawn: int) -> None:
    x = laplace(drawn)
    assert x >= 0.0 if drawn < DRAW_RANGE // 2 else x <= 0.0
    assert laplace(DRAW_RANGE - 1 - drawn) == -x


def test_laplace_variables_are_distributed_as_such_with_scale_one() -> None:
    variables = [laplace(drawn) for drawn in DRAWS]
    assert kstest(variables, "laplace").pvalue > 0.01
    assert abs(fmean(abs(x) for x in variables) - 1.0) < 0.05


@given(draws)
def test_a_uniform_is_below_one(drawn: int) -> None:
    assert 0.0 <= uniform(drawn) < 1.0
    assert abs(uniform(drawn) - drawn / DRAW_RANGE) < 2e-16


def test_uniforms_are_distributed_as_such() -> None:
    assert kstest([uniform(drawn) for drawn in DRAWS], "uniform").pvalue > 0.01


@given(draws)
def test_a_normal_variable_is_the_quantile_of_its_draw(drawn: int) -> None:
    doubled = 2 * drawn + 1
    tail = min(doubled, 2 * DRAW_RANGE - doubled) / (2 * DRAW_RANGE)
    expected = abs(NormalDist().inv_cdf(tail))
    assert math.isclose(abs(normal(drawn)), expected, rel_tol=1e-9, abs_tol=1e-9)
    assert (normal(drawn) < 0.0) == (drawn < DRAW_RANGE // 2)


@pytest.mark.parametrize("p", [0.0749999, 0.0750001, 0.5, 0.9249999, 0.9250001, 1.3e-11, 1.5e-11, 0.95, 0.001, 1e-15])
def test_a_normal_variable_at_the_seams_of_its_three_pieces(p: float) -> None:
    drawn = int(p * DRAW_RANGE)
    assert math.isclose(normal(drawn), NormalDist().inv_cdf((drawn + 0.5) / DRAW_RANGE), rel_tol=1e-9, abs_tol=1e-9)


def test_normal_variables_are_distributed_as_such_and_mirrored() -> None:
    assert kstest([normal(drawn) for drawn in DRAWS], "norm").pvalue > 0.01
    assert all(normal(DRAW_RANGE - 1 - drawn) == -normal(drawn) for drawn in EDGES + DRAWS[:100])


@pytest.mark.parametrize("sample", [exponential, laplace, normal, uniform])
def test_a_variable_is_monotonous_in_its_draw(sample: object) -> None:
    """Within each sign, for laplace: so that no draw is lost between two pieces."""
    assert callable(sample)
    half = DRAW_RANGE // 2
    for part in (range(0, half, half // 300), range(half, DRAW_RANGE, half // 300)):
        values = [sample(drawn) for drawn in part]
        assert values in (sorted(values), sorted(values, reverse=True))


@given(draws, st.floats(0.1, 1e12))
def test_a_delay_is_rounded_up_to_a_whole_millisecond(drawn: int, mean_ms: float) -> None:
    delay, exact = delay_ms(drawn, mean_ms), exponential(drawn) * mean_ms
    assert delay >= 1
    assert exact <= delay <= exact + 1


def test_the_largest_draw_gives_the_least_delay() -> None:
    assert delay_ms(DRAW_RANGE - 1, 1e9) == 1
    assert all(a >= b for a, b in pairwise(delay_ms(drawn, 1e6) for drawn in sorted(DRAWS)))


def test_a_total_is_rounded_after_each_addition_in_every_version_of_python() -> None:
    assert total([1e16, 1.0, -1e16]) == 0.0
    assert total([]) == 0.0
