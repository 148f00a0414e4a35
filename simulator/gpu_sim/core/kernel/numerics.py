"""`ln` and `exp` built on + − × ÷ alone, and the distributions built on them.

A platform's libm may differ from another's in the last bit, IEEE 754 basic arithmetic does not: the same
draw gives the same bits on every machine.
"""

import math
from collections.abc import Iterable

from .randomness import DRAW_BITS, DRAW_RANGE

NANO = 1_000_000_000
"""Latent values are whole 10⁻⁹."""

LN2 = 0.6931471805599453
_LN2_HIGH = 0.6931471805598903  # the first 42 bits of ln 2, so that a product with a small integer is exact
_LN2_LOW = 5.497923018708371e-14
_LOG2_E = 1.0 / LN2
_SQRT_HALF = 0.7071067811865476
_SQRT_TWO = 1.4142135623730951
_INVERSE_POWERS = tuple(1.0 / (1 << k) for k in range(DRAW_BITS + 2))
_A1, _A3, _A5, _A7, _A9, _A11, _A13, _A15, _A17, _A19 = (2.0 / k for k in range(1, 21, 2))
_E0, _E1, _E2, _E3, _E4, _E5, _E6, _E7, _E8, _E9, _E10, _E11, _E12, _E13 = (1.0 / math.factorial(k) for k in range(14))


def ln(x: float) -> float:
    """The natural logarithm of a finite x > 0, to about one unit in the last place."""
    assert 0.0 < x < math.inf, x
    half, exponent = math.frexp(x)  # only takes the bits apart: it rounds nothing
    return _ln_scaled(half + half, exponent - 1)


def _ln_of_steps(steps: int, bits: int) -> float:
    """ln(steps / 2**bits) for 1 ≤ steps ≤ 2**65."""
    exponent = steps.bit_length()
    return _ln_scaled(steps * _INVERSE_POWERS[exponent], exponent - bits)


def _ln_scaled(mantissa: float, exponent: int) -> float:
    """ln(mantissa × 2**exponent) for a mantissa in [0.5, 2], which is brought into [√½, √2] first."""
    if mantissa < _SQRT_HALF:
        mantissa += mantissa
        exponent -= 1
    elif mantissa > _SQRT_TWO:
        mantissa *= 0.5
        exponent += 1
    s = (mantissa - 1.0) / (mantissa + 1.0)
    z = s * s
    series = (((((_A19 * z + _A17) * z + _A15) * z + _A13) * z + _A11) * z + _A9) * z + _A7
    return exponent * LN2 + s * (((series * z + _A5) * z + _A3) * z + _A1)


def exp(x: float) -> float:
    """e to the power x for |x| ≤ 700, to a few units in the last place."""
    assert -700.0 <= x <= 700.0, x
    exponent = int(x * _LOG2_E + (0.5 if x >= 0.0 else -0.5))
    rest = x - exponent * _LN2_HIGH - exponent * _LN2_LOW
    series = (((((_E13 * rest + _E12) * rest + _E11) * rest + _E10) * rest + _E9) * rest + _E8) * rest + _E7
    series = (((((series * rest + _E6) * rest + _E5) * rest + _E4) * rest + _E3) * rest + _E2) * rest + _E1
    total = series * rest + _E0
    return math.ldexp(total, exponent)  # a power of two: it rounds nothing either


def nano(x: float) -> int:
    """x in whole 10⁻⁹, the half away from zero."""
    scaled = x * NANO
    return int(scaled + 0.5) if scaled >= 0 else -int(0.5 - scaled)


def total(numbers: Iterable[float]) -> float:
    """The sum from left to right, rounded after each addition: `sum` does otherwise from Python 3.12 on."""
    added = 0.0
    for number in numbers:
        added += number
    return added


