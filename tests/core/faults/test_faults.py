"""Decisions on faults: when a rule acts, what it counts and draws, and that nothing else moves its luck."""

import random
from typing import Any

import msgspec
import pytest
from gpu_sim.core.faults.counted_rule import RuleState
from gpu_sim.core.faults.injection import InjectedDelay, Injection
from gpu_sim.core.faults.lines import FaultDecision, FaultRuleAdded, FaultRuleRemoved, FaultRulesReset
from gpu_sim.core.kernel.errors import FaultNotFound
from gpu_sim.core.kernel.quantities import Duration, Share
from gpu_sim.core.kernel.randomness import draw, happens, stream
from gpu_sim.core.scenario.distributions import Distribution, Uniform, fixed
from gpu_sim.core.scenario.fault_effects import FaultEffect, RateLimit
from gpu_sim.core.scenario.fault_rules import OPERATIONS, FaultTarget, Operation

from .fault_bench import Faults, rule

MINUTE = 60_000
HALF = Share(500_000)


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({}, "xxxxxxxx"),
        ({"times": 3}, "xxx....."),
        ({"after": 3}, "...xxxxx"),
        ({"every": 3}, "..x..x.."),
        ({"after": 2, "every": 3}, "....x..x"),
        ({"after": 1, "times": 2}, ".xx....."),
        ({"every": 2, "times": 2}, ".x.x...."),
        ({"probability": Share(0)}, "........"),
        ({"probability": Share(0), "after": 3}, "........"),
    ],
)
def test_after_every_and_times_choose_among_the_hits(when: dict[str, Any], expected: str) -> None:
    faults = Faults(rule(**when))
    assert faults.run(8) == expected
    assert faults.counts() == {"x": (8, expected.count("x"))}


def test_each_account_is_counted_alone() -> None:
    faults = Faults(rule(times=1, after=1))
    assert [faults.met(account) for account in ("alice", "bob", "alice", "bob", "alice")] == [
        None,
        None,
        "x",
        "x",
        None,
    ]
    (state,) = faults.state.state()
    assert [(each.of, each.hits, each.spent) for each in state.counts] == [("alice", 3, 1), ("bob", 2, 1)]
    assert (state.hits, state.spent) == (5, 2)


def test_zero_and_a_hundred_per_cent_are_exact() -> None:
    faults = Faults(rule("never0", probability=Share(0)), rule("always1", probability=Share(1_000_000)))
    assert faults.run(20_000) == "1" * 20_000
    assert faults.counts() == {"never0": (20_000, 0), "always1": (20_000, 20_000)}


@pytest.mark.parametrize("account", ["alice", "bob"])
def test_hit_n_is_decided_by_draw_n_minus_one_of_the_stream_named_after_rule_and_account(account: str) -> None:
    key = stream(7, f"fault/x/{account}")
    expected = "".join("x" if happens(draw(key, n), 500_000) else "." for n in range(200))
    assert Faults(rule(probability=HALF), seed=7).run(200, account) == expected
    assert 60 < expected.count("x") < 140


def test_every_hit_draws_whatever_the_other_conditions_say() -> None:
    plain = Faults(rule(probability=HALF)).run(60)
    late = Faults(rule(probability=HALF, after=20)).run(60)
    assert late == "." * 20 + plain[20:]
    faults = Faults(rule(probability=HALF, between=(Duration(10), Duration(20))))
    assert faults.run(20) + faults.run(20, now_ms=10) + faults.run(20, now_ms=20) == "." * 20 + plain[20:40] + "." * 20


@pytest.mark.parametrize(
    ("now_ms", "acts"), [(999, False), (1_000, True), (1_001, True), (1_999, True), (2_000, False), (2_001, False)]
)
def test_between_is_half_open(now_ms: int, acts: bool) -> None:
    faults = Faults(rule(between=(Duration(1_000), Duration(2_000))))
    assert (faults.met(now_ms=now_ms) is not None) is acts


@pytest.mark.parametrize(("now_ms", "acts"), [(5_000, True), (5_999, True), (6_000, False), (6_001, False)])
def test_ttl_counts_from_when_the_rule_was_added(now_ms: int, acts: bool) -> None:
    faults = Faults()
    faults.state.add(rule(ttl=Duration(1_000)), 5_000)
    assert (faults.met(now_ms=now_ms) is not None) is acts


@pytest.mark.parametrize(("now_ms", "acts"), [(0, True), (999, True), (1_000, False)])
def test_a_rule_of_the_scenario_was_added_at_the_start(now_ms: int, acts: bool) -> None:
    assert (Faults(rule(ttl=Duration(1_000))).met(now_ms=now_ms) is not None) is acts


