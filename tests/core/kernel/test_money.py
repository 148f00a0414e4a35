"""Micro-dollars: formats and roundings."""

from fractions import Fraction

import pytest
from gpu_sim.core.kernel.money import cost_micros, format_price, format_usd, quantize_price, round_half_up
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0, "0.000000"),
        (1, "0.000001"),
        (-1, "-0.000001"),
        (71_750, "0.071750"),
        (25_000_000, "25.000000"),
        (-1_500_000, "-1.500000"),
        (10**18, "1000000000000.000000"),
    ],
)
def test_a18_money_has_six_decimals(micros: int, text: str) -> None:
    assert format_usd(micros) == text


@pytest.mark.parametrize(
    ("micros", "text"), [(287_000, "0.287"), (1_000, "0.001"), (2_000_000, "2.000"), (14_800_000, "14.800")]
)
def test_f4_a_price_has_three_decimals(micros: int, text: str) -> None:
    assert format_price(micros) == text


def test_a_price_finer_than_its_format_is_our_bug() -> None:
    with pytest.raises(AssertionError):
        format_price(287_001)


@pytest.mark.parametrize(
    ("numerator", "denominator", "rounded"),
    [(0, 7, 0), (1, 2, 1), (3, 2, 2), (1, 3, 0), (2, 3, 1), (1799, 3600, 0), (1800, 3600, 1), (1801, 3600, 1)],
)
def test_a7_halves_are_rounded_up(numerator: int, denominator: int, rounded: int) -> None:
    assert round_half_up(numerator, denominator) == rounded


def test_f18_two_gpus_cost_twice_the_rate_of_one() -> None:
    assert cost_micros(2_000_000, 2, 900) == 2 * cost_micros(2_000_000, 1, 900) == 1_000_000


def test_a7_the_charge_is_rounded_once_and_not_per_gpu() -> None:
    one = Fraction(287_000 * 901, 3600)
    assert cost_micros(287_000, 1, 901) == 71_830  # 71,829.72
    assert cost_micros(287_000, 3, 901) == 215_489  # 215,489.17, where 3 × 71,830 is 215,490
    assert 3 * one == Fraction(287_000 * 3 * 901, 3600)


@given(st.integers(1, 10**6), st.integers(1, 10**4), st.integers(0, 10**8))
def test_a7_a_cost_is_within_half_a_micro_dollar_of_the_exact_one(price: int, gpus: int, seconds: int) -> None:
    exact = Fraction(price * 1_000 * gpus * seconds, 3600)
    off = cost_micros(price * 1_000, gpus, seconds) - exact
    assert Fraction(-1, 2) < off <= Fraction(1, 2)


@given(st.integers(1, 10**6), st.integers(1, 10**4))
def test_a7_the_cost_of_fifteen_minutes_is_exact(thousandths: int, gpus: int) -> None:
    assert 4 * cost_micros(thousandths * 1_000, gpus, 900) == thousandths * 1_000 * gpus


@pytest.mark.parametrize(
    ("micros", "price"),
    [(0, 1_000), (1, 1_000), (499, 1_000), (1_499, 1_000), (1_500, 2_000), (287_499, 287_000), (287_500, 288_000)],
)
def test_a_price_is_quantized_half_up_and_never_nothing(micros: int, price: int) -> None:
    assert quantize_price(micros) == price
