"""Runs of all kinds: what facts, metrics and courses say of money and time agrees with the ledger."""

import pytest
from gpu_sim.core.billing.ledger import RentalSettled
from gpu_sim.core.replay import replay
from gpu_sim.core.scenario.scenario import Scenario
from gpu_sim.core.simulation import Simulation
from gpu_sim.experiments.runs.measures.courses import course_of
from gpu_sim.experiments.runs.measures.measures import busy_ms, counted_from_ms
from gpu_sim.experiments.runs.metric_table import METRICS
from gpu_sim.experiments.runs.metrics import facts_about
from gpu_sim.experiments.runs.run import run
from gpu_sim.experiments.runs.run_result import RunResult
from gpu_sim.scenario_files.load import parse_scenario
from hypothesis import given, settings
from hypothesis import strategies as st

KINDS = {
    "extends": ("default", "realistic", "stuck-provisioning", "low-credit", "rate-limited", "lost-responses"),
    "until": ("3h", "14h"),
    "idle": ("15m", "none"),
    "expiry": ("2h", "30m", "none"),
    "interrupted": ("actual", "minimum"),
    "cancelled": ("free", "minimum"),
    "policy": ("cheapest", "most_reliable", "cheapest_per_useful_hour"),
    "tick": ("", ", tick: 7m"),
    "work": ("10m", "3h"),
    "overhead": ("0s", "4m"),
    "checkpoint": ("", ", checkpoint: {every: 20m, cost: 30s}", ", checkpoint: {}"),
    "budget": ("", ', budget: "0.20"'),
    "key": ("true", "false"),
    "stuck": ("", ", stuck_after: 10m", ", give_up_after: 3"),
}
TEXT = """
scenario: 1
name: any
extends: {extends}
until: {until}
seed: {seed}
market: {{interruptions: {{horizon: 30m}}}}
billing:
  {{idle_timeout: {idle}, hold_expiry: {expiry}, interrupted: {interrupted}, cancelled_provisioning: {cancelled}}}
renters:
  - name: trainer
    count: {count}
    policy: {policy}{tick_line}
    gpus: {gpus}
    balance: "50.00"
    jobs:
      {{work: {work}, arrivals: {{poisson: {{every: 1h}}}}, deadline: 2h,
       restart_overhead: {overhead}{checkpoint}{budget}}}
    reactions: {{retries: {gpus}, key: {key}{stuck}}}
  - {{name: web, policy: cheapest{tick}, service: {{replicas: {gpus}, cold_start: 2m, demand: [[1h, {count}]]}}}}
"""


@st.composite
def scenarios(draw: st.DrawFn) -> str:
    """A scenario as a text, which is what a failure shows."""
    chosen = {name: draw(st.sampled_from(values)) for name, values in KINDS.items()}
    numbers = {"seed": draw(st.integers(1, 10**6)), "count": draw(st.integers(1, 3)), "gpus": draw(st.integers(1, 3))}
    tick_line = "\n    tick: 7m" if chosen["tick"] else ""
    return TEXT.format(**chosen, **numbers, tick_line=tick_line)


def check(text: str) -> None:
    scenario = parse_scenario(text, origin="any", folder=None)
    result = run(scenario)
    again, difference = replay(b"".join(result.journal()))
    assert difference is None
    for account in result.facts.renters:
        check_account(scenario, result, again, account)
    check_times(result)
    for metric in METRICS:
        name = f"total.{metric.name}"
        if metric.has_course and name in result.metrics:
            value = result.metrics[name]
            *_, last = course_of(metric.name, result.facts, scenario.billing)
            found = last.value(result.length_ms)
            assert (value is None) == (found is None)
            # The last of six digits may be rounded either way.
            assert value is None or found is None or abs(value * 1e6 - found) <= 0.5, name


def check_account(scenario: Scenario, result: RunResult, again: Simulation, account: str) -> None:
    """Charges and holds are those of the ledger to the micro-dollar."""
    facts = facts_about(scenario, result.facts, f"renters.{account}")
    settled = [entry for entry in again.ledger.entries if isinstance(entry, RentalSettled) and entry.account == account]
    assert {entry.rental_id: entry.charge_micros for entry in settled} == {
        each.rental_id: each.charge_micros for each in facts.rentals if each.ended_ms is not None
    }
    *_, last = course_of("held_usd", facts, scenario.billing)
    assert last.value(result.length_ms) == again.ledger.held(account) == result.facts.held_micros[account]


def check_times(result: RunResult) -> None:
    """No rental did more than it ran, and what they did of a job's work is what is done of it."""
    done: dict[tuple[str, int], int] = {}
    for each in result.facts.rentals:
        end_ms = result.length_ms if each.ended_ms is None else each.ended_ms
        ran_ms = 0 if each.running_ms is None else end_ms - counted_from_ms(each, each.running_ms)
        assert min(each.worked_ms, each.lost_ms, each.restart_ms, each.checkpoint_ms) >= 0
        assert busy_ms(each) <= ran_ms
        done[each.renter, each.number] = done.get((each.renter, each.number), 0) + each.worked_ms
    for job in result.facts.jobs:
        assert job.done_ms == done.get((job.renter, job.number), 0) <= job.work_ms


@given(scenarios())
@settings(max_examples=15)
def test_metrics_agree_with_the_ledger(scenario: str) -> None:
    check(scenario)


@pytest.mark.slow
@given(scenarios())
@settings(max_examples=200)
def test_metrics_agree_with_the_ledger_in_many_runs(scenario: str) -> None:
    check(scenario)