def test_the_first_rule_in_order_that_says_yes_is_injected_and_all_count() -> None:
    faults = Faults(rule("a0", every=2), rule("b1"), rule("c2", on=FaultTarget(operation="get_rental")))
    assert faults.run(4) == "1010"
    assert faults.counts() == {"a0": (4, 2), "b1": (4, 2), "c2": (0, 0)}
    assert faults.lines[0] == FaultDecision("alice", "rent_gpu", ("a0", "b1"), "b1")


def test_a_rule_added_or_removed_changes_no_other_draw() -> None:
    """The decision of rule b on each of its hits stays the same; only who goes before it may differ."""
    lone = Faults(rule("b1", probability=HALF)).run(300)
    behind = Faults(rule("a0", probability=HALF), rule("b1", probability=HALF))
    mixed = behind.run(300)
    assert all(now in (was, "0") for was, now in zip(lone, mixed, strict=True))
    assert "0" in mixed
    changing = Faults(rule("b1", probability=HALF))
    seen = changing.run(100)
    changing.state.add(rule("z2", probability=HALF), 0)
    after = changing.run(100)
    assert [one == "1" for one in after] == [one == "1" for one in lone[100:200]]
    changing.state.remove("z2")
    assert seen + after.replace("2", ".") + changing.run(100) == lone


def test_whatever_the_interleaving_of_accounts_each_meets_the_same() -> None:
    def lives(order: list[str]) -> dict[str, str]:
        faults = Faults(rule("a0", probability=HALF, times=30), rule("b1", probability=HALF, every=3))
        met: dict[str, str] = {"alice": "", "bob": "", "carol": ""}
        for account in order:
            met[account] += faults.run(1, account)
        return met

    order = ["alice"] * 100 + ["bob"] * 100 + ["carol"] * 100
    expected = lives(order)
    for seed in range(5):
        random.Random(seed).shuffle(order)
        assert lives(order) == expected
    assert len(set(expected.values())) == 3


