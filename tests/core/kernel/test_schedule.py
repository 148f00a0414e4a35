"""Pending events: their order, and how they are cancelled."""

from functools import partial

import pytest
from gpu_sim.core.kernel.schedule import NO_TICKET, Priority, Schedule


def recording(*but: Priority) -> tuple[Schedule, list[tuple[int, Priority, object]]]:
    """A schedule whose events write themselves down, but for those of some kinds, which have no handler yet."""
    schedule, seen = Schedule(), list[tuple[int, Priority, object]]()

    def note(priority: Priority, subject: object) -> None:
        seen.append((schedule.now_ms, priority, subject))

    for priority in set(Priority).difference(but):
        schedule.on(priority, partial(note, priority))
    return schedule, seen


def test_the_priorities_are_those_of_the_design_first_to_last() -> None:
    assert [priority.name.lower() for priority in sorted(Priority)] == [
        "act_end",
        "timeline",
        "hold_expiry",
        "provisioning",
        "stress",
        "group_shock",
        "availability",
        "availability_shown",
        "shock",
        "own_interruption",
        "spread_interruption",
        "forced_interruption",
        "notice",
        "credit_exhaustion",
        "idle_timeout",
        "price",
        "gpus_return",
        "churn",
    ]


def test_events_run_by_instant_then_priority_then_insertion() -> None:
    schedule, seen = recording()
    for due, priority, subject in (
        (2, Priority.TIMELINE, "late"),
        (1, Priority.GPUS_RETURN, "last"),
        (1, Priority.PRICE, "b"),
        (1, Priority.PRICE, "a"),
        (1, Priority.HOLD_EXPIRY, "first"),
    ):
        schedule.at(due, priority, subject)
    schedule.run(2)
    assert [subject for _, _, subject in seen] == ["first", "b", "a", "last", "late"]
    assert [at for at, _, _ in seen] == [1, 1, 1, 1, 2]


def test_what_is_due_at_the_instant_itself_runs_and_what_comes_later_waits() -> None:
    schedule, seen = recording()
    schedule.at(10, Priority.PRICE, "due")
    schedule.at(11, Priority.PRICE, "later")
    schedule.run(10)
    assert [subject for _, _, subject in seen] == ["due"]
    assert (schedule.now_ms, len(schedule)) == (10, 1)


def test_a_step_runs_all_events_of_the_next_instant_and_says_whether_there_was_one() -> None:
    schedule, seen = recording()
    schedule.cancel(schedule.at(2, Priority.PRICE, "cancelled"))
    schedule.at(3, Priority.PRICE, "y")
    schedule.at(3, Priority.SHOCK, "x")
    schedule.at(4, Priority.PRICE, "z")
    assert schedule.step(5)
    assert (schedule.now_ms, [subject for _, _, subject in seen]) == (3, ["x", "y"])
    assert schedule.step(5)
    assert schedule.now_ms == 4
    assert not schedule.step(5)
    assert schedule.now_ms == 5
    assert len(seen) == 3


def test_a_step_includes_what_its_events_schedule_for_their_instant() -> None:
    schedule, seen = recording(Priority.TIMELINE)

    def again(subject: object) -> None:
        schedule.at(schedule.now_ms, Priority.PRICE, subject)

    schedule.on(Priority.TIMELINE, again)
    schedule.at(1, Priority.TIMELINE, "x")
    assert schedule.step(1)
    assert seen == [(1, Priority.PRICE, "x")]
    assert not schedule.step(1)


def test_a_cancelled_event_does_not_run() -> None:
    schedule, seen = recording()
    ticket = schedule.at(1, Priority.PRICE, "never")
    schedule.at(1, Priority.PRICE, "ever")
    schedule.cancel(ticket)
    assert len(schedule) == 1
    schedule.run(1)
    assert [subject for _, _, subject in seen] == ["ever"]


def test_cancelling_what_ran_or_never_was_is_passed_over() -> None:
    schedule, seen = recording()
    ticket = schedule.at(1, Priority.PRICE, "x")
    schedule.run(1)
    schedule.cancel(ticket)
    schedule.cancel(NO_TICKET)
    schedule.at(2, Priority.PRICE, "y")
    schedule.run(2)
    assert [subject for _, _, subject in seen] == ["x", "y"]


def test_an_event_cancelled_by_an_earlier_one_of_its_instant_does_not_run() -> None:
    schedule, seen = recording(Priority.SHOCK)
    ticket = schedule.at(1, Priority.IDLE_TIMEOUT, "idle")
    schedule.on(Priority.SHOCK, lambda _: schedule.cancel(ticket))
    schedule.at(1, Priority.SHOCK, "shock")
    schedule.run(1)
    assert seen == []


def test_thousands_of_cancelled_events_leave_the_others_in_order() -> None:
    schedule, seen = recording()
    tickets = [schedule.at(1_000 - n % 1_000, Priority.PRICE, n) for n in range(3_000)]
    for ticket in tickets:
        if ticket % 100:
            schedule.cancel(ticket)
    schedule.run(1_000)
    assert len(seen) == 30
    assert [at for at, _, _ in seen] == sorted(at for at, _, _ in seen)
    assert sorted(subject for _, _, subject in seen if isinstance(subject, int)) == list(range(0, 3_000, 100))


def test_the_next_due_event_is_the_first_that_is_still_pending() -> None:
    schedule, seen = recording()
    assert schedule.next_due_ms() is None
    tickets = [schedule.at(due, Priority.PRICE, due) for due in (5, 3, 9)]
    for ticket, expected in zip((tickets[1], tickets[0], tickets[2]), (3, 5, 9), strict=True):
        assert schedule.next_due_ms() == schedule.next_due_ms() == expected
        schedule.cancel(ticket)
    assert schedule.next_due_ms() is None
    schedule.at(7, Priority.PRICE, "x")
    assert (schedule.now_ms, schedule.next_due_ms(), seen) == (0, 7, [])
    schedule.run(7)
    assert seen == [(7, Priority.PRICE, "x")]


def test_after_the_end_nothing_happens() -> None:
    schedule, seen = recording()
    schedule.at(1, Priority.PRICE, "x")
    schedule.close()
    schedule.run(2)
    assert (schedule.now_ms, len(schedule), schedule.next_due_ms(), seen) == (2, 0, None, [])


def test_the_past_is_over() -> None:
    schedule, _ = recording()
    schedule.step(5)
    with pytest.raises(AssertionError):
        schedule.at(4, Priority.PRICE, "x")
    for go in (schedule.step, schedule.run):
        with pytest.raises(AssertionError):
            go(4)
    schedule.at(5, Priority.PRICE, "now")
    assert schedule.step(5)


def test_an_event_that_nobody_handles_is_our_bug() -> None:
    schedule = Schedule()
    schedule.at(1, Priority.PRICE, "x")
    with pytest.raises(AssertionError, match="no handler for an event on 'x'"):
        schedule.step(1)


def test_a_kind_of_event_has_one_handler() -> None:
    schedule, _ = recording(Priority.PRICE)
    schedule.on(Priority.PRICE, print)
    with pytest.raises(AssertionError, match="events of kind PRICE have a handler already"):
        schedule.on(Priority.PRICE, print)
