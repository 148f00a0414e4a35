"""Interruptions by an operator: after a notice, as a false alarm, or withdrawn."""

from typing import Any

import pytest
from gpu_sim.core.commands import HideRental, InterruptRental, MoveRental, TerminateRental
from gpu_sim.core.events import InterruptionWithdrawn
from gpu_sim.core.kernel.errors import RentalNotInState
from gpu_sim.core.kernel.quantities import Duration
from gpu_sim.core.scenario.acts import InterruptAct, OutageAct
from gpu_sim.core.scenario.scripted_interruptions import ScriptedInterruption

from ....support.builders import FAILING, HOUR, MINUTE, READY, journal, market, rent, seen
from .noticed_world import CROWDED, NOTICE, NOTICES, end, interrupt, running, told, world


@pytest.mark.parametrize(
    ("how", "notice"), [({}, NOTICE), ({"notice": Duration(5 * MINUTE)}, 5 * MINUTE), ({"notice": Duration(1)}, 1)]
)
def test_a_rental_is_notified_now_and_interrupted_at_the_end_of_the_notice(how: dict[str, Any], notice: int) -> None:
    sim = world()
    rental = running(sim)
    interrupt(sim, rental, **how)
    assert told(sim) == [(READY, READY + notice)]
    assert (rental.noticed_ms, rental.interrupts_ms) == (READY, READY + notice)
    sim.advance(READY + notice - 1)
    assert rental.status == "running"
    sim.advance(READY + notice)
    assert end(sim) == [(READY + notice, "interrupted", "forced")]
    assert sim.market.offers[0].used == 1  # it is reclaimed


def test_where_the_provider_gives_no_notice_a_rental_is_gone_at_once_unless_one_is_asked_for() -> None:
    sim = world(market(CROWDED))
    first, second = running(sim), running(sim)
    interrupt(sim, first)
    assert first.reason == "interrupted"
    interrupt(sim, second, notice=Duration(MINUTE))
    assert (second.status, second.interrupts_ms) == ("running", sim.now_ms + MINUTE)


def test_a_notice_that_a_provider_gives_can_be_missed() -> None:
    sim = world()
    rental = running(sim)
    interrupt(sim, rental, notice=Duration(0))
    assert (end(sim), told(sim), rental.noticed_ms) == ([(READY, "interrupted", "forced")], [], None)


def test_a_loss_may_come_before_the_end_that_its_notice_named() -> None:
    sim = world()
    rental = running(sim)
    interrupt(sim, rental)
    sim.advance(READY + MINUTE)
    interrupt(sim, rental, notice=Duration(0))
    assert end(sim) == [(READY + MINUTE, "interrupted", "forced")]


def test_of_two_notices_the_earlier_end_wins_and_a_later_one_leaves_no_line() -> None:
    sim = world()
    rental = running(sim)
    interrupt(sim, rental)
    before = journal(sim)
    interrupt(sim, rental, notice=Duration(NOTICE))
    interrupt(sim, rental, notice=Duration(HOUR))
    sim.execute(InterruptRental(rental.rental_id))
    assert journal(sim) == before
    interrupt(sim, rental, notice=Duration(NOTICE - 1))
    assert told(sim) == [(READY, READY + NOTICE), (READY, READY + NOTICE - 1)]
    sim.advance(HOUR)
    assert end(sim) == [(READY + NOTICE - 1, "interrupted", "forced")]


@pytest.mark.parametrize("ready", [READY, 10 * MINUTE])
def test_a_rental_that_is_being_provisioned_is_notified_and_interrupted_whether_or_not_it_runs_by_then(
    ready: int,
) -> None:
    sim = world()
    rental = rent(sim)
    if ready > READY:
        sim.execute(MoveRental(rental_id=rental.rental_id, to="running", hold=True))
    interrupt(sim, rental)
    assert told(sim) == [(0, NOTICE)]
    sim.advance(HOUR)
    assert end(sim) == [(NOTICE, "interrupted", "forced")]
    assert rental.running_ms == (READY if ready == READY else None)
    assert rental.billed_micros == (4_783 if ready == READY else 0)


def test_a_rental_that_ends_before_the_end_of_its_notice_ends_for_that_reason_alone() -> None:
    sim = world()
    deleted, failing = running(sim), rent(sim)
    for rental in (deleted, failing):
        interrupt(sim, rental)
    sim.execute(TerminateRental("alice", deleted.rental_id))
    sim.execute(MoveRental(rental_id=failing.rental_id, to="terminated"))
    sim.advance(HOUR)
    assert [reason for _, reason, _ in end(sim)] == ["deleted", "operator"]
    assert (deleted.interrupts_ms, deleted.forced_end_ms) == (READY + NOTICE, None)
    assert sim.market.offers[0].used == 0