def exponential(drawn: int) -> float:
    """A unit exponential from one draw: −ln of a uniform in (0, 1]."""
    steps = drawn + 1
    exponent = steps.bit_length()
    return -_ln_scaled(steps * _INVERSE_POWERS[exponent], exponent - DRAW_BITS)


def delay_ms(drawn: int, mean_ms: float) -> int:
    """An exponential waiting time of that mean, rounded up to whole milliseconds, at least 1."""
    return int(exponential(drawn) * mean_ms) + 1


def laplace(drawn: int) -> float:
    """A Laplace variable of scale 1 and mean 0 from one draw: its top bit is the sign."""
    if drawn < DRAW_RANGE >> 1:
        return -_ln_of_steps(drawn + 1, DRAW_BITS - 1)
    return _ln_of_steps(DRAW_RANGE - drawn, DRAW_BITS - 1)


def uniform(drawn: int) -> float:
    """A float in [0, 1) with 53 random bits."""
    return (drawn >> (DRAW_BITS - 53)) / (1 << 53)


# Coefficients of Wichura's algorithm AS 241 (PPND16), highest power first: numerator, denominator.
_CENTRAL = (
    (
        2509.0809287301226727,
        33430.575583588128105,
        67265.770927008700853,
        45921.953931549871457,
        13731.693765509461125,
        1971.5909503065514427,
        133.14166789178437745,
        3.387132872796366608,
    ),
    (
        5226.495278852545925,
        28729.085735721942674,
        39307.89580009271061,
        21213.794301586595867,
        5394.1960214247511077,
        687.1870074920579083,
        42.313330701600911252,
        1.0,
    ),
)
_MIDDLE = (
    (
        7.7454501427834140764e-4,
        0.0227238449892691845833,
        0.24178072517745061177,
        1.27045825245236838258,
        3.64784832476320460504,
        5.7694972214606914055,
        4.6303378461565452959,
        1.42343711074968357734,
    ),
    (
        1.05075007164441684324e-9,
        5.475938084995344946e-4,
        0.0151986665636164571966,
        0.14810397642748007459,
        0.68976733498510000455,
        1.6763848301838038494,
        2.05319162663775882187,
        1.0,
    ),
)
_TAIL = (
    (
        2.01033439929228813265e-7,
        2.71155556874348757815e-5,
        0.0012426609473880784386,
        0.026532189526576123093,
        0.29656057182850489123,
        1.7848265399172913358,
        5.4637849111641143699,
        6.6579046435011037772,
    ),
    (
        2.04426310338993978564e-15,
        1.4215117583164458887e-7,
        1.8463183175100546818e-5,
        7.868691311456132591e-4,
        0.0148753612908506148525,
        0.13692988092273580531,
        0.59983220655588793769,
        1.0,
    ),
)


def normal(drawn: int) -> float:
    """A standard normal variable from one draw, by the inverse distribution function (AS 241)."""
    doubled = 2 * drawn + 1  # the middle of the draw's cell, over 2**65
    q = (doubled - DRAW_RANGE) * _INVERSE_POWERS[DRAW_BITS + 1]
    if abs(q) <= 0.425:
        return q * _rational(_CENTRAL, 0.180625 - q * q)
    r = math.sqrt(-_ln_of_steps(min(doubled, 2 * DRAW_RANGE - doubled), DRAW_BITS + 1))
    x = _rational(_MIDDLE, r - 1.6) if r <= 5.0 else _rational(_TAIL, r - 5.0)
    return -x if q < 0 else x


def _rational(coefficients: tuple[tuple[float, ...], tuple[float, ...]], x: float) -> float:
    (a7, a6, a5, a4, a3, a2, a1, a0), (b7, b6, b5, b4, b3, b2, b1, b0) = coefficients
    above = ((((((a7 * x + a6) * x + a5) * x + a4) * x + a3) * x + a2) * x + a1) * x + a0
    below = ((((((b7 * x + b6) * x + b5) * x + b4) * x + b3) * x + b2) * x + b1) * x + b0
    return above / below
