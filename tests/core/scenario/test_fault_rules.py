"""Fault rules: what they are about, and which make no sense."""

from collections.abc import Callable
from typing import Any

import pytest
from gpu_sim.core.kernel.quantities import Duration, RetryAfter, Share
from gpu_sim.core.scenario.distributions import fixed
from gpu_sim.core.scenario.fault_effects import Drip, FaultEffect, RateLimit
from gpu_sim.core.scenario.fault_rules import FaultRule, FaultTarget, FaultWhen, rule_problems
from gpu_sim.core.scenario.offer_names import OfferNames
from gpu_sim.core.scenario_problems import find_problems

from ...support.builders import offer, scenario

OFFERS = (offer(),)
RESET = FaultEffect(reset=True)
HERE = ("vast-ai", "RTX 4090", "Quebec, CA")
SECOND = Duration(1_000)


def effect(**fields: Any) -> Callable[[], FaultEffect]:
    return lambda: FaultEffect(**fields)


def when(**fields: Any) -> Callable[[], FaultWhen]:
    return lambda: FaultWhen(**fields)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (effect(), "or delay"),
        (effect(reset=False), "or delay"),
        (effect(respond=199), "respond must be a status from 200 to 599"),
        (effect(respond=600), "respond must be a status from 200 to 599"),
        (effect(respond=0), "respond must be a status from 200 to 599"),
        (effect(hang=Duration(0)), "hang must be above 0s"),
        (effect(truncate=Share(1_000_000)), "truncate must be below 100%"),
        (effect(reset=True, clock="wall"), "clock goes with delay"),
        (lambda: Drip(0, SECOND), "bytes must be at least 1"),
        (lambda: Drip(1, Duration(0)), "every must be above 0s"),
        (lambda: RateLimit(0, SECOND), "limit must be between 1"),
        (lambda: RateLimit(1_000_000_001, SECOND), "limit must be between 1"),
        (lambda: RateLimit(1, Duration(0)), "per must be above 0s"),
        (when(times=0), "times must be at least 1"),
        (when(after=-1), "after must be 0 or more"),
        (when(every=0), "every must be at least 1"),
        (when(between=(SECOND, SECOND)), "between must end after it begins"),
        (when(ttl=Duration(0)), "ttl must be above 0s"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: Callable[[], object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        wrong()


@pytest.mark.parametrize("operation", ["list_offers", "get_rental"])
def test_only_what_changes_something_can_arrive_twice(operation: Any) -> None:
    with pytest.raises(ValueError, match="duplicate goes with rent_gpu and terminate_rental"):
        FaultRule(name="x", on=FaultTarget(operation=operation), effect=FaultEffect(duplicate=True))
    FaultRule(name="x", effect=FaultEffect(duplicate=True))


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"respond": 400}, "respond"),
        ({"respond": 599, "delay": fixed(1), "clock": "virtual"}, "respond"),
        ({"respond": 503, "retry_after": RetryAfter(1_000), "retry_after_as": "negative"}, "respond"),
        ({"respond": 429, "retry_after_as": "date"}, "respond"),
        ({"hang": Duration(1)}, "hang"),
        ({"truncate": Share(0)}, "truncate"),
        ({"truncate": Share(999_999)}, "truncate"),
        ({"delay": fixed(0)}, "delay"),
        ({"rate_limit": RateLimit(1, SECOND), "retry_after": RetryAfter(0)}, "rate_limit"),
        ({"drip": Drip(1, Duration(1))}, "drip"),
        ({"lose_response": True, "delay": fixed(1)}, "lose_response"),
    ],
)
def test_an_effect_is_of_one_kind_with_a_delay_or_without(fields: dict[str, Any], kind: str) -> None:
    assert FaultEffect(**fields).kind == kind


@pytest.mark.parametrize(
    ("target", "meets"),
    [
        (FaultTarget(), True),
        (FaultTarget(operation="rent_gpu"), True),
        (FaultTarget(operation="get_rental"), False),
        (FaultTarget(account="alice"), True),
        (FaultTarget(account="Alice"), False),
        (FaultTarget(provider="VAST-AI", gpu_model="rtx 4090"), True),
        (FaultTarget(gpu_model="H100"), False),
        (FaultTarget(operation="rent_gpu", account="alice", region="Quebec, CA"), True),
    ],
)
def test_a_rule_is_about_the_requests_of_which_all_is_true(target: FaultTarget, meets: bool) -> None:
    assert target.meets("rent_gpu", "alice", HERE) is meets
    assert target.meets("rent_gpu", "alice", None) is (meets and not target.has_selector)


