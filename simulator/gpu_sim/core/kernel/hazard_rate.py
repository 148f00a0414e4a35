"""The hazard behind a probability of interruption, and the probability that a hazard comes to (A1)."""

from .numerics import exp, ln
from .randomness import PPM

_HAZARD_MAX = 600.0  # certain to more places than a float has, and within what `exp` takes


def hazard_of(probability_ppm: int) -> float:
    """The hazard over a whole horizon, −ln(1 − p), that makes `probability_ppm`, below 1,000,000, the chance of an
    interruption within it (A1)."""
    return -ln((PPM - probability_ppm) / PPM)


def probability_of(hazard: float) -> int:
    """The probability in parts per million, the half up, that a hazard ≥ 0 over a whole horizon comes to: the inverse
    of `hazard_of`. It stays below 1, however large the hazard (A1)."""
    if hazard > _HAZARD_MAX:
        return PPM - 1
    return min(int((1.0 - exp(-hazard)) * PPM + 0.5), PPM - 1)
