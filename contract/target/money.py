"""Exact money: US dollars as fractions, rounded to the micro-dollar only where the contract says so."""

from decimal import Decimal
from fractions import Fraction

MICRO = Fraction(1, 1_000_000)
SECONDS_PER_HOUR = 3600
MINIMUM_SECONDS = 900


def dollars(text: str) -> Fraction:
    """The exact value of a decimal string."""
    return Fraction(Decimal(text))


def amount(value: Fraction) -> str:
    """Six decimals, as amounts are written (A18). The value must be a whole number of micro-dollars."""
    micros = value / MICRO
    assert micros.denominator == 1, f"{value} is finer than a micro-dollar"
    sign = "-" if micros < 0 else ""
    whole, rest = divmod(abs(micros.numerator), 1_000_000)
    return f"{sign}{whole}.{rest:06d}"


def rounded(value: Fraction) -> Fraction:
    """To the micro-dollar, half up (A7); charges are never negative."""
    return ((value / MICRO + Fraction(1, 2)) // 1) * MICRO


def hold_of(price: Fraction, gpus: int) -> Fraction:
    """The minimum session cost: fifteen minutes of every GPU (F8, F15, F18)."""
    return price * gpus * MINIMUM_SECONDS / SECONDS_PER_HOUR


def charge_of(price: Fraction, gpus: int, seconds: int) -> Fraction:
    """The charge for whole billed seconds of every GPU (F15, F18, A7)."""
    return rounded(price * gpus * seconds / SECONDS_PER_HOUR)


def whole_seconds(ms: int) -> int:
    """Milliseconds in seconds, begun ones counted whole (A7)."""
    return -(-ms // 1000)
