"""Amounts of money: whole micro-dollars (1,000,000 = $1), and their decimal strings."""

MICROS_PER_DOLLAR = 1_000_000
PRICE_STEP_MICROS = 1_000
"""Prices are multiples of a tenth of a cent (A7)."""
PRICE_MICROS_MAX = 10**12
"""No price is above a million dollars per GPU and hour."""


def format_usd(micros: int) -> str:
    """An amount with six decimals: 71750 -> "0.071750" (A18)."""
    sign, micros = ("-", -micros) if micros < 0 else ("", micros)
    return f"{sign}{micros // MICROS_PER_DOLLAR}.{micros % MICROS_PER_DOLLAR:06d}"


def format_price(micros_per_hour: int) -> str:
    """A price per GPU and hour with three decimals: 287000 -> "0.287" (F4). It is always a multiple of 1,000."""
    assert micros_per_hour % PRICE_STEP_MICROS == 0, micros_per_hour
    return f"{micros_per_hour // MICROS_PER_DOLLAR}.{micros_per_hour // PRICE_STEP_MICROS % 1000:03d}"


def round_half_up(numerator: int, denominator: int) -> int:
    """numerator / denominator as a whole number, halves away from zero for amounts ≥ 0 (A7)."""
    return (2 * numerator + denominator) // (2 * denominator)


def cost_micros(price_micros_per_hour: int, gpu_count: int, seconds: int) -> int:
    """The cost of so many GPUs for so many seconds, in micro-dollars, half up, rounded once (A7, F18)."""
    return round_half_up(price_micros_per_hour * gpu_count * seconds, 3600)


def quantize_price(micros_per_hour: int) -> int:
    """The nearest multiple of $0.001, half up, at least $0.001."""
    return max(1, round_half_up(micros_per_hour, PRICE_STEP_MICROS)) * PRICE_STEP_MICROS
