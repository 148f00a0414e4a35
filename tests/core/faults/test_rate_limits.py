"""Fault rules that limit rates: buckets of tokens in virtual time, refilled exactly, one for each account."""

from typing import Any

import pytest
from gpu_sim.core.kernel.quantities import Duration
from gpu_sim.core.scenario.fault_effects import FaultEffect, RateLimit

from .fault_bench import Faults, rule

MINUTE = 60_000


def waits(faults: Faults, *times_ms: int) -> list[int | None]:
    """For requests at these times: the ms until the next token, None where there was one."""
    met = [faults.state.decide("rent_gpu", "alice", None, now_ms) for now_ms in times_ms]
    return [None if injection is None else injection.wait_ms for injection in met]


def limited(limit: int, per_ms: int, **when: Any) -> Faults:
    return Faults(rule(effect=FaultEffect(rate_limit=RateLimit(limit, Duration(per_ms))), **when))


def test_a_rate_limit_lets_as_many_pass_at_once_and_says_when_the_next_may() -> None:
    assert waits(limited(2, MINUTE), 0, 0, 0, 29_999, 30_000, 30_000, 30_001) == [
        None,
        None,
        30_000,
        1,
        None,
        30_000,
        29_999,
    ]


def test_a_bucket_is_refilled_exactly_and_never_above_its_limit() -> None:
    third = limited(3, 1_000)  # a token each 333⅓ ms
    assert waits(third, *[0] * 4, 333, 334, 666, 667, 999, 1_000, 1_000) == [
        None,
        None,
        None,
        334,
        1,
        None,
        1,
        None,
        1,
        None,
        334,
    ]
    idle = limited(2, MINUTE)
    assert waits(idle, 0, 10**12, 10**12, 10**12) == [None, None, None, 30_000]


def test_a_request_that_waits_as_long_as_it_is_told_passes_and_one_that_comes_a_millisecond_early_does_not() -> None:
    for limit, per_ms in ((1, 1), (7, 1_000), (10, MINUTE), (999, 1_001), (5, 3)):
        faults = limited(limit, per_ms)
        waits(faults, *[0] * limit)
        (wait_ms,) = waits(faults, 0)
        assert wait_ms == -(-per_ms // limit)
        assert waits(faults, wait_ms - 1) == [1]
        assert waits(faults, wait_ms) == [None]


def test_a_rate_limit_takes_no_token_where_its_other_conditions_do_not_hold() -> None:
    assert waits(limited(1, MINUTE, after=2), *[0] * 4) == [None, None, None, MINUTE]
    assert waits(limited(1, MINUTE, times=1), *[0] * 4) == [None, MINUTE, None, None]


def two_limits(*limits: tuple[int, int]) -> Faults:
    rules = (
        rule(str(number), FaultEffect(rate_limit=RateLimit(limit, Duration(per_ms))))
        for number, (limit, per_ms) in enumerate(limits)
    )
    return Faults(*rules)


@pytest.mark.parametrize("limits", [((2, MINUTE), (3, 1_000)), ((3, 1_000), (2, MINUTE))])
def test_of_two_rate_limits_both_must_let_a_request_pass_and_the_wait_is_the_longer_one(
    limits: tuple[tuple[int, int], ...],
) -> None:
    faults = two_limits(*limits)
    assert waits(faults, 0, 0, 0, 0) == [None, None, 30_000, 30_000]
    faults = two_limits((1, 1_000), (1, MINUTE))
    assert waits(faults, 0, 0, 1_000) == [None, MINUTE, MINUTE - 1_000]
    assert faults.counts() == {"0": (3, 1), "1": (3, 1)}


def test_a_request_that_one_rate_limit_refuses_takes_no_token_of_another() -> None:
    faults = two_limits((1, MINUTE), (3, 10 * MINUTE))
    assert waits(faults, 0, *[1] * 50) == [None] + [MINUTE - 1] * 50
    assert waits(faults, MINUTE, 2 * MINUTE, 3 * MINUTE) == [None, None, 20_000]


def test_a_client_that_waits_as_long_as_it_is_told_passes_two_rate_limits_at_the_first_attempt() -> None:
    for limits in (((5, MINUTE), (20, MINUTE)), ((20, MINUTE), (5, MINUTE)), ((1, 7), (10, 100)), ((3, 1_000), (7, 5))):
        faults, now_ms, refusals = two_limits(*limits), 0, 0
        for number in range(100):
            (wait_ms,) = waits(faults, now_ms)
            if wait_ms is not None:
                refusals += 1
                assert waits(faults, now_ms + wait_ms - 1) == [1]
                now_ms += wait_ms
                assert waits(faults, now_ms) == [None], (limits, number)
        assert refusals > 50


def test_a_rule_before_the_rate_limits_is_injected_with_no_wait_of_theirs() -> None:
    limit = FaultEffect(rate_limit=RateLimit(1, Duration(MINUTE)))
    faults = Faults(rule("a0", times=3, after=1), rule("b1", limit))
    assert waits(faults, *[0] * 5) == [None, 0, 0, 0, MINUTE]
    assert faults.counts() == {"a0": (5, 3), "b1": (5, 1)}


def test_each_account_has_a_bucket_of_its_own() -> None:
    faults = limited(1, MINUTE)
    assert [faults.met(account) for account in ("alice", "bob", "alice", "bob")] == [None, None, "x", "x"]
