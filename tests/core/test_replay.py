"""Running a journal again, and finding where one differs."""

import msgspec
import pytest
from gpu_sim.core.commands import AddCredit, CreateAccount, InterruptRental, TerminateRental, TouchRental
from gpu_sim.core.faults.fault_state import FaultState
from gpu_sim.core.kernel.errors import JournalInvalid
from gpu_sim.core.kernel.quantities import NO_RETRY_AFTER, Duration, Share
from gpu_sim.core.replay import replay
from gpu_sim.core.scenario.distributions import fixed
from gpu_sim.core.scenario.fault_effects import FaultEffect, RateLimit
from gpu_sim.core.scenario.fault_rules import FaultRule, FaultWhen
from gpu_sim.core.simulation import Simulation

from ..support.builders import HOUR, READY, journal, rent, scenario


def lived() -> Simulation:
    """Every kind of command once."""
    sim = Simulation(scenario(), seed=5, start_epoch_ms=1_800_000_000_123)
    first, second = rent(sim), rent(sim)
    sim.advance(READY)
    sim.execute(TouchRental(first.rental_id))
    sim.execute(CreateAccount("bob", 3))
    sim.advance(READY + 7)
    sim.execute(InterruptRental(first.rental_id))
    sim.execute(AddCredit("bob", 5))
    sim.execute(TerminateRental("alice", second.rental_id))
    sim.advance(HOUR)
    return sim


def test_a_replay_gives_the_same_bytes_and_the_same_state() -> None:
    sim = lived()
    again, difference = replay(journal(sim))
    assert difference is None
    assert journal(again) == journal(sim)
    assert (again.seed, again.start_epoch_ms, again.now_ms) == (5, 1_800_000_000_123, HOUR)
    assert again.ledger.entries == sim.ledger.entries
    assert list(again.rentals.by_id) == list(sim.rentals.by_id)


def test_a_journal_of_nothing_but_time_is_replayed() -> None:
    sim = Simulation(scenario())
    sim.advance(5)
    again, difference = replay(journal(sim))
    assert (again.now_ms, difference) == (5, None)


def test_the_first_line_that_differs_is_shown_with_both_readings() -> None:
    exported = journal(lived())
    number = next(n for n, line in enumerate(exported.splitlines(), 1) if b"rental_settled" in line)
    lines = exported.splitlines(keepends=True)
    lines[number - 1] = lines[number - 1].replace(b'"charge_micros":', b'"charge_micros":1')
    _, difference = replay(b"".join(lines))
    assert difference is not None
    assert difference.line == number
    assert difference.recorded == lines[number - 1]
    assert difference.replayed == exported.splitlines(keepends=True)[number - 1]


def test_a_line_that_is_missing_from_the_journal_shows() -> None:
    lines = journal(lived()).splitlines(keepends=True)
    number = next(n for n, line in enumerate(lines, 1) if b"rental_running" in line)
    _, difference = replay(b"".join(lines[: number - 1] + lines[number:]))
    assert difference is not None
    assert difference.line == number


def test_another_seed_in_the_header_shows_in_the_ids() -> None:
    exported = journal(lived())
    _, difference = replay(exported.replace(b'"seed":5', b'"seed":6', 1))
    assert difference is not None
    assert difference.recorded is not None
    assert b"hold_placed" in difference.recorded


def test_a_command_that_the_replay_refuses_shows_as_the_line_that_it_lacks() -> None:
    lines = journal(lived()).splitlines(keepends=True)
    number = next(n for n, line in enumerate(lines, 1) if b"interrupt_rental" in line)
    lines.insert(number, lines[number - 1].replace(b'"rental_id":"rent_', b'"rental_id":"sent_'))
    _, difference = replay(b"".join(lines))
    assert difference is not None
    assert difference.recorded is not None
    assert difference.line <= number + 2


def test_a_journal_that_is_cut_short_ends_earlier_in_the_replay() -> None:
    sim = Simulation(scenario())
    sim.advance(5)
    lines = journal(sim).splitlines(keepends=True)
    _, difference = replay(b"".join([*lines, lines[-1]]))
    assert difference is not None
    assert (difference.line, difference.replayed) == (len(lines) + 1, None)


