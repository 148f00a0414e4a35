"""The rules of billing: holds and charges, exact until the one rounding that the contract prescribes (A7)."""

from fractions import Fraction

from ..target.money import MICRO

SECONDS_PER_HOUR = 3600
MINIMUM_SECONDS = 900


def rounded(value: Fraction) -> Fraction:
    """A charge in whole micro-dollars, half of one rounded up (A7)."""
    return ((value / MICRO + Fraction(1, 2)) // 1) * MICRO


def hold_of(price: Fraction, gpus: int) -> Fraction:
    """The minimum session cost: fifteen minutes of every GPU (F8, F15, F18)."""
    return price * gpus * MINIMUM_SECONDS / SECONDS_PER_HOUR


def charge_of(price: Fraction, gpus: int, seconds: int) -> Fraction:
    """The charge for whole billed seconds of every GPU (F15, F18, A7)."""
    return rounded(price * gpus * seconds / SECONDS_PER_HOUR)


def whole_seconds(ms: int) -> int:
    """Milliseconds in seconds, a begun one counted whole (A7)."""
    return -(-ms // 1000)
