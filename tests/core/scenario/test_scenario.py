"""Scenarios: their defaults and their bounds."""

from collections.abc import Callable

import pytest
from gpu_sim.core.kernel.clock import YEAR_MS
from gpu_sim.core.kernel.quantities import Duration, Factor, Money, Share
from gpu_sim.core.scenario.availability_shape import Severity
from gpu_sim.core.scenario.distributions import fixed
from gpu_sim.core.scenario.market_settings import (
    AvailabilitySettings,
    InterruptionSettings,
    MarketSettings,
    PriceSettings,
)
from gpu_sim.core.scenario.scenario import AccountSpec, BillingSettings, ClockSettings, Scenario, canonical

from ...support.builders import offer, scenario

OFFERS = (offer(), offer("us-central1, US", provider_id="gcp", gpu_model="H100"))


def test_the_defaults_are_those_of_the_facts_and_assumptions() -> None:
    assert BillingSettings() == BillingSettings(
        minimum=Duration(900_000),  # F15
        idle_timeout=Duration(900_000),  # F19
        hold_expiry=Duration(7_200_000),  # F20
        interrupted="actual",  # A6
        cancelled_provisioning="free",  # A5
        on_exhaustion="overdraft",  # A9
    )
    assert InterruptionSettings() == InterruptionSettings(
        mode="poisson", horizon=Duration(3_600_000), shared=Share(800_000), reclaim=fixed(1_800_000)
    )
    assert Scenario(name="x").accounts == (AccountSpec("alice", "si_test_alice", Money(100_000_000)),)
    assert Scenario(name="x").seed == 1


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: ClockSettings(mode="scaled"), "speed goes with mode scaled"),
        (lambda: ClockSettings(mode="manual", speed=Factor(1_000_000)), "speed goes with mode scaled"),
        (lambda: ClockSettings(mode="scaled", speed=Factor(999)), "between 0.001 and 1000000"),
        (lambda: ClockSettings(mode="scaled", speed=Factor(1_000_000_000_001)), "between 0.001 and 1000000"),
        (lambda: ClockSettings(step=Duration(1)), "step goes with mode manual"),
        (lambda: ClockSettings(mode="manual", step=Duration(0)), "step must be above 0s"),
        (lambda: ClockSettings(mode="manual", step=Duration(3651 * 86_400_000)), "at most 3650d"),
        (lambda: PriceSettings(activity=Factor(1_000_000_001)), "at most 1000"),
        (lambda: InterruptionSettings(horizon=Duration(999)), "between 1s and 365d"),
        (lambda: InterruptionSettings(horizon=Duration(YEAR_MS + 1)), "between 1s and 365d"),
        (lambda: InterruptionSettings(show="current"), "shape and show go with mode realistic"),
        (lambda: InterruptionSettings(mode="realistic", shared=Share(0)), "shared must be above 0% in mode realistic"),
        (lambda: Severity(a=Factor(99_999)), "a and b must be between 0.1 and 5"),
        (lambda: MarketSettings(availability=AvailabilitySettings()), "availability goes with interruptions of mode"),
        (lambda: MarketSettings(catalog="default", offers=OFFERS), "either catalog or offers"),
        (lambda: BillingSettings(minimum=Duration(999)), "whole number of seconds"),
        (lambda: BillingSettings(minimum=Duration(1_500)), "whole number of seconds"),
        (lambda: BillingSettings(minimum=Duration(0)), "whole number of seconds"),
        (lambda: BillingSettings(idle_timeout=Duration(0)), "idle_timeout must be above 0s, or none"),
        (lambda: BillingSettings(hold_expiry=Duration(0)), "hold_expiry must be above 0s, or none"),
    ],
)
def test_an_impossible_setting_is_refused(wrong: Callable[[], object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        wrong()


@pytest.mark.parametrize(
    "right",
    [
        lambda: ClockSettings(mode="scaled", speed=Factor(1_000)),
        lambda: ClockSettings(mode="scaled", speed=Factor(1_000_000_000_000)),
        lambda: ClockSettings(mode="manual", step=Duration(5_000)),
        lambda: PriceSettings(activity=Factor(1_000_000_000)),
        lambda: InterruptionSettings(horizon=Duration(1_000)),
        lambda: InterruptionSettings(horizon=Duration(YEAR_MS)),
        lambda: BillingSettings(minimum=Duration(1_000), idle_timeout=None, hold_expiry=Duration(1)),
    ],
)
def test_a_setting_at_its_bounds_is_accepted(right: Callable[[], object]) -> None:
    assert right()


def test_the_canonical_form_has_no_tokens_and_all_else() -> None:
    named = scenario(accounts=(AccountSpec("alice", "si_a", Money(5)), AccountSpec("bob")))
    assert canonical(named) == scenario(accounts=(AccountSpec("alice", None, Money(5)), AccountSpec("bob")))
