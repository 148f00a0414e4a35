"""Runs, hazards and distributions of lifetimes, against values worked out by hand or known distributions."""

import numpy as np
import pytest
from gpu_sim.fidelity.traces.lifetimes import (
    complete_runs,
    distance_from_exponential,
    fit_weibull,
    hazard,
    hazard_by_age,
    interruptions,
    survival,
)

from ..zone_recordings import HOUR_SECONDS, marks

NONE = np.zeros(0)


def runs(text: str, *, state: bool, gap_seconds: float = HOUR_SECONDS) -> list[float]:
    """The complete runs of a recording, in hours."""
    return list(complete_runs(marks(text), state=state, gap_seconds=gap_seconds))


def test_the_first_and_the_last_run_are_left_out() -> None:
    assert runs("111 00 1 000 11 0", state=True) == [1, 2]
    assert runs("111 00 1 000 11 0", state=False) == [2, 3]
    assert runs("00 1 00", state=True, gap_seconds=900) == [0.25]


@pytest.mark.parametrize("text", ["", "1", "0", "1111", "0000", "1100", "01"])
def test_without_two_changes_no_run_is_complete(text: str) -> None:
    assert runs(text, state=True) == runs(text, state=False) == []


def test_an_interruption_is_a_tick_that_is_down_after_one_that_was_up() -> None:
    assert interruptions(marks("0110 100 11")).tolist() == [3, 5]
    assert interruptions(marks("1111")).tolist() == interruptions(marks("0000")).tolist() == []
    assert interruptions(marks("1")).tolist() == []


def test_the_hazard_is_ends_over_hours_at_risk() -> None:
    lives = np.array([0.25, 0.5, 1.0, 3.0])
    assert hazard(lives, 0, 0.5) == 1 / (0.25 + 3 * 0.5)
    assert hazard(lives, 0.5, 2) == 2 / (0.5 + 1.5)
    assert hazard(lives, 2, 3) == 0
    assert np.isnan(hazard(lives, 3, 4))
    assert np.isnan(hazard(NONE, 0, 1))


def test_the_hazard_by_age_has_a_value_between_each_two_ages() -> None:
    lives = np.array([0.5, 1.5, 1.5])
    assert hazard_by_age(lives, (0, 1, 2)).tolist() == [1 / 2.5, 2 / 1.0]
    assert np.isnan(hazard_by_age(lives)[-1])
    assert len(hazard_by_age(lives)) == 8


def test_survival_falls_from_one_to_zero_at_the_ages_that_occur() -> None:
    curve = survival(np.array([2.0, 1.0, 2.0, 5.0]))
    assert curve.ages_h.tolist() == [0, 1, 2, 5]
    assert curve.shares.tolist() == [1, 0.75, 0.25, 0]


def test_survival_without_a_life_stands_at_one() -> None:
    curve = survival(NONE)
    assert (curve.ages_h.tolist(), curve.shares.tolist()) == ([0], [1])


def test_a_weibull_distribution_is_found_again() -> None:
    lives = 1.75 * np.random.default_rng(1).weibull(0.6, 20_000)
    fitted = fit_weibull(lives)
    assert fitted.k == pytest.approx(0.6, abs=0.015)
    assert fitted.scale_h == pytest.approx(1.75, rel=0.05)


@pytest.mark.parametrize("lives", [[], [1.0, 2.0], [1.0, 1.0, 1.0, 1.0]])
def test_too_few_or_equal_lives_have_no_weibull_fit(lives: list[float]) -> None:
    fitted = fit_weibull(np.array(lives))
    assert np.isnan(fitted.k)
    assert np.isnan(fitted.scale_h)


def test_the_distance_from_the_exponential_is_that_of_the_worst_age() -> None:
    # Two lives of 1 h: the exponential with mean 1 has 1 − 1/e of its lives before the step at 1 h, which has none.
    assert distance_from_exponential(np.array([1.0, 1.0])) == pytest.approx(1 - np.exp(-1), abs=1e-12)
    assert distance_from_exponential(np.random.default_rng(2).exponential(3, 20_000)) < 0.015
    assert np.isnan(distance_from_exponential(NONE))