@pytest.mark.parametrize("start", ["yesterday", "2026-01-01T00:00:00.000", ""])
def test_a_start_that_is_no_instant_is_refused(start: str) -> None:
    exported = journal(Simulation(scenario())).replace(b"2026-01-01T00:00:00.000Z", start.encode(), 1)
    with pytest.raises(JournalInvalid, match="no instant in UTC") as refusal:
        replay(exported)
    assert refusal.value.param == "line 1"


def test_commands_out_of_order_are_refused() -> None:
    exported = journal(lived()).replace(b'{"at":60007,"command"', b'{"at":59999,"command"', 1)
    with pytest.raises(JournalInvalid, match="out of order") as refusal:
        replay(exported)
    assert refusal.value.param == "at 59999"


def test_an_end_before_the_last_command_is_refused() -> None:
    exported = journal(lived()).replace(b'{"at":3600000,"end"', b'{"at":60006,"end"')
    with pytest.raises(JournalInvalid, match="ends before its last command") as refusal:
        replay(exported)
    assert refusal.value.param == "at 60006"


@pytest.mark.parametrize(
    ("place", "change", "says"),
    [
        ("market", {"catalog": "default", "offers": []}, "names no catalogue"),
        ("market", {"offers": []}, "market: a market needs offers"),
        ("", {"timeline": [{"at": 5, "touch": "r1"}]}, 'timeline.0.touch: no rental "r1" by then'),
        ("", {"accounts": [{"name": "alice"}, {"name": "alice"}]}, 'accounts.1.name: the name "alice" is taken'),
    ],
)
def test_a_journal_whose_scenario_cannot_be_run_is_refused(place: str, change: dict[str, object], says: str) -> None:
    header, *rest = journal(Simulation(scenario())).splitlines(keepends=True)
    decoded = msgspec.json.decode(header)
    (decoded["scenario"][place] if place else decoded["scenario"]).update(change)
    with pytest.raises(JournalInvalid, match=says) as refusal:
        replay(msgspec.json.encode(decoded) + b"\n" + b"".join(rest))
    assert refusal.value.param == "line 1"


def test_a_journal_whose_header_has_a_negative_span_is_refused() -> None:
    exported = journal(lived()).replace(b'"scenario":{', b'"scenario":{"billing":{"idle_timeout":-900000},', 1)
    with pytest.raises(JournalInvalid, match="expected an integer from 0"):
        replay(exported)


def test_commands_given_between_two_events_of_one_instant_are_replayed() -> None:
    """Two rentals get ready in the same millisecond; an advance in slices may stop between them."""
    sim = Simulation(scenario())
    rent(sim)
    rent(sim)
    sim.step(READY)
    sim.execute(AddCredit("alice", 1))
    sim.advance(HOUR)
    assert replay(journal(sim))[1] is None


@pytest.mark.parametrize(
    ("sound", "damaged"),
    [
        (b'"failure":0', b'"failure":2000000'),
        (b'"delay":{"fixed":60000', b'"delay":{"fixed":' + b"9" * 400),
    ],
)
def test_a_journal_with_a_quantity_out_of_bounds_is_refused(sound: bytes, damaged: bytes) -> None:
    exported = journal(lived())
    assert sound in exported
    with pytest.raises(JournalInvalid):
        replay(exported.replace(sound, damaged, 1))


def test_a_journal_that_ends_after_the_calendar_is_refused() -> None:
    *lines, _ = journal(lived()).splitlines(keepends=True)
    with pytest.raises(JournalInvalid, match="end of the calendar"):
        replay(b"".join(lines) + b'{"at":%d,"end":true}\n' % 10**20)


