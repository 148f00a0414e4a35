"""Of whom a rule counts requests and limits their rate: each account, each rental, or the whole world."""

from typing import Any

import msgspec
import pytest
from gpu_sim.core.faults import counted_rule
from gpu_sim.core.faults.counted_rule import BucketLevel, RuleState, ScopeCounts
from gpu_sim.core.faults.lines import FaultDecision
from gpu_sim.core.kernel.quantities import Duration, Share
from gpu_sim.core.kernel.randomness import draw, happens, stream
from gpu_sim.core.scenario.distributions import Distribution, Uniform
from gpu_sim.core.scenario.fault_effects import FaultEffect, RateLimit
from gpu_sim.core.scenario.fault_rules import FaultTarget

from .fault_bench import UNAVAILABLE, Faults, rule

MINUTE = 60_000
HALF = Share(500_000)


def looks(faults: Faults, rentals: str, account: str = "alice", now_ms: int = 0) -> str:
    """For a look at each of these rentals, each a letter: the rule's last letter where it acts, else a dot."""
    met = [faults.state.decide("get_rental", account, None, now_ms, rental) for rental in rentals]
    return "".join("." if injection is None else injection.named[-1] for injection in met)


def test_per_rental_each_rental_is_counted_alone() -> None:
    faults = Faults(rule(times=2, per="rental"))
    assert looks(faults, "aabaabbcb") == "xxx..x.x."
    (state,) = faults.state.state()
    assert state.counts == (ScopeCounts("a", 4, 2), ScopeCounts("c", 1, 1), ScopeCounts("b", 4, 2))
    assert (state.hits, state.spent) == (9, 5)


def test_per_world_all_accounts_are_counted_together() -> None:
    faults = Faults(rule(every=3, per="world"))
    assert [faults.met(account) for account in ("alice", "bob", "carol", "alice", "alice", "bob")] == [
        None,
        None,
        "x",
        None,
        None,
        "x",
    ]
    assert faults.state.state()[0].counts == (ScopeCounts("", 6, 2),)


def test_per_rental_a_request_without_a_rental_is_not_meant() -> None:
    faults = Faults(rule(per="rental"))
    for operation in ("list_offers", "rent_gpu", "get_rental", "terminate_rental"):
        assert faults.met(operation=operation) is None
    assert faults.lines == []
    assert faults.counts() == {"x": (0, 0)}


@pytest.mark.parametrize(
    ("per", "account", "rental", "path"),
    [("account", "alice", "r", "x/alice"), ("rental", "alice", "r", "x/rental/r"), ("world", "alice", "r", "x/world/")],
)
def test_hit_n_is_decided_by_draw_n_minus_one_of_the_stream_of_its_scope(
    per: str, account: str, rental: str, path: str
) -> None:
    spread = FaultEffect(delay=Distribution(uniform=Uniform(Duration(0), Duration(10**6))))
    faults = Faults(rule(effect=spread, probability=HALF, per=per), seed=7)
    met = [faults.state.decide("get_rental", account, None, 0, rental) for _ in range(100)]
    luck = stream(7, f"fault/{path}")
    assert [injection is not None for injection in met] == [happens(draw(luck, n), HALF) for n in range(100)]
    assert spread.delay is not None
    sample, delays = spread.delay.sampler(), stream(7, f"fault-delay/{path}")
    drawn = [injection and injection.delays[0].ms for injection in met]
    assert drawn == [sample(draw(delays, n)) if happens(draw(luck, n), HALF) else None for n in range(100)]


def test_a_rentals_luck_is_its_own_whatever_happens_to_others() -> None:
    alone = looks(Faults(rule(probability=HALF, per="rental")), "a" * 60)
    crowd = Faults(rule(probability=HALF, per="rental"))
    mixed = "".join(looks(crowd, "bc") + looks(crowd, "a")[-1] for _ in range(60))
    assert mixed[2::3] == alone
    assert mixed[0::3] != alone


def test_the_journal_names_the_rental_only_where_a_rule_counts_by_it() -> None:
    faults = Faults(rule("a"), rule("b", per="rental"))
    looks(faults, "r")
    assert faults.met() == "a"
    alone = Faults(rule("a"))
    looks(alone, "r")
    assert faults.lines + alone.lines == [
        FaultDecision("alice", "get_rental", ("a", "b"), "a", "r"),
        FaultDecision("alice", "rent_gpu", ("a",), "a"),
        FaultDecision("alice", "get_rental", ("a",), "a"),
    ]


def limited(limit: int, *, shared: bool = False, **when: Any) -> Faults:
    return Faults(rule(effect=FaultEffect(rate_limit=RateLimit(limit, Duration(MINUTE), shared=shared)), **when))


