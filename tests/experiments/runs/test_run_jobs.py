"""Jobs of a renter in a run, to the millisecond and the micro-dollar."""

import pytest
from gpu_sim.core.kernel.quantities import Duration
from gpu_sim.core.scenario.experiment.renters import Arrivals, Fixed
from gpu_sim.experiments.renting.occasions import Began, MarketMoved, NoticeCame, RentalEnded, RentalRan, Ticked
from gpu_sim.experiments.renting.policy import End, GiveUp, Wait
from gpu_sim.experiments.runs.experiment import arrivals_ms
from gpu_sim.experiments.runs.facts import JobFacts, RentalFacts
from gpu_sim.experiments.runs.run_result import RunResult

from .small_market import HOUR_MS, MINUTE_MS, ON_DEMAND, SPOT, OneOf, run_with, small_market


def _job(result: RunResult) -> JobFacts:
    (job,) = result.facts.jobs
    return job


def _of(rental: RentalFacts) -> tuple[int, int | None, int, int, int]:
    """Where its time went: begun, ended, worked, lost, restart."""
    return rental.created_ms, rental.ended_ms, rental.worked_ms, rental.lost_ms, rental.restart_ms


def test_a_job_ends_its_rental_when_its_work_is_done() -> None:
    """It takes its overhead and its work from the instant at which it runs, and is billed by the second."""
    scenario = small_market("{name: a, jobs: {work: 2h, restart_overhead: 5m}}", delay="90s")
    result = run_with(scenario, OneOf())
    (rental,) = result.facts.rentals
    ended = 90_000 + 5 * MINUTE_MS + 2 * HOUR_MS
    assert _of(rental) == (0, ended, 2 * HOUR_MS, 0, 5 * MINUTE_MS)
    assert (rental.reason, rental.asked_to_end, rental.charge_micros) == ("deleted", True, 2_083_333)
    assert (_job(result).finished_ms, _job(result).done_ms) == (ended, 2 * HOUR_MS)
    assert result.facts.spent_micros == {"a": 2_083_333}


@pytest.mark.parametrize(
    ("checkpoint", "kept", "lost"),
    [("", 0, 90), (", checkpoint: {}", 90, 0), (", checkpoint: {every: 20m}", 80, 10)],
)
def test_an_interruption_loses_the_work_since_the_last_checkpoint(checkpoint: str, kept: int, lost: int) -> None:
    """Without checkpoints all of it, with them the rest; what was lost is done again."""
    down, up = 90 * MINUTE_MS, 100 * MINUTE_MS
    scenario = small_market(f"{{name: a, jobs: {{work: 2h{checkpoint}}}}}", down_up_ms=[down, up])
    policy = OneOf()
    result = run_with(scenario, policy)
    first, second = result.facts.rentals
    assert (first.worked_ms, first.lost_ms, first.cause) == (kept * MINUTE_MS, lost * MINUTE_MS, "shock")
    assert second.created_ms == up
    finished = up + 2 * HOUR_MS - kept * MINUTE_MS
    # It runs a millisecond after it was rented, which is held against nobody.
    assert _job(result).finished_ms == finished
    assert (down, RentalEnded(first.rental_id, SPOT, "interrupted", lost * MINUTE_MS)) in policy.asked


def test_without_a_tick_a_policy_is_asked_at_the_instant_of_what_it_is_told() -> None:
    """It hears of its beginning, of what runs, of an end that it did not ask for, and of the market where that is not
    as it saw it then."""
    down, up = 90 * MINUTE_MS, 100 * MINUTE_MS
    policy = OneOf()
    scenario = small_market("{name: a, jobs: {work: 2h, checkpoint: {}}}", down_up_ms=[down, up], delay="30s")
    result = run_with(scenario, policy)
    first, second = result.facts.rentals
    assert policy.asked == [
        (0, Began()),
        (30_000, RentalRan(first.rental_id)),
        (down, RentalEnded(first.rental_id, SPOT, "interrupted", 0)),
        (up, MarketMoved((SPOT,), (), ())),
        (up + 30_000, RentalRan(second.rental_id)),
    ]


def test_a_renter_with_a_tick_acts_at_ticks_alone() -> None:
    """An interruption between ticks is known at the next one, and the end of the work is, too: it pays whole ticks."""
    down, up = 92 * MINUTE_MS, 93 * MINUTE_MS
    policy = OneOf()
    scenario = small_market("{name: a, tick: 15m, jobs: {work: 2h, checkpoint: {}}}", down_up_ms=[down, up])
    result = run_with(scenario, policy)
    first, second = result.facts.rentals
    assert (first.ended_ms, second.created_ms) == (down, 105 * MINUTE_MS)
    assert second.ended_ms == _job(result).finished_ms == 135 * MINUTE_MS
    assert all(at_ms % (15 * MINUTE_MS) == 0 for at_ms, _ in policy.asked)
    told = [occasion for at_ms, occasion in policy.asked if at_ms == 105 * MINUTE_MS]
    assert [type(each) for each in told] == [RentalEnded, Ticked]


