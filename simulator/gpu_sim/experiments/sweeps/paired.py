"""Paired differences: each combination of settings against a baseline under the same seeds, so the same luck."""

from collections.abc import Sequence
from math import sqrt
from statistics import fmean, variance

from msgspec import Struct

CONFIDENCE = 0.95


class Paired(Struct, frozen=True):
    """The mean difference of a metric from the baseline over `seeds` seeds, and half the width of its 95 % interval.

    `independent_runs` is how many runs of each side under seeds of its own would give an interval as narrow: None where
    nothing differs. `half_width` is None with one seed, which says nothing of luck.
    """

    seeds: int
    mean: float
    half_width: float | None
    independent_runs: float | None

    @property
    def is_clear(self) -> bool:
        """True where the interval does not hold 0."""
        return self.half_width is not None and abs(self.mean) > self.half_width


def paired(values: Sequence[float], baseline: Sequence[float]) -> Paired:
    """The difference of values from those of the baseline, seed by seed in the same order; at least one seed."""
    count = len(values)
    differences = [value - base for value, base in zip(values, baseline, strict=True)]
    mean = fmean(differences)
    if count == 1:
        return Paired(1, mean, None, None)
    spread = variance(differences, mean)
    half_width = student_t(count - 1) * sqrt(spread / count)
    alone = variance(values) + variance(baseline)
    return Paired(count, mean, half_width, count * alone / spread if spread else None)


def mean_interval(values: Sequence[float]) -> tuple[float, float | None]:
    """The mean and half the width of its 95 % interval; None with one value."""
    mean = fmean(values)
    if len(values) == 1:
        return mean, None
    return mean, student_t(len(values) - 1) * sqrt(variance(values, mean) / len(values))


def student_t(freedom: int) -> float:
    """The 97.5th percentile of Student's distribution with so many degrees of freedom, by the Cornish–Fisher expansion
    (Abramowitz and Stegun, 26.7.5) from 5 on, where it is right to a thousandth, and by a table below."""
    if freedom <= len(_T_FEW):
        return _T_FEW[freedom - 1]
    z = 1.959963984540054
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / float(freedom) ** (index + 1) for index, term in enumerate(terms))


_T_FEW = (12.706204736, 4.302652730, 3.182446305, 2.776445105)
