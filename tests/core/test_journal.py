"""The journal's lines, and reading them back."""

from collections.abc import Callable

import msgspec
import pytest
from gpu_sim.core.commands import AddCredit, TerminateRental
from gpu_sim.core.faults.lines import FaultDecision, FaultRulesReset
from gpu_sim.core.journal import FORMAT, parse
from gpu_sim.core.kernel.errors import JournalInvalid, Refusal
from gpu_sim.core.kernel.quantities import Duration, Money, Price
from gpu_sim.core.scenario.acts import Act, PriceAct
from gpu_sim.core.scenario.fault_effects import FaultEffect
from gpu_sim.core.scenario.fault_rules import FaultRule, FaultTarget
from gpu_sim.core.scenario.scenario import AccountSpec, BillingSettings
from gpu_sim.core.simulation import Simulation
from msgspec.structs import replace

from ..support.builders import DOLLAR, MINUTE, READY, journal, rent, rent_command, scenario


def lived() -> Simulation:
    """A rental from rent to deletion, and a credit."""
    act = Act(at=Duration(5), price=PriceAct(set=Price(2_000)))
    named = scenario(accounts=(AccountSpec("alice", "si_secret", Money(DOLLAR)),), timeline=(act,))
    sim = Simulation(named, seed=3)
    rental = rent(sim)
    sim.advance(READY)
    sim.execute(AddCredit("alice", 5))
    sim.execute(TerminateRental("alice", rental.rental_id))
    sim.advance(READY + 10)
    return sim


def decoded(sim: Simulation) -> list[dict[str, object]]:
    return [msgspec.json.decode(line) for line in journal(sim).splitlines()]


def test_it_opens_with_format_seed_start_and_scenario_and_closes_with_the_time() -> None:
    lines = decoded(lived())
    assert list(lines[0]) == ["journal", "seed", "start", "scenario"]
    assert (lines[0]["journal"], lines[0]["seed"], lines[0]["start"]) == (FORMAT, 3, "2026-01-01T00:00:00.000Z")
    assert lines[-1] == {"at": READY + 10, "end": True}


def test_commands_and_events_follow_each_other_in_order() -> None:
    names = [line.get("command") or line.get("type") for line in decoded(lived())[1:-1]]
    assert names == [
        "account_created",
        "credit_added",
        "rent_gpu",
        "hold_placed",
        "rental_created",
        "act_started",
        "rental_running",
        "add_credit",
        "credit_added",
        "terminate_rental",
        "rental_terminated",
        "rental_settled",
    ]


def test_events_are_numbered_densely_from_one_and_commands_not() -> None:
    lines = decoded(lived())[1:-1]
    events = [line for line in lines if "type" in line]
    assert [line["seq"] for line in events] == list(range(1, len(events) + 1))
    assert all("seq" not in line for line in lines if "command" in line)


def test_event_number_i_has_the_sequence_number_i_plus_one() -> None:
    sim = lived()
    events = [line for line in decoded(sim)[1:-1] if "type" in line]
    assert [event.at for event in sim.events] == [line["at"] for line in events]


def test_every_line_says_when_and_time_never_goes_back() -> None:
    times = [line["at"] for line in decoded(lived())[1:]]
    assert all(isinstance(at, int) for at in times)
    assert times == sorted(times)  # type: ignore[type-var]  # ints, by the line above


def test_it_names_accounts_and_never_tokens() -> None:
    exported = journal(lived())
    assert b"si_secret" not in exported
    assert b'"account":"alice"' in exported


def test_advances_and_refusals_leave_no_line() -> None:
    sim = Simulation(scenario(balance=0))
    before = journal(sim)
    with pytest.raises(Refusal):
        rent(sim)
    sim.advance(0)
    assert journal(sim) == before
    sim.advance(7)
    assert journal(sim).splitlines()[:-1] == before.splitlines()[:-1]


def test_no_number_in_it_is_a_float() -> None:
    assert b"." not in b"".join(line for line in journal(lived()).splitlines()[1:] if b'"command"' not in line)


def test_exporting_twice_gives_the_same_bytes() -> None:
    sim = lived()
    assert journal(sim) == journal(sim)
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in sim.journal())


