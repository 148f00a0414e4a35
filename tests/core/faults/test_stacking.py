"""Several rules that say yes to one request: delays add up, and the first effect beside them is injected."""

from typing import Any

import pytest
from gpu_sim.core.faults.injection import InjectedDelay, Injection
from gpu_sim.core.faults.lines import FaultDecision
from gpu_sim.core.kernel.quantities import Duration, Share
from gpu_sim.core.scenario.distributions import fixed
from gpu_sim.core.scenario.fault_effects import FaultEffect, RateLimit
from gpu_sim.core.scenario.fault_rules import FaultRule

from .fault_bench import Faults, rule

RESET = FaultEffect(reset=True)
MINUTE = 60_000


def slow(name: str, ms: int, **fields: Any) -> FaultRule:
    return rule(name, FaultEffect(delay=fixed(ms), **fields))


def decided(*rules: FaultRule) -> Injection | None:
    return Faults(*rules).state.decide("rent_gpu", "alice", None, 0)


def named(*rules: FaultRule) -> str | None:
    injection = decided(*rules)
    return None if injection is None else injection.named


def test_delays_add_up_by_clock_and_by_what_they_hold_up() -> None:
    injection = decided(
        slow("a", 1),
        slow("b", 20, clock="virtual"),
        slow("c", 300, delay_of="answer"),
        slow("d", 4_000),
        slow("e", 50_000, clock="virtual", delay_of="answer"),
    )
    assert injection is not None
    assert (injection.named, injection.effect) == ("a, b, c, d, e", None)
    sums = {
        (virtual, of_answer): injection.delay_ms(is_virtual=virtual, is_of_answer=of_answer)
        for virtual in (False, True)
        for of_answer in (False, True)
    }
    assert sums == {(False, False): 4_001, (True, False): 20, (False, True): 300, (True, True): 50_000}


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_delay_acts_beside_the_first_other_effect_wherever_it_stands(place: int) -> None:
    rules = [rule("first", RESET), rule("second", FaultEffect(respond=503))]
    rules.insert(place, slow("slow", 7))
    injection = decided(*rules)
    assert injection is not None
    assert injection.effect == RESET
    assert injection.delays == (InjectedDelay(7, is_virtual=False, is_of_answer=False),)
    assert set(injection.rules) == {"slow", "first"}
    assert injection.rules == tuple(each.name for each in rules if each.name != "second")


def test_a_rule_that_also_has_another_effect_acts_whole_or_not_at_all() -> None:
    faults = Faults(rule("first", RESET, times=1), slow("both", 7, respond=503))
    assert faults.met() == "first"
    assert faults.met() == "both"
    assert faults.counts() == {"first": (2, 1), "both": (2, 1)}


def test_only_rules_that_act_are_spent_and_the_journal_names_all_of_them() -> None:
    faults = Faults(
        rule("few", FaultEffect(delay=fixed(1)), times=2),
        rule("second", FaultEffect(delay=fixed(2)), every=2),
        rule("loser", FaultEffect(respond=500), after=3),
        rule("winner", RESET, times=3),
    )
    assert [faults.met() for _ in range(5)] == [
        "few, winner",
        "few, second, winner",
        "winner",
        "second, loser",
        "loser",
    ]
    assert faults.counts() == {"few": (5, 2), "second": (5, 2), "loser": (5, 2), "winner": (5, 3)}
    assert faults.lines[1] == FaultDecision(
        "alice", "rent_gpu", ("few", "second", "loser", "winner"), "few, second, winner"
    )


def test_a_delay_acts_on_what_a_rate_limit_refuses_and_on_what_it_lets_pass() -> None:
    limit = FaultEffect(rate_limit=RateLimit(1, Duration(MINUTE)))
    faults = Faults(rule("limit", limit), slow("slow", 5))
    met = [faults.state.decide("rent_gpu", "alice", None, 0) for _ in range(2)]
    assert [injection and (injection.named, injection.wait_ms) for injection in met] == [
        ("slow", 0),
        ("limit, slow", MINUTE),
    ]


def test_rates_come_out_as_they_are_set_alone_or_together() -> None:
    """20 % delays and 3 % resets, whichever rule is first: the delays take no request from the resets."""
    requests = 40_000
    for order in (1, -1):
        rules = [
            rule("slow", FaultEffect(delay=fixed(1)), probability=Share(200_000)),
            rule("reset", RESET, probability=Share(30_000)),
        ][::order]
        faults = Faults(*rules)
        met = [faults.met() for _ in range(requests)]
        resets, delays = (sum(name in (each or "").split(", ") for each in met) for name in ("reset", "slow"))
        # Four standard deviations.
        assert abs(resets / requests - 0.03) < 4 * (0.03 * 0.97 / requests) ** 0.5
        assert abs(delays / requests - 0.2) < 4 * (0.2 * 0.8 / requests) ** 0.5
        both = sum(", " in (each or "") for each in met)
        assert abs(both / requests - 0.006) < 4 * (0.006 * 0.994 / requests) ** 0.5
        assert faults.counts() == {"slow": (requests, delays), "reset": (requests, resets)}


def test_a_rule_that_only_delays_changes_no_other_rules_fate() -> None:
    alone = Faults(rule("reset", RESET, probability=Share(300_000), times=20)).run(200)
    beside = Faults(
        rule("slow", FaultEffect(delay=fixed(1)), probability=Share(500_000)),
        rule("reset", RESET, probability=Share(300_000), times=20),
    )
    met = [beside.met() or "" for _ in range(200)]
    assert "".join("t" if "reset" in each else "." for each in met) == alone
    assert named(slow("z", 1)) == "z"