def test_two_seeds_differ_and_one_repeats() -> None:
    runs = [Faults(rule(probability=HALF), seed=seed).run(100) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_a_delay_is_drawn_from_a_stream_of_its_own() -> None:
    spread = Distribution(uniform=Uniform(Duration(0), Duration(1_000_000)))

    def delays(**when: Any) -> list[int | None]:
        faults = Faults(rule(effect=FaultEffect(delay=spread), **when))
        met = [faults.state.decide("get_rental", "alice", None, 0) for _ in range(100)]
        return [None if injection is None else injection.delays[0].ms for injection in met]

    whole, sparse = delays(), delays(probability=HALF)
    assert len(set(whole)) > 90
    assert all(was == now or now is None for was, now in zip(whole, sparse, strict=True))
    assert None in sparse


def test_an_injection_says_what_when_and_for_how_long() -> None:
    injection = Faults(rule(effect=FaultEffect(delay=fixed(7), reset=True))).state.decide("rent_gpu", "alice", None, 0)
    assert injection is not None
    assert injection == Injection(
        ("x",), FaultEffect(delay=fixed(7), reset=True), (InjectedDelay(7, is_virtual=False, is_of_answer=False),), 0
    )


def test_without_a_matching_rule_nothing_is_written_and_nothing_counted() -> None:
    faults = Faults(rule(on=FaultTarget(account="bob")), rule("y", on=FaultTarget(provider="gcp")))
    assert faults.run(5) == "....."
    assert faults.lines == []
    assert faults.counts() == {"x": (0, 0), "y": (0, 0)}


def test_a_rule_with_a_selector_is_about_the_offer_of_the_request() -> None:
    faults = Faults(rule(on=FaultTarget(provider="gcp")))
    for offer, expected in ((("GCP", "H100", "x"), True), (("aws", "H100", "x"), False), (None, False)):
        assert (faults.state.decide("rent_gpu", "alice", offer, 0) is not None) is expected


def test_it_says_cheaply_whether_there_is_anything_to_ask() -> None:
    faults = Faults()
    seen = [(bool(faults.state.operations), faults.state.candidates("rent_gpu", "alice"))]
    for name, on in (("a", None), ("b", FaultTarget(region="x")), ("b", None), ("a", None)):
        if len(seen) < 3:
            faults.state.add(rule(name, on=on), 0)
        else:
            faults.state.remove(name)
        seen.append((bool(faults.state.operations), faults.state.candidates("rent_gpu", "alice")))
    assert seen == [
        (False, ((), False)),
        (True, (("a",), False)),
        (True, (("a", "b"), True)),
        (True, (("a",), False)),
        (False, ((), False)),
    ]


@pytest.mark.parametrize(
    ("on", "when", "operations"),
    [
        (FaultTarget(), {}, ["list_offers", "rent_gpu", "get_rental", "terminate_rental"]),
        (FaultTarget(operation="rent_gpu"), {}, ["rent_gpu"]),
        (FaultTarget(account="bob"), {}, []),
        (FaultTarget(provider="gcp"), {}, ["rent_gpu", "get_rental", "terminate_rental"]),
        (FaultTarget(), {"per": "rental"}, ["get_rental", "terminate_rental"]),
    ],
)
def test_a_rule_is_a_candidate_only_where_it_can_match(
    on: FaultTarget, when: dict[str, Any], operations: list[Operation]
) -> None:
    faults = Faults(rule(on=on, **when))
    assert [each for each in OPERATIONS if faults.state.candidates(each, "alice").names] == operations


def test_a_rule_posted_again_starts_from_zero_in_its_old_place() -> None:
    faults = Faults(rule("a0", times=2), rule("b1"))
    assert faults.run(3) == "001"
    faults.state.add(rule("a0", times=1), 0)
    assert faults.counts() == {"a0": (0, 0), "b1": (3, 1)}
    assert faults.run(2) == "01"


def test_a_rule_posted_again_draws_as_it_did_before() -> None:
    faults = Faults(rule(probability=HALF))
    first = faults.run(50)
    faults.state.add(rule(probability=HALF), 0)
    assert faults.run(50) == first


def test_a_rule_has_a_number_above_those_before_it_which_no_other_gets_once_it_is_gone() -> None:
    faults = Faults(rule("r1"), rule("r2"))
    assert [faults.state.number(name) for name in ("r1", "r2")] == [0, 1]
    faults.state.remove("r2")
    faults.state.add(rule("r3"), 0)
    faults.state.add(rule("r2"), 0)
    faults.state.add(rule("r1"), 0)  # in its own place: the number stays
    assert [faults.state.number(name) for name in ("r1", "r3", "r2")] == [0, 2, 3]


def test_a_rule_that_is_not_there_cannot_be_removed() -> None:
    faults = Faults(rule("lost"))
    with pytest.raises(FaultNotFound, match='no fault rule "lots"; did you mean "lost"'):
        faults.state.remove("lots")
    assert faults.lines == []


def test_a_reset_brings_the_scenarios_rules_back_at_zero() -> None:
    faults = Faults(rule("a0", times=1, ttl=Duration(10)))
    faults.run(3)
    faults.state.add(rule("b1"), 0)
    faults.state.reset(5_000)
    assert faults.counts() == {"a0": (0, 0)}
    assert faults.run(2, now_ms=5_009) == "0."
    (state,) = faults.state.state()
    assert state.added_ms == 5_000


def test_every_change_of_the_rules_is_written_down() -> None:
    faults = Faults(rule("a0"))
    added = rule("b1")
    faults.state.add(added, 0)
    faults.state.remove("a0")
    faults.state.reset(0)
    assert faults.lines == [FaultRuleAdded(added), FaultRuleRemoved("a0"), FaultRulesReset()]


def test_a_state_restored_goes_on_as_the_first_would_have() -> None:
    conditions = (
        rule("a0", probability=HALF, times=20, every=2),
        rule("b1", FaultEffect(rate_limit=RateLimit(3, Duration(1_000)))),
    )
    first = Faults(*conditions)
    for now_ms in range(0, 3_000, 97):
        first.run(2, "alice", now_ms)
        first.run(1, "bob", now_ms)
    first.state.add(rule("c2", probability=HALF, ttl=Duration(2_000)), 3_000)
    encoded = msgspec.json.encode(first.state.state(), enc_hook=int)
    decoded = msgspec.json.decode(encoded, type=tuple[RuleState, ...], dec_hook=lambda type_, value: type_(value))
    second = Faults()
    second.state.restore(decoded, 3_000)
    assert second.state.operations
    assert second.state.state() == first.state.state()
    for now_ms in range(3_000, 6_000, 89):
        assert first.run(2, "alice", now_ms) == second.run(2, "alice", now_ms)
        assert first.run(1, "carol", now_ms) == second.run(1, "carol", now_ms)
    assert second.state.state() == first.state.state()
    assert second.lines == first.lines[-len(second.lines) :]


def test_the_operations_are_those_that_a_rule_may_be_about() -> None:
    faults = Faults(rule("a", on=FaultTarget(operation="rent_gpu")))
    assert faults.state.operations == {"rent_gpu"}
    faults.state.add(rule("b", on=FaultTarget(account="alice")), 0)
    assert faults.state.operations == {"list_offers", "rent_gpu", "get_rental", "terminate_rental"}
    faults.state.remove("b")
    assert faults.state.operations == {"rent_gpu"}
