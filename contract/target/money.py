"""Amounts of money: exact fractions of US dollars, and their decimal text in requests and answers."""

from decimal import Decimal
from fractions import Fraction

MICRO = Fraction(1, 1_000_000)


def dollars(text: str) -> Fraction:
    """The exact value of a decimal string such as `0.287`."""
    return Fraction(Decimal(text))


def amount(value: Fraction) -> str:
    """The text of an amount, with six decimals (A18). The value must be a whole number of micro-dollars."""
    micros = value / MICRO
    assert micros.denominator == 1, f"{value} is finer than a micro-dollar"
    sign = "-" if micros < 0 else ""
    whole, rest = divmod(abs(micros.numerator), 1_000_000)
    return f"{sign}{whole}.{rest:06d}"
