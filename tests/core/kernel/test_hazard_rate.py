"""The hazard of a probability and the probability of a hazard, against the standard library."""

import math

import pytest
from gpu_sim.core.kernel.hazard_rate import hazard_of, probability_of
from hypothesis import given
from hypothesis import strategies as st


@given(st.integers(0, 999_999))
def test_a1_a_probability_is_that_of_its_hazard(probability_ppm: int) -> None:
    hazard = hazard_of(probability_ppm)
    assert math.isclose(hazard, -math.log1p(-probability_ppm / 1e6), rel_tol=1e-9)
    assert probability_of(hazard) == probability_ppm


@given(st.floats(0.0, 10.0))
def test_a1_a_hazard_comes_to_its_probability(hazard: float) -> None:
    assert abs(probability_of(hazard) + 1e6 * math.expm1(-hazard)) <= 0.5001


@pytest.mark.parametrize("hazard", [20.0, 599.9, 600.0, 600.1, 1e9, math.inf])
def test_a1_a_probability_is_below_1_however_large_the_hazard(hazard: float) -> None:
    assert probability_of(hazard) == 999_999