def faulty() -> Simulation:
    """Rules of a scenario and others that come and go, while two accounts ask for things."""
    often = FaultRule(name="often", effect=FaultEffect(respond=503), when=FaultWhen(probability=Share(500_000)))
    few = FaultRule(name="few", effect=FaultEffect(rate_limit=RateLimit(2, Duration(READY))))
    late = FaultRule(name="late", effect=FaultEffect(lose_response=True), when=FaultWhen(ttl=Duration(HOUR)))
    sim = Simulation(scenario(faults=(often, few)), seed=3)
    faults = FaultState(sim.scenario.faults, sim.seed, sim.write_down)
    rent(sim)
    for number in range(30):
        sim.advance(number * 1_000)
        faults.decide("rent_gpu", "alice" if number % 3 else "bob", None, sim.now_ms)
        if number == 10:
            faults.add(late, sim.now_ms)
        if number == 15:
            faults.remove("few")
        if number == 20:
            faults.reset(sim.now_ms)
    sim.advance(HOUR)
    return sim


def test_decisions_on_faults_are_taken_again_with_the_same_bytes() -> None:
    exported = journal(faulty())
    for kind in (b'"fault":"decided"', b'"fault":"rule_added"', b'"fault":"rule_removed"', b'"fault":"rules_reset"'):
        assert kind in exported
    for injected in (b'"injected":"often"', b'"injected":"few"', b'"injected":"late"', b'"injected":null'):
        assert injected in exported
    again, difference = replay(exported)
    assert difference is None
    assert journal(again) == exported


def scoped() -> Simulation:
    """Rules that count by rental and for the world, and delays beside other effects."""
    rules = (
        FaultRule(name="slow", effect=FaultEffect(delay=fixed(1)), when=FaultWhen(probability=Share(500_000))),
        FaultRule(name="first-looks", effect=FaultEffect(respond=404), when=FaultWhen(times=2, per="rental")),
        FaultRule(
            name="busy",
            effect=FaultEffect(rate_limit=RateLimit(2, Duration(READY), shared=True), retry_after=NO_RETRY_AFTER),
            when=FaultWhen(every=2, per="world"),
        ),
    )
    sim = Simulation(scenario(faults=rules), seed=3)
    faults = FaultState(rules, sim.seed, sim.write_down)
    for number in range(30):
        sim.advance(number * 1_000)
        faults.decide("get_rental", "alice" if number % 3 else "bob", None, sim.now_ms, f"r{number % 4}")
    return sim


def test_decisions_by_rental_and_for_the_world_are_taken_again_with_the_same_bytes() -> None:
    exported = journal(scoped())
    for part in (b'"injected":"slow, first-looks"', b'"injected":"slow, busy"', b'"rental":"r3"'):
        assert part in exported
    again, difference = replay(exported)
    assert difference is None
    assert journal(again) == exported
    _, difference = replay(exported.replace(b'"rental":"r1"', b'"rental":"r2"', 1))
    assert difference is not None
    with pytest.raises(JournalInvalid, match="expected an integer from -1"):
        replay(exported.replace(b'"retry_after":-1', b'"retry_after":-2', 1))


@pytest.mark.parametrize(
    ("recorded", "changed"),
    [
        (b'"injected":"often"', b'"injected":null'),
        (b'"matched":["often","few"]', b'"matched":["often"]'),
        (b'"probability":500000', b'"probability":400000'),
        (b'"name":"late"', b'"name":"latf"'),
        (b'"fault":"rule_removed","name":"few"', b'"fault":"rule_removed","name":"fwe"'),
        (b'"matched":["often","few"]', b'"matched":["often","fwe"]'),
    ],
)
def test_a_decision_that_was_another_shows(recorded: bytes, changed: bytes) -> None:
    exported = journal(faulty())
    assert recorded in exported
    _, difference = replay(exported.replace(recorded, changed, 1))
    assert difference is not None


def test_a_rule_that_makes_no_sense_is_no_journal() -> None:
    exported = journal(faulty()).replace(b'"respond":503', b'"respond":600', 1)
    with pytest.raises(JournalInvalid, match="200 to 599"):
        replay(exported)
    exported = journal(faulty()).replace(b'"fault":"decided"', b'"fault":"guessed"', 1)
    with pytest.raises(JournalInvalid, match="guessed"):
        replay(exported)
