"""The charge of a session, by the reason and the time of its end."""

from fractions import Fraction

import pytest
from gpu_sim.core.billing.charges import Session, billed_seconds, exhausted_at_ms
from gpu_sim.core.events import Reason
from gpu_sim.core.kernel.money import cost_micros
from gpu_sim.core.kernel.quantities import Duration
from gpu_sim.core.scenario.scenario import BillingSettings
from hypothesis import given
from hypothesis import strategies as st

DEFAULT = BillingSettings()
ALL_MINIMUM = BillingSettings(interrupted="minimum", cancelled_provisioning="minimum")
FULL_PRICE: list[Reason] = ["deleted", "idle_timeout", "credit_exhausted"]
ALL: list[Reason] = [*FULL_PRICE, "interrupted", "operator", "provisioning_failed"]
STARTS = [0, 1, 60_000, 123_457]

BOUNDARIES = [
    # ms running, seconds used, seconds with the minimum
    (0, 0, 900),
    (1, 1, 900),
    (300_000, 300, 900),
    (899_000, 899, 900),
    (899_001, 900, 900),
    (899_999, 900, 900),
    (900_000, 900, 900),
    (900_001, 901, 901),
    (900_999, 901, 901),
    (901_000, 901, 901),
    (901_001, 902, 902),
    (7_200_000, 7_200, 7_200),
]


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("reason", FULL_PRICE)
@pytest.mark.parametrize(("ran_ms", "_used", "billed"), BOUNDARIES)
def test_f15_past_the_minimum_of_fifteen_minutes_billing_is_per_second(
    ran_ms: int, _used: int, billed: int, reason: Reason, start: int
) -> None:
    assert billed_seconds(reason, start, start + ran_ms, DEFAULT) == billed


def test_f15_a_session_of_five_minutes_is_billed_fifteen() -> None:
    assert billed_seconds("deleted", 60_000, 360_000, DEFAULT) == 15 * 60


@pytest.mark.parametrize(("ran_ms", "used", "_billed"), BOUNDARIES)
def test_a6_an_interruption_is_billed_by_the_time_used_without_the_minimum(
    ran_ms: int, used: int, _billed: int
) -> None:
    assert billed_seconds("interrupted", 60_000, 60_000 + ran_ms, DEFAULT) == used


def test_a6_an_end_by_the_operator_is_billed_by_the_time_used_without_the_minimum() -> None:
    ends = [60_000 + ran_ms for ran_ms, _, _ in BOUNDARIES]
    assert [billed_seconds("operator", 60_000, end, DEFAULT) for end in ends] == [used for _, used, _ in BOUNDARIES]


@pytest.mark.parametrize(("ran_ms", "_used", "billed"), BOUNDARIES)
def test_a6_an_interruption_can_be_set_to_cost_the_minimum(ran_ms: int, _used: int, billed: int) -> None:
    assert billed_seconds("interrupted", 60_000, 60_000 + ran_ms, ALL_MINIMUM) == billed


@pytest.mark.parametrize("reason", ALL)
def test_a5_what_never_ran_costs_nothing(reason: Reason) -> None:
    assert billed_seconds(reason, None, 500_000, DEFAULT) == 0


@pytest.mark.parametrize("reason", ALL)
def test_a5_cancelling_while_provisioning_can_be_set_to_cost_the_minimum(reason: Reason) -> None:
    assert billed_seconds(reason, None, 500_000, ALL_MINIMUM) == (900 if reason == "deleted" else 0)


@pytest.mark.parametrize(("ran_ms", "billed"), [(0, 60), (59_999, 60), (60_000, 60), (60_001, 61), (900_000, 900)])
def test_another_minimum_is_billed_instead(ran_ms: int, billed: int) -> None:
    billing = BillingSettings(minimum=Duration(60_000), cancelled_provisioning="minimum", interrupted="minimum")
    assert billed_seconds("deleted", 5, 5 + ran_ms, billing) == billed
    assert billed_seconds("interrupted", 5, 5 + ran_ms, billing) == billed
    assert billed_seconds("deleted", None, 5 + ran_ms, billing) == 60


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.sampled_from(ALL))
def test_a_longer_session_never_costs_less(shorter: int, more: int, reason: Reason) -> None:
    assert billed_seconds(reason, 7, 7 + shorter, DEFAULT) <= billed_seconds(reason, 7, 7 + shorter + more, DEFAULT)


# Exhaustion. A GPU at $3.600 accrues $0.001 = 1,000 micro-dollars a second, and $0.900 from the first second on.

ONE = Session(3_600_000, 1, 0)


