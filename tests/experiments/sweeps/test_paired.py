"""Paired differences and their intervals."""

from random import Random

import pytest
from gpu_sim.experiments.sweeps.paired import mean_interval, paired, student_t
from scipy.stats import t


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 6, 9, 19, 49, 999])
def test_the_quantile_is_that_of_students_distribution(freedom: int) -> None:
    """To a thousandth of it."""
    assert student_t(freedom) == pytest.approx(float(t.ppf(0.975, freedom)), rel=1e-3)


def test_luck_that_both_sides_share_cancels() -> None:
    """The interval is that of the differences, and as narrow a one would take many independent runs."""
    random = Random(1)
    luck = [random.gauss(0, 10) for _ in range(50)]
    values = [each + 1 + random.gauss(0, 0.1) for each in luck]
    found = paired(values, luck)
    assert found.mean == pytest.approx(1, abs=0.1)
    assert found.half_width is not None
    assert found.half_width < 0.05
    assert found.is_clear
    assert found.independent_runs is not None
    # The variance of each side is 100, that of the difference 0.01.
    assert 100_000 < found.independent_runs / 50 * 10 < 400_000


def test_an_interval_holds_the_truth_nineteen_times_of_twenty() -> None:
    """Of 2,000 intervals, each from five values, to within four standard deviations."""
    random = Random(2)
    held = 0
    for _ in range(2_000):
        mean, half_width = mean_interval([random.gauss(7, 3) for _ in range(5)])
        assert half_width is not None
        held += abs(mean - 7) <= half_width
    assert abs(held - 1_900) < 4 * (2_000 * 0.95 * 0.05) ** 0.5


def test_one_seed_says_nothing_of_luck_and_equal_runs_differ_in_nothing() -> None:
    """There is no interval, or one of no width."""
    assert (paired([3.0], [1.0]).half_width, mean_interval([3.0])) == (None, (3.0, None))
    same = paired([1.0, 2.0], [1.0, 2.0])
    assert (same.mean, same.half_width, same.independent_runs, same.is_clear) == (0, 0, None, False)