def test_a_rental_whose_provisioning_fails_is_not_interrupted() -> None:
    sim = world(market(CROWDED, notices=NOTICES, provisioning=FAILING))
    rental = rent(sim)
    interrupt(sim, rental)
    sim.advance(HOUR)
    assert [reason for _, reason, _ in end(sim)] == ["provisioning_failed"]


def test_a_hidden_rental_is_notified_and_interrupted_too() -> None:
    sim = world()
    rental = running(sim)
    sim.execute(HideRental(rental.rental_id, hidden=True))
    interrupt(sim, rental)
    sim.advance(HOUR)
    assert (told(sim), end(sim)) == ([(READY, READY + NOTICE)], [(READY + NOTICE, "interrupted", "forced")])


# False alarms and withdrawals


def test_nothing_follows_a_false_alarm_and_a_true_notice_may_come_after_it() -> None:
    sim = world()
    rental = running(sim)
    interrupt(sim, rental, notice=Duration(MINUTE), false_alarm=True)
    sim.advance(10 * MINUTE)
    assert (rental.status, told(sim)) == ("running", [(READY, READY + MINUTE)])
    interrupt(sim, rental)
    interrupt(sim, rental, notice=Duration(HOUR), false_alarm=True)  # it has been notified of an earlier end
    assert told(sim)[1:] == [(10 * MINUTE, 10 * MINUTE + NOTICE)]
    interrupt(sim, rental, notice=Duration(MINUTE), false_alarm=True)
    assert rental.interrupts_ms == 11 * MINUTE
    sim.advance(HOUR)
    assert end(sim) == [(10 * MINUTE + NOTICE, "interrupted", "forced")]


def test_a_withdrawn_interruption_does_not_come_and_another_may() -> None:
    sim = world()
    rental = running(sim)
    interrupt(sim, rental)
    sim.advance(READY + MINUTE)
    interrupt(sim, rental, withdraw=True)
    assert [(event.at, event.interrupts_ms) for event in seen(sim, InterruptionWithdrawn)] == [
        (READY + MINUTE, READY + NOTICE)
    ]
    assert (rental.noticed_ms, rental.interrupts_ms, rental.forced_end_ms) == (None, None, None)
    sim.advance(HOUR)
    assert rental.status == "running"
    interrupt(sim, rental)
    sim.advance(2 * HOUR)
    assert end(sim) == [(HOUR + NOTICE, "interrupted", "forced")]


def test_a_rental_that_is_being_provisioned_is_spared_too() -> None:
    sim = world()
    rental = rent(sim)
    interrupt(sim, rental, notice=Duration(READY))
    interrupt(sim, rental, withdraw=True)
    sim.advance(HOUR)
    assert (rental.running_ms, end(sim)) == (READY, [])


def test_where_nothing_was_scripted_there_is_nothing_to_withdraw() -> None:
    sim = world()
    rental = running(sim)
    interrupt(sim, rental, notice=Duration(MINUTE), false_alarm=True)
    with pytest.raises(RentalNotInState, match="no scripted interruption"):
        interrupt(sim, rental, withdraw=True)
    sim.execute(TerminateRental("alice", rental.rental_id))
    for how in ({"withdraw": True}, {}, {"notice": Duration(MINUTE), "false_alarm": True}):
        with pytest.raises(RentalNotInState, match="the rental is terminated"):
            interrupt(sim, rental, **how)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"notice": Duration(8 * 24 * HOUR)}, "notice must be at most 7d"),
        ({"false_alarm": True}, "give notice, such as 2m"),
        ({"false_alarm": True, "notice": Duration(0)}, "give notice, such as 2m"),
        ({"withdraw": True, "notice": Duration(1)}, "withdraw goes without notice"),
        ({"withdraw": True, "false_alarm": True, "notice": Duration(1)}, "withdraw goes without"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_reason(how: dict[str, Any], reason: str) -> None:
    for kind in (ScriptedInterruption, InterruptAct):
        with pytest.raises(ValueError, match=reason):
            kind(**how)


def test_an_outage_takes_a_notice_only_where_it_interrupts() -> None:
    with pytest.raises(ValueError, match="notice goes with interrupt: true"):
        OutageAct(notice=Duration(1))
    with pytest.raises(ValueError, match="at most 7d"):
        OutageAct(notice=Duration(8 * 24 * HOUR), interrupt=True)
