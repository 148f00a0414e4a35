"""Expectations: what they may compare, when they hold, and how they are told."""

from typing import Any

import pytest
from gpu_sim.core.kernel.quantities import Bound, Duration
from gpu_sim.core.scenario.experiment.expectation import (
    During,
    Expectation,
    comparisons,
    decimal_text,
    in_words,
)
from hypothesis import given
from hypothesis import strategies as st

from ....support.builders import HOUR, MINUTE

ONE = Bound(1_000_000)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"at_least": ONE}, "exactly one of metric and ledger"),
        ({"metric": "a", "ledger": "alice.held", "at_least": ONE}, "exactly one of metric and ledger"),
        ({"metric": "a"}, "give at_least, at_most or equals"),
        ({"metric": "a", "equals": ONE, "at_least": ONE}, "equals goes with neither"),
        ({"metric": "a", "equals": ONE, "at_most": ONE}, "equals goes with neither"),
        ({"metric": "a", "at_least": Bound(2), "at_most": Bound(1)}, "at_least is above at_most"),
        ({"ledger": "alice", "equals": ONE}, 'an account and an amount, such as "alice.available"'),
        ({"ledger": "al ice.held", "equals": ONE}, 'an account and an amount, such as "alice.available"'),
        ({"ledger": "alice.helt", "equals": ONE}, r'no "helt": one of available, .*; did you mean "held"\?'),
    ],
)
def test_what_compares_nothing_is_refused(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Expectation(**fields)
    with pytest.raises(ValueError, match="between must end after it begins"):
        During(between=(Duration(2), Duration(1)))


@pytest.mark.parametrize(
    ("bounds", "off"),
    [
        ({"at_least": Bound(2)}, [-2, -1, 0, 0, 0]),
        ({"at_most": Bound(2)}, [0, 0, 0, 1, 2]),
        ({"equals": Bound(2)}, [-2, -1, 0, 1, 2]),
        ({"equals": Bound(0)}, [0, 1, 2, 3, 4]),
        ({"at_least": Bound(1), "at_most": Bound(3)}, [-1, 0, 0, 0, 1]),
        ({"at_least": Bound(3), "at_most": Bound(3)}, [-3, -2, -1, 0, 1]),
    ],
)
def test_all_its_bounds_count_and_are_inclusive(bounds: dict[str, Any], off: list[int]) -> None:
    expectation = Expectation(metric="a", **bounds)
    assert [expectation.off(value) for value in range(5)] == off


def test_the_ledger_is_named_by_account_and_amount() -> None:
    expectation = Expectation(ledger="web-1.spent", at_most=ONE)
    assert (expectation.ledger_account, expectation.ledger_amount) == ("web-1", "spent")


def test_texts_and_comparisons_are_told_in_order_on_one_line() -> None:
    cost = Expectation(metric="total.cost_usd", at_least=Bound(-500_000), at_most=Bound(12_500_000))
    span = During(between=(Duration(HOUR), Duration(HOUR + MINUTE + 1)))
    held = Expectation(ledger="alice.held", equals=Bound(0), when=span)
    ready = Expectation(metric="renters.web.availability", at_least=ONE, when="always")
    expect = ("All is\n  well.", cost, held, ready)
    assert in_words(expect) == (
        "All is well. total.cost_usd at least -0.5 and at most 12.5 at the end. "
        "alice.held equal to 0 between 3600 s and 3660.001 s. renters.web.availability at least 1 always."
    )
    assert in_words("All is\n  well.") == "All is well."
    assert list(comparisons(expect)) == [(1, cost), (2, held), (3, ready)]
    assert list(comparisons("All is well.")) == []


@given(st.integers(-(10**18), 10**18))
def test_a_decimal_text_has_all_digits_and_no_zeros_at_its_end(millionths: int) -> None:
    text = decimal_text(millionths)
    whole, _, rest = text.removeprefix("-").partition(".")
    assert (-1 if text.startswith("-") else 1) * (int(whole) * 10**6 + int(rest.ljust(6, "0"))) == millionths
    assert not rest.endswith("0")
