"""Courses of metrics: at each instant the value of a run that ends there, and in the end what the ledger says."""

from functools import cache
from itertools import pairwise

import pytest
from gpu_sim.core.billing.ledger import RentalSettled
from gpu_sim.core.kernel.clock import HOUR_MS, MINUTE_MS, SECOND_MS
from gpu_sim.core.kernel.quantities import Duration
from gpu_sim.core.replay import replay
from gpu_sim.core.scenario.scenario import Scenario
from gpu_sim.experiments.runs.facts import JobFacts, RunFacts, ServiceFacts
from gpu_sim.experiments.runs.measures.courses import Stretch, course_of, steps
from gpu_sim.experiments.runs.metric_table import METRICS
from gpu_sim.experiments.runs.metrics import facts_about
from gpu_sim.experiments.runs.run import run
from gpu_sim.experiments.runs.run_result import RunResult
from gpu_sim.scenario_files.load import parse_scenario
from msgspec.structs import replace

from .made_facts import LENGTH_MS, made_facts, made_rental, made_scenario

WITH_COURSE = [metric.name for metric in METRICS if metric.has_course]

LIVELY = """
scenario: 1
name: lively
extends: default
until: 12h
market: {interruptions: {horizon: 10m}}
renters:
  - name: ann
    count: 3
    policy: cheapest
    jobs: {work: 90m, arrivals: {fixed: {every: 2h, count: 4}}, deadline: 93m3s, restart_overhead: 3m}
  - {name: bob, policy: cheapest, gpus: 2, service: {replicas: 3, cold_start: 2m, demand: [[4h, 5], [8h, 1]]}}
"""


@cache
def lively(until_ms: int = 12 * HOUR_MS) -> tuple[Scenario, RunResult]:
    """A run in which jobs are finished and not, replicas come and go, and much is interrupted, to an instant of it."""
    scenario = replace(parse_scenario(LIVELY, origin="lively", folder=None), until=Duration(until_ms))
    return scenario, run(scenario)


def value_at(course: list[Stretch], at_ms: int) -> int | None:
    (found,) = [each for each in course if each.from_ms <= at_ms <= each.to_ms]
    return found.value(at_ms)


def course(metric: str, facts: RunFacts, scenario: Scenario | None = None) -> list[Stretch]:
    return [*course_of(metric, facts, (scenario or made_scenario()).billing)]


@pytest.mark.parametrize("at_ms", [1, 47 * MINUTE_MS, 3 * HOUR_MS, 5 * HOUR_MS + 777, 12 * HOUR_MS])
def test_a_metric_at_an_instant_is_that_of_the_run_up_to_then(at_ms: int) -> None:
    scenario, whole = lively()
    _, part = lively(at_ms)
    for about in ("total", "renters.ann", "renters.bob", "providers.vast-ai"):
        facts = facts_about(scenario, whole.facts, about)
        for name in WITH_COURSE:
            if f"{about}.{name}" in part.metrics:
                value = part.metrics[f"{about}.{name}"]
                found = value_at(course(name, facts, scenario), at_ms)
                assert (name, found) == (name, None if value is None else round(value * 1_000_000))


def test_the_run_of_that_test_has_something_of_everything() -> None:
    _, whole = lively()
    empty = {name for name in WITH_COURSE if not whole.metrics[f"total.{name}"]}
    assert empty <= {"held_usd", "jobs_given_up", "refusals"}
    assert (whole.metrics["total.availability"] or 1) < 1