@pytest.mark.parametrize(
    ("balance", "now_ms", "due_ms"),
    [
        (900_000, 0, 901_000),  # 900 s cost all of it, one second more exceeds it
        (899_999, 0, 1_000),  # the minimum exceeds it at once, so at the next whole second
        (899_999, 999, 1_000),
        (899_999, 1_000, 2_000),
        (-1, 500, 1_000),
        (900_999, 0, 901_000),
        (901_000, 0, 902_000),
        (901_000, 900_999, 902_000),
        (901_000, 901_999, 902_000),
        (901_000, 902_000, 903_000),  # after now, even where it has come to that before
        (3_600_000, 0, 3_601_000),
        (10_000_000_000, 0, 10_000_001_000),
    ],
)
def test_a9_credit_is_exhausted_at_the_first_whole_second_that_costs_more_than_the_balance(
    balance: int, now_ms: int, due_ms: int
) -> None:
    assert exhausted_at_ms(balance, [ONE], now_ms, DEFAULT) == due_ms


@pytest.mark.parametrize(
    ("running_ms", "due_ms"),
    [(0, 901_000), (1, 901_000), (999, 901_000), (1_000, 902_000), (1_001, 902_000), (60_500, 961_000)],
)
def test_a9_a_session_that_began_between_two_seconds_accrues_begun_ones(running_ms: int, due_ms: int) -> None:
    """At the whole second 901 a session that runs since 0.001 s has used 900.999 s, so 901 are billed."""
    assert exhausted_at_ms(900_000, [Session(3_600_000, 1, running_ms)], running_ms, DEFAULT) == due_ms


def test_a9_several_sessions_accrue_together() -> None:
    young = Session(3_600_000, 1, 600_000)
    # At second 1,000 the older has cost $1.000, the younger its minimum of $0.900.
    assert exhausted_at_ms(1_900_000, [ONE, young], 600_000, DEFAULT) == 1_001_000
    # From second 1,500 on both grow: $2.400 is met at 1,500 and exceeded a second later by two seconds' cost.
    assert exhausted_at_ms(2_400_000, [ONE, young], 600_000, DEFAULT) == 1_501_000
    assert exhausted_at_ms(2_401_999, [ONE, young], 600_000, DEFAULT) == 1_501_000
    assert exhausted_at_ms(2_402_000, [ONE, young], 600_000, DEFAULT) == 1_502_000


def test_a9_every_gpu_of_a_session_accrues() -> None:
    assert exhausted_at_ms(1_800_000, [Session(3_600_000, 2, 0)], 0, DEFAULT) == 901_000
    assert exhausted_at_ms(1_802_000, [Session(3_600_000, 2, 0)], 0, DEFAULT) == 902_000


def test_a9_another_minimum_accrues_instead() -> None:
    billing = BillingSettings(minimum=Duration(60_000))
    assert exhausted_at_ms(60_000, [ONE], 0, billing) == 61_000
    assert exhausted_at_ms(59_999, [ONE], 0, billing) == 1_000


def test_a9_amounts_too_fine_for_a_float_are_still_exact() -> None:
    huge = Session(1_000_003_000, 10**12 + 1, 0)
    cost = (10**12 + 1) * 1_000_003_000 // 4
    assert exhausted_at_ms(cost, [huge], 0, DEFAULT) == 901_000
    assert exhausted_at_ms(cost - 1, [huge], 0, DEFAULT) == 1_000


def test_a9_without_sessions_credit_is_never_exhausted() -> None:
    assert exhausted_at_ms(-5, [], 0, DEFAULT) is None


sessions = st.lists(
    st.builds(Session, st.integers(1, 9_000).map(lambda n: n * 1_000), st.integers(1, 8), st.integers(0, 10**7)),
    min_size=1,
    max_size=4,
)


@given(sessions, st.integers(-(10**6), 10**8), st.integers(0, 10**6))
def test_a9_the_second_before_was_still_paid_for(running: list[Session], balance: int, later: int) -> None:
    now = max(session.running_ms for session in running) + later
    due = exhausted_at_ms(balance, running, now, DEFAULT)
    assert due is not None
    assert due % 1_000 == 0
    assert due > now
    assert accrued(running, due) > balance
    assert due - 1_000 <= now or accrued(running, due - 1_000) <= balance


def accrued(running: list[Session], at_ms: int) -> int:
    """By hand: begun seconds, at least 900, each session's charge rounded by itself."""
    total = 0
    for session in running:
        seconds = max(900, -((session.running_ms - at_ms) // 1_000))
        exact = Fraction(session.price_micros_per_hour * session.gpu_count * seconds, 3600)
        charge = int(exact + Fraction(1, 2))
        assert charge == cost_micros(session.price_micros_per_hour, session.gpu_count, seconds)
        total += charge
    return total