def test_it_is_read_back_as_header_commands_and_end() -> None:
    sim = lived()
    header, commands, end_ms = parse(journal(sim))
    assert header.seed == 3
    assert header.scenario.accounts == (AccountSpec("alice", None, Money(DOLLAR)),)
    assert header.scenario.billing == sim.scenario.billing
    assert header.scenario.market == sim.scenario.market
    assert header.scenario.timeline == sim.scenario.timeline
    assert [(line.at, line.command) for line in commands][:2] == [(0, rent_command()), (READY, AddCredit("alice", 5))]
    assert end_ms == READY + 10


def test_a_name_that_looks_like_a_command_is_none() -> None:
    sim = Simulation(scenario(description='"command": {"seq": 1}'))
    assert parse(journal(sim))[1] == []


def test_without_faults_the_header_is_as_it_was_before_there_were_any() -> None:
    assert b'"faults"' not in journal(Simulation(scenario(description='"faults":[]'))).replace(b'\\"faults\\"', b"")


def test_rules_and_decisions_on_faults_are_read_back() -> None:
    rule = FaultRule(name="lost", on=FaultTarget(operation="rent_gpu"), effect=FaultEffect(lose_response=True))
    sim = Simulation(scenario(faults=(rule,)))
    sim.write_down(FaultRulesReset())
    sim.advance(5)
    decision = FaultDecision("alice", "rent_gpu", ("lost",), None)
    sim.write_down(decision)
    header, decided, _ = parse(journal(sim))
    assert header.scenario.faults == (rule,)
    assert [(line.at, line.command) for line in decided] == [(0, FaultRulesReset()), (5, decision)]


def replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    return lambda exported: exported.replace(old, new, 1)


def said_of_the_scenario(field: bytes) -> Callable[[bytes], bytes]:
    """The header with one field more in its scenario, which leaves out what has its default."""
    return replaced(b'"scenario":{', b'"scenario":{' + field + b",")


def test_what_a_header_may_say_of_its_scenario_besides_is_read() -> None:
    exported = said_of_the_scenario(b'"scenario":1,"billing":{"minimum":901000}')(journal(lived()))
    assert parse(exported)[0].scenario.billing.minimum == 901_000


def test_a_journal_of_format_2_is_refused_by_its_number() -> None:
    old = journal(lived()).replace(b'{"journal":3,', b'{"journal":2,', 1)
    with pytest.raises(JournalInvalid, match="format 2 is not format 3, the one read here"):
        parse(old)


def test_the_header_leaves_defaults_out_also_those_that_were_written_out() -> None:
    written_out = replace(
        scenario(), billing=BillingSettings(minimum=Duration(15 * MINUTE)), journal="".join(["comp", "act"])
    )
    header, default = (Simulation(each).journal_header() for each in (written_out, scenario()))
    assert b"billing" not in header
    assert header == default


@pytest.mark.parametrize(
    ("spoil", "param"),
    [
        (lambda _: b"", "line 1"),
        (lambda exported: exported.splitlines()[0], "line 1"),
        (lambda exported: b"not json\n" + exported, "line 1"),
        (replaced(b'"journal":3', b'"journal":2'), "line 1"),
        (said_of_the_scenario(b'"scenario":2'), "line 1"),
        (replaced(b'"seed":3', b'"seed":"3"'), "line 1"),
        (said_of_the_scenario(b'"sead":1'), "line 1"),
        (said_of_the_scenario(b'"billing":{"minimum":"15m"}'), "line 1"),
        (said_of_the_scenario(b'"billing":{"minimum":900500}'), "line 1"),
        (replaced(b'"end":true', b'"and":true'), "line 14"),
        (lambda exported: b"\n".join(exported.splitlines()[:-1]), "line 13"),
        (replaced(b'"amount_micros":5}\n{"at":60000,', b'"amount_micros":5}\n{"at":"x",'), "line 11"),
        (replaced(b'"command":"rent_gpu"', b'"command":"rent_cpu"'), "line 4"),
        (replaced(b'"gpu_count":1', b'"gpu_count":"1"'), "line 4"),
        (replaced(b'{"at":0,"command"', b'{"at":null,"command"'), "line 4"),
    ],
)
def test_what_is_no_journal_is_refused_with_the_line(spoil: Callable[[bytes], bytes], param: str) -> None:
    with pytest.raises(JournalInvalid) as refusal:
        parse(spoil(journal(lived())))
    assert refusal.value.param == param