def test_a_shared_rate_limit_is_one_for_all_accounts() -> None:
    accounts = ["alice", "bob", "carol", "bob"]
    apart, together = limited(2), limited(2, shared=True)
    assert [apart.met(account) for account in accounts] == [None] * 4
    assert [together.met(account) for account in accounts] == [None, None, "x", "x"]
    (state,) = together.state.state()
    assert [counts.of for counts in state.counts] == ["alice", "bob", "carol"]
    assert state.buckets == (BucketLevel("", 0, 0),)
    assert together.met("dave", now_ms=MINUTE // 2) is None
    assert together.met("alice", now_ms=MINUTE // 2) == "x"


def test_a_rate_limit_per_rental_is_one_for_each_rental_and_shared_one_for_all() -> None:
    assert looks(limited(1, per="rental"), "aabab") == ".x.xx"
    assert looks(limited(1, per="rental", shared=True), "aabab") == ".xxxx"
    assert [limited(1, per="world").met(account) for account in ("alice", "bob")] == [None, None]
    world = limited(1, per="world")
    assert [world.met(account) for account in ("alice", "bob")] == [None, "x"]


def test_the_counts_of_rentals_are_bounded_and_their_totals_stay_true(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counted_rule, "RENTALS_COUNTED_MAX", 3)
    faults = Faults(
        rule("x", times=2, per="rental"),
        rule("y", FaultEffect(rate_limit=RateLimit(1, Duration(MINUTE))), per="rental"),
    )
    assert looks(faults, "aaabcab") == "xxyxxyx"
    assert looks(faults, "d") == "x"  # and c, asked for longest ago, is forgotten
    counted, limits = faults.state.state()
    assert [counts.of for counts in counted.counts] == ["a", "b", "d"]
    assert {bucket.of for bucket in limits.buckets} == {"a", "b", "d"}
    assert (counted.hits, counted.spent, counted.hits_gone, counted.spent_gone) == (8, 6, 1, 1)
    assert looks(faults, "c") == "x"
    again = Faults(*(state.rule for state in faults.state.state()))
    again.state.restore(faults.state.state(), 0)
    assert again.state.state() == faults.state.state()
    assert looks(again, "abcdabcd") == looks(faults, "abcdabcd")


@pytest.mark.parametrize("per", ["account", "rental", "world"])
@pytest.mark.parametrize("shared", [False, True])
def test_a_state_restored_goes_on_as_the_first_would_have(per: str, *, shared: bool) -> None:
    limit = FaultEffect(rate_limit=RateLimit(3, Duration(1_000), shared=shared))
    first = Faults(
        rule("a", probability=HALF, times=5, per=per),
        rule("b", limit, on=FaultTarget(operation="get_rental"), per=per),
    )

    def live(faults: Faults, from_ms: int) -> list[str]:
        return [
            looks(faults, rentals, account, now_ms)
            for now_ms in range(from_ms, from_ms + 3_000, 97)
            for account, rentals in (("alice", "aab"), ("bob", "c"))
        ]

    live(first, 0)
    encoded = msgspec.json.encode(first.state.state(), enc_hook=int)
    decoded = msgspec.json.decode(encoded, type=tuple[RuleState, ...], dec_hook=lambda type_, value: type_(value))
    second = Faults()
    second.state.restore(decoded, 3_000)
    assert second.state.state() == first.state.state()
    assert live(first, 3_000) == live(second, 3_000)
    assert second.state.state() == first.state.state()
    assert second.lines == first.lines[-len(second.lines) :]


@pytest.mark.parametrize(
    "state",
    [
        RuleState(rule(per="world"), 0, (ScopeCounts("alice", 1),)),
        RuleState(rule(per="rental"), 0, (ScopeCounts("a", 1), ScopeCounts("a", 1))),
        RuleState(rule(), 0, (ScopeCounts("a", 1, 2),)),
        RuleState(rule(), 0, (), (BucketLevel("a"),)),
        RuleState(rule(), 0, spent_gone=1),
        RuleState(rule(effect=FaultEffect(rate_limit=RateLimit(1, Duration(1)))), 0, (), (BucketLevel("a"),)),
        RuleState(
            rule(effect=FaultEffect(rate_limit=RateLimit(1, Duration(1), shared=True))), 0, (), (BucketLevel("a"),)
        ),
        RuleState(rule("x", UNAVAILABLE, per="rental"), 0, tuple(ScopeCounts(str(n)) for n in range(10_001))),
    ],
)
def test_a_state_that_no_run_leads_to_is_refused(state: RuleState) -> None:
    with pytest.raises(ValueError, match="cannot have counted so"):
        Faults().state.restore((state,), 0)