def test_a_renter_with_notices_sees_them_and_keeps_what_it_ends_in_time() -> None:
    """What it ends itself loses nothing."""

    class Heeds(OneOf):
        def decide(self, seen, occasion):  # type: ignore[no-untyped-def]  # as its base
            if isinstance(occasion, NoticeCame):
                return [End(occasion.rental_id)]
            return super().decide(seen, occasion)

    scenario = small_market(
        "{name: a, notices: true, jobs: {work: 2h}}", down_up_ms=[HOUR_MS, HOUR_MS + 1], notice="2m", until="70m"
    )
    first = run_with(scenario, Heeds()).facts.rentals[0]
    assert (first.ended_ms, first.worked_ms, first.lost_ms) == (58 * MINUTE_MS, 58 * MINUTE_MS, 0)


def test_the_work_of_one_gpu_takes_several_a_part_of_the_time() -> None:
    """Rounded up, and all of them are paid for."""
    result = run_with(small_market("{name: a, gpus: 4, jobs: {work: 2h}}"), OneOf())
    assert _job(result).finished_ms == HOUR_MS // 2
    assert result.facts.spent_micros == {"a": 2_000_000}


def test_a_job_that_has_cost_its_budget_is_given_up() -> None:
    """At the dollar, to the second, with what it had done."""
    result = run_with(small_market('{name: a, jobs: {work: 2h, budget: "1.00"}}'), OneOf())
    assert result.facts.spent_micros == {"a": 1_000_000}
    job = _job(result)
    assert (job.finished_ms, job.given_up_ms, job.done_ms) == (None, HOUR_MS, HOUR_MS)


def test_a_policy_may_wait_and_give_up() -> None:
    """It is asked when the wait is over, and never after it has given up."""

    class Shy(OneOf):
        def decide(self, seen, occasion):  # type: ignore[no-untyped-def]  # as its base
            super().decide(seen, occasion)
            return [GiveUp()] if seen.now_ms else [Wait(1_234)]

    policy = Shy()
    result = run_with(small_market("{name: a, jobs: {work: 2h}}", down_up_ms=[5_000]), policy)
    assert policy.asked == [(0, Began()), (1_234, Ticked())]
    assert (_job(result).given_up_ms, result.facts.rentals) == (1_234, [])


def test_of_two_rentals_the_older_works_and_the_other_takes_over_with_its_overhead() -> None:
    """A spare costs money and does no work until then."""
    scenario = small_market(
        "{name: a, jobs: {work: 2h, restart_overhead: 10m, checkpoint: {}}}", down_up_ms=[HOUR_MS], until="3h"
    )

    class Both(OneOf):
        def decide(self, seen, occasion):  # type: ignore[no-untyped-def]  # as its base
            if isinstance(occasion, Began):
                return [*super().decide(seen, occasion), *OneOf(ON_DEMAND).decide(seen, occasion)]
            return []

    spot, spare = run_with(scenario, Both()).facts.rentals
    assert _of(spot) == (0, HOUR_MS, 50 * MINUTE_MS, 0, 10 * MINUTE_MS)
    assert _of(spare) == (0, 140 * MINUTE_MS, 70 * MINUTE_MS, 0, 10 * MINUTE_MS)


def test_jobs_arrive_as_the_scenario_says() -> None:
    """At equal distances or at given instants; those after the end never come."""
    fixed = small_market("{name: a, jobs: {work: 1m, arrivals: {fixed: {every: 10h, count: 9}}}}")
    at = small_market("{name: a, jobs: {work: 1m, arrivals: {at: [1h, 2h, 2d]}}}")
    arrived = [
        [job.arrived_ms for job in run_with(scenario, *(OneOf() for _ in range(3))).facts.jobs]
        for scenario in (fixed, at)
    ]
    assert arrived == [[0, 10 * HOUR_MS, 20 * HOUR_MS], [HOUR_MS, 2 * HOUR_MS]]


def test_jobs_arrive_at_random_as_often_as_their_mean_says() -> None:
    """In 1,000 days one every six hours: 4,000 ± 4 standard deviations, and by another seed at other times."""
    scenario = small_market("{name: a, jobs: {work: 1ms, arrivals: {poisson: {every: 6h}}}}", until="1000d")
    runs = [run_with(scenario, *(OneOf() for _ in range(5_000)), seed=seed).facts.jobs for seed in (1, 2)]
    assert all(abs(len(jobs) - 4_000) < 4 * 4_000**0.5 for jobs in runs)
    assert runs[0][0].arrived_ms != runs[1][0].arrived_ms


def test_arrivals_after_the_end_cost_no_time_however_many_they_are() -> None:
    """An hour apart, so that three come within two hours and a minute."""
    every_hour = Arrivals(fixed=Fixed(every=Duration(HOUR_MS), count=10**15))
    assert arrivals_ms(every_hour, 1, "a", 2 * HOUR_MS + 60_000) == [0, HOUR_MS, 2 * HOUR_MS]
    assert arrivals_ms(every_hour, 1, "a", 2 * HOUR_MS) == [0, HOUR_MS]
