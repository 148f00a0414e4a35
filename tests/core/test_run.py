"""Runs: a simulation with its faults comes back from its state at every command boundary, whatever was done."""

import msgspec
import pytest
from gpu_sim.core.faults.lines import FaultDecision, FaultRuleAdded, FaultRuleRemoved, FaultRulesReset
from gpu_sim.core.kernel.clock import MINUTE_MS
from gpu_sim.core.kernel.errors import FaultNotFound, JournalInvalid, Refusal, SnapshotInvalid
from gpu_sim.core.kernel.quantities import Duration, Share
from gpu_sim.core.rentals.idempotency import Key
from gpu_sim.core.replay import replay
from gpu_sim.core.run import Run, new_run, restored_run
from gpu_sim.core.scenario.distributions import fixed
from gpu_sim.core.scenario.fault_effects import FaultEffect, RateLimit
from gpu_sim.core.scenario.fault_rules import FaultRule, FaultTarget, FaultWhen, Operation
from gpu_sim.core.scenario.scenario import Scenario
from gpu_sim.core.simulation import Simulation
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ..support.builders import DAY, READY, journal, rent, scenario
from .test_invariants import command, deadlines, doings, scenarios

START_MS = 1_800_000_000_000
OPERATIONS: tuple[Operation, ...] = ("list_offers", "rent_gpu", "get_rental", "terminate_rental")
FLAKY = FaultRule(name="flaky", effect=FaultEffect(respond=503), when=FaultWhen(probability=Share(400_000), times=3))
LIMIT = FaultRule(
    name="limit",
    on=FaultTarget(account="alice"),
    effect=FaultEffect(rate_limit=RateLimit(limit=2, per=Duration(MINUTE_MS))),
)
SLOW = FaultRule(
    name="slow", effect=FaultEffect(delay=fixed(5)), when=FaultWhen(probability=Share(600_000), per="rental", times=4)
)
TOGETHER = FaultRule(
    name="together",
    effect=FaultEffect(rate_limit=RateLimit(limit=2, per=Duration(MINUTE_MS), shared=True)),
    when=FaultWhen(every=2, per="world"),
)
RULES = (FLAKY, LIMIT, SLOW, TOGETHER)
"""All scopes: an account's, a rental's, the world's, and a bucket that all share."""

LATE = FaultRule(name="late", effect=FaultEffect(lose_response=True), when=FaultWhen(ttl=Duration(10 * MINUTE_MS)))

requests = st.tuples(st.just("request"), st.sampled_from(["alice", "bob"]), st.integers(0, 3), st.just(0))
rule_changes = st.tuples(st.sampled_from(["add", "remove", "reset"]), st.just("alice"), st.just(0), st.just(0))
lives = st.lists(
    st.one_of(doings.map(lambda done: done[:3]), st.lists(requests | rule_changes, max_size=4)), max_size=6
)


def do(run: Run, what: tuple[str, str, int, int]) -> None:
    """One thing, or its refusal."""
    name, account, number, amount = what
    sim, faults = run
    if name == "until":
        sim.advance(number)
    elif name == "request":
        # Any name of a rental will do: rules count by it, and never look it up.
        faults.decide(OPERATIONS[number], account, None, sim.now_ms, f"r{number}" if number > 1 else "")
    elif name == "add":
        faults.add(LATE, sim.now_ms)
    elif name == "reset":
        faults.reset(sim.now_ms)
    else:
        try:
            if name == "remove":
                faults.remove("late")
            else:
                key = Key(f"{account}{number}", bytes([amount])) if name == "keyed" else None
                sim.execute(command(sim, name, account, number, amount), key)
        except Refusal:
            return


def dated(sim: Simulation, what: tuple[str, str, int, int]) -> tuple[str, str, int, int]:
    """The next thing to do; a wait comes with the instant that it leads to: a boundary, or a millisecond beside it."""
    name, account, number, amount = what
    if name != "wait":
        return what
    due = deadlines(sim)
    return "until", account, max(sim.now_ms, due[number % len(due)] + amount), 0