@pytest.mark.parametrize(
    ("name", "target", "path", "says"),
    [
        ("a name", {}, ("name",), "a name is 1 to 64 of"),
        ("", {}, ("name",), "a name is 1 to 64 of"),
        ("header", {}, ("name",), "x-sim-fault says"),
        ("x", {"account": "alcie"}, ("on", "account"), 'no account "alcie"; did you mean "alice"?'),
        ("x", {"provider": "vastai"}, ("on", "provider"), 'did you mean "vast-ai"?'),
        ("x", {"operation": "list_offers", "region": "Quebec, CA"}, ("on",), "list_offers concerns no single offer"),
    ],
)
def test_a_rule_that_could_never_match_is_a_problem(
    name: str, target: dict[str, Any], path: tuple[str, ...], says: str
) -> None:
    rule = FaultRule(name=name, on=FaultTarget(**target), effect=RESET)
    ((at, problem),) = rule_problems(rule, ["alice"], OfferNames(OFFERS))
    assert at == path
    assert says in problem
    again = list(find_problems(scenario(faults=(rule,)), OFFERS))
    assert again == [(("faults", 0, *path), problem)]


@pytest.mark.parametrize(
    ("added_ms", "between", "ttl", "path"),
    [
        (0, (3_000, 5_000), 3_001, None),
        (0, (3_000, 5_000), 3_000, ("when", "ttl")),
        (0, (3_000, 5_000), 1, ("when", "ttl")),
        (0, (0, 1), 1, None),
        (1, (3_000, 5_000), 3_000, None),
        (1, (3_000, 5_000), 2_999, ("when", "ttl")),
        (4_999, (3_000, 5_000), 1, None),
        (5_000, (3_000, 5_000), 1, ("when", "between")),
        (4_999, (3_000, 5_000), None, None),
        (5_000, (3_000, 5_000), None, ("when", "between")),
        (5_000, None, 1, None),
    ],
)
def test_a_rule_whose_times_never_meet_is_a_problem(
    added_ms: int, between: tuple[int, int] | None, ttl: int | None, path: tuple[str, ...] | None
) -> None:
    spans = None if between is None else (Duration(between[0]), Duration(between[1]))
    times = FaultWhen(between=spans, ttl=None if ttl is None else Duration(ttl))
    rule = FaultRule(name="x", effect=RESET, when=times)
    found = [at for at, _ in rule_problems(rule, ["alice"], OfferNames(OFFERS), added_ms=added_ms)]
    assert found == ([] if path is None else [path])
    if added_ms == 0:
        assert [at for at, _ in find_problems(scenario(faults=(rule,)), OFFERS)] == [("faults", 0, *at) for at in found]


def test_two_rules_of_one_name_are_a_problem_of_the_scenario() -> None:
    rules = tuple(FaultRule(name=name, effect=RESET) for name in ("a", "b", "a"))
    assert list(find_problems(scenario(faults=rules), OFFERS)) == [(("faults", 2, "name"), 'the name "a" is taken')]


@pytest.mark.parametrize("operation", ["list_offers", "rent_gpu"])
def test_a_rule_per_rental_is_about_requests_that_concern_one(operation: Any) -> None:
    per_rental = FaultWhen(per="rental")
    rule = FaultRule(name="x", on=FaultTarget(operation=operation), effect=RESET, when=per_rental)
    ((path, problem),) = rule_problems(rule, ["alice"], OfferNames(OFFERS))
    assert (path, problem) == (
        ("when", "per"),
        f"{operation} concerns no rental yet: per rental goes with the others",
    )
    for fitting in ("get_rental", "terminate_rental", None):
        rule = FaultRule(name="x", on=FaultTarget(operation=fitting), effect=RESET, when=per_rental)
        assert list(rule_problems(rule, ["alice"], OfferNames(OFFERS))) == []
