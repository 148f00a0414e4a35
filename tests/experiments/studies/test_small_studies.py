"""The studies of checkpoints and of low credit come out as their scenarios say."""

from math import sqrt
from statistics import fmean

import pytest
from gpu_sim import load_scenario
from gpu_sim.core.kernel.hazard_rate import hazard_of
from gpu_sim.experiments.runs.run import run
from gpu_sim.experiments.sweeps.settings import Template

CHECKPOINTS = Template(load_scenario("checkpoint-interval"))
CREDIT = Template(load_scenario("low-credit-jobs"))


def _hours(every: str, seeds: range) -> float:
    scenario = CHECKPOINTS.under({"renters.job.jobs.checkpoint.every": every})
    return fmean(float(run(scenario, seed=seed).metrics["total.job_hours_median"] or 0) for seed in seeds)


def test_neither_many_checkpoints_nor_few_are_best() -> None:
    """The interval of Young and Daly is better than a fourth of it and than four times as much."""
    few, best, many = (_hours(every, range(1, 4)) for every in ("8m", "32m", "120m"))
    assert best < few
    assert best < many


@pytest.mark.slow
def test_the_best_interval_is_that_of_young_and_daly() -> None:
    """Within 20 %, of the intervals that were tried."""
    offer = load_scenario("checkpoint-interval").market.offers[0]
    mean_minutes = 60 / hazard_of(offer.interruption_probability)
    predicted = sqrt(2 * 2 * mean_minutes)
    minutes = [8, 16, 24, 32, 40, 60, 120]
    means = [_hours(f"{each}m", range(1, 41)) for each in minutes]
    best = minutes[means.index(min(means))]
    assert abs(best - predicted) <= 0.2 * predicted, (best, predicted, means)


def _late_and_refused(minimum: str, expiry: str) -> tuple[float, float]:
    scenario = CREDIT.under({"billing.minimum": minimum, "billing.hold_expiry": expiry})
    rows = [run(scenario, seed=seed).metrics for seed in range(1, 4)]
    late, refused = (
        fmean(float(row[f"total.{name}"] or 0) for row in rows) for name in ("deadlines_missed", "refusals")
    )
    return late, refused


def test_large_holds_make_jobs_late_and_their_expiry_lets_some_in_again() -> None:
    """With the same credit."""
    small, large, expiring = (_late_and_refused(*terms) for terms in (("15m", "none"), ("4h", "none"), ("4h", "30m")))
    assert small == (0, 0)
    assert large > expiring > small
    assert large[1] > expiring[1] > 0