@pytest.mark.parametrize("examples", [15, pytest.param(60, marks=pytest.mark.slow)])
def test_57_restore_then_go_on_is_to_go_on_at_every_boundary(examples: int) -> None:
    settings(max_examples=examples)(given(scenarios, lives)(go_on_from_every_boundary))()


def go_on_from_every_boundary(conditions: Scenario, parts: list[list[tuple[str, str, int, int]]]) -> None:
    """A life, and each of its rests after a restore: the same lines and the same state."""
    conditions = replace(conditions, faults=RULES)
    planned = [what for part in parts for what in part]
    done: list[tuple[str, str, int, int]] = []
    run = new_run(conditions, seed=conditions.seed, start_epoch_ms=START_MS)
    states = []
    for number, what in enumerate(planned):
        states.append((number, run.state(), run.simulation.journal_end))
        done.append(dated(run.simulation, what))
        do(run, done[-1])
    states.append((len(done), run.state(), run.simulation.journal_end))
    run.simulation.advance(run.simulation.now_ms + DAY)
    for number, state, mark in states:
        again = restored_run(conditions, state, seed=conditions.seed, start_epoch_ms=START_MS)
        here = again.simulation.journal_end
        for what in done[number:]:
            do(again, what)
        again.simulation.advance(run.simulation.now_ms)
        lines = list(again.simulation.journal_lines(here))
        assert lines == list(run.simulation.journal_lines(mark))
        assert without_journal(again) == without_journal(run)


def without_journal(run: Run) -> dict[str, object]:
    """The state but for the journal's digest, which says where the run came from."""
    state: dict[str, dict[str, object]] = msgspec.json.decode(run.state())
    del state["simulation"]["journal"]
    return dict(state)


def test_a_state_that_is_none_is_refused() -> None:
    run = new_run(scenario(), seed=1, start_epoch_ms=0)
    for damaged in (b"", b"{}", run.state()[:-1], run.state().replace(b'"faults":[]', b'"faults":[{}]')):
        with pytest.raises(SnapshotInvalid):
            restored_run(scenario(), damaged, seed=1, start_epoch_ms=0)


def test_every_line_about_faults_can_happen_again() -> None:
    conditions = replace(scenario(), faults=(FLAKY,))
    run = new_run(conditions, seed=3, start_epoch_ms=START_MS)
    run.repeat(FaultRuleAdded(LATE))
    run.repeat(FaultDecision("alice", "rent_gpu", ("flaky", "late"), None))
    assert [state.hits for state in run.faults.state()] == [1, 1]
    run.repeat(FaultRuleRemoved("late"))
    with pytest.raises(FaultNotFound):
        run.repeat(FaultRuleRemoved("late"))
    run.repeat(FaultRulesReset())
    assert [(state.rule.name, state.hits) for state in run.faults.state()] == [("flaky", 0)]


def test_a_decision_about_a_rental_is_counted_for_it_again() -> None:
    run = new_run(replace(scenario(), faults=(SLOW,)), seed=1, start_epoch_ms=0)
    run.repeat(FaultDecision("alice", "get_rental", ("slow",), None, "r1"))
    run.repeat(FaultDecision("bob", "get_rental", ("slow",), None, "r1"))
    (state,) = run.faults.state()
    assert [(counts.of, counts.hits) for counts in state.counts] == [("r1", 2)]
    _, difference = replay(b"".join(run.simulation.journal()))
    assert difference is None


def test_a_journal_that_goes_on_from_a_snapshot_cannot_be_run_without_it() -> None:
    run = new_run(scenario(), seed=1, start_epoch_ms=0)
    again = restored_run(scenario(), run.state(), seed=1, start_epoch_ms=0)
    with pytest.raises(JournalInvalid, match="snapshot"):
        replay(journal(again.simulation))


def test_what_is_due_next_is_told_and_changes_nothing() -> None:
    run = new_run(scenario(), seed=1, start_epoch_ms=0)
    sim = run.simulation
    assert sim.next_due_ms is None
    before = sim.scheduled
    rent(sim)
    assert sim.next_due_ms == READY
    assert sim.scheduled > before
    assert sim.journal_header().startswith(b'{"journal":3,')