def test_charges_and_holds_are_those_of_the_ledger_to_the_micro_dollar() -> None:
    scenario, whole = lively()
    again, difference = replay(b"".join(whole.journal()))
    assert difference is None
    settled = sum(entry.charge_micros for entry in again.ledger.entries if isinstance(entry, RentalSettled))
    assert settled == sum(each.charge_micros for each in whole.facts.rentals if each.ended_ms is not None)
    live_micros = sum(each.charge_micros for each in whole.facts.rentals if each.ended_ms is None)
    assert whole.metrics["total.cost_micros"] == settled + live_micros
    for account in whole.facts.renters:
        held = course("held_usd", facts_about(scenario, whole.facts, f"renters.{account}"), scenario)
        for at_ms in {entry.at for entry in again.ledger.entries}:
            by = sum(
                amount
                for entry in again.ledger.entries
                for name, amount in entry.postings()
                if entry.at <= at_ms and name == f"{account}/held"
            )
            assert value_at(held, at_ms) == by


@pytest.mark.parametrize("name", WITH_COURSE)
def test_a_course_covers_each_instant_of_the_run_once(name: str) -> None:
    scenario, whole = lively()
    found = course(name, whole.facts, scenario)
    assert (found[0].from_ms, found[-1].to_ms) == (0, whole.length_ms)
    assert all(before.to_ms + 1 == after.from_ms for before, after in pairwise(found))


@pytest.mark.parametrize("name", WITH_COURSE)
def test_within_a_stretch_a_value_goes_one_way(name: str) -> None:
    scenario, whole = lively()
    for stretch in course(name, whole.facts, scenario):
        span_ms = stretch.to_ms - stretch.from_ms
        values = [stretch.value(stretch.from_ms + span_ms * part // 7) for part in range(8)]
        known = [value for value in values if value is not None]
        assert known in (sorted(known), sorted(known, reverse=True))


def test_a_rental_that_ends_as_it_begins_costs_what_it_is_charged() -> None:
    gone = made_rental("rent_1", created_ms=5, running_ms=None, ended_ms=5, billed_seconds=900, worked_ms=0)
    found = course("cost_usd", made_facts(gone))
    assert [value_at(found, at_ms) for at_ms in (4, 5, LENGTH_MS)] == [0, 250_000, 250_000]


def test_the_cost_of_a_live_rental_is_the_minimum_and_then_rises_by_the_second() -> None:
    live = made_rental("rent_1", ended_ms=None, billed_seconds=36_000, running_ms=MINUTE_MS)
    found = course("cost_usd", made_facts(live))
    instants = (0, MINUTE_MS - 1, MINUTE_MS, MINUTE_MS + 900 * SECOND_MS, MINUTE_MS + 900 * SECOND_MS + 1)
    assert [value_at(found, at_ms) for at_ms in instants] == [0, 0, 250_000, 250_000, 250_278]
    assert value_at(course("cost_micros", made_facts(live)), MINUTE_MS) == 250_000_000_000


def test_availability_has_no_value_before_time_has_passed() -> None:
    found = course("availability", made_facts(services=(ServiceFacts("bob", [(0, 2, 2), (HOUR_MS, 1, 2)]),)))
    assert [value_at(found, at_ms) for at_ms in (0, 1, HOUR_MS, 4 * HOUR_MS)] == [None, 1_000_000, 1_000_000, 250_000]


def test_a_deadline_is_missed_when_it_comes_and_met_when_the_job_is_finished() -> None:
    jobs = (JobFacts("ann", 0, 1, 0, 1, 70, 0, 90), JobFacts("ann", 1, 1, 0, 1, 70, 0, 60))
    missed = course("deadlines_missed", made_facts(jobs=jobs))
    met = course("deadlines_met", made_facts(jobs=jobs))
    assert [value_at(missed, at_ms) for at_ms in (69, 70)] == [0, 1_000_000]
    assert [value_at(met, at_ms) for at_ms in (59, 60)] == [0, 1_000_000]


def test_a_number_that_changes_several_times_at_an_instant_has_one_value_there() -> None:
    found = [*steps([(5, 1), (5, -1), (3, 2), (90, 7)], 10)]
    assert [(each.from_ms, each.to_ms, each.value(each.from_ms)) for each in found] == [
        (0, 2, 0),
        (3, 4, 2),
        (5, 10, 2),
    ]
