"""Scenarios: their defaults and their bounds."""

from collections.abc import Callable
from typing import Any

import pytest
from gpu_sim.core.kernel.clock import YEAR_MS
from gpu_sim.core.kernel.quantities import Bound, Duration, Factor, Money, Share
from gpu_sim.core.replay import replay
from gpu_sim.core.scenario.availability_shape import Severity
from gpu_sim.core.scenario.distributions import fixed
from gpu_sim.core.scenario.experiment.expectation import Expectation
from gpu_sim.core.scenario.experiment.renters import JobSpec, RenterSpec
from gpu_sim.core.scenario.experiment.sweep_settings import SweepSettings
from gpu_sim.core.scenario.market_settings import (
    AvailabilitySettings,
    InterruptionSettings,
    MarketSettings,
    PriceSettings,
)
from gpu_sim.core.scenario.scenario import (
    AccountSpec,
    BillingSettings,
    ClockSettings,
    Scenario,
    canonical,
    canonical_with_renters,
)
from gpu_sim.core.simulation import Simulation
from msgspec.structs import replace

from ...support.builders import journal, offer, scenario

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


def experiment(**fields: Any) -> Scenario:
    renters = (RenterSpec(name="ann", jobs=JobSpec(work=fixed(1))),)
    return scenario(accounts=(AccountSpec("alice", "si_a"),), renters=renters, **fields)


def test_the_canonical_form_has_no_part_of_an_experiment_but_what_a_text_expects() -> None:
    judged = ("All is well.", Expectation(metric="total.cost_usd", at_most=Bound(1)))
    plain = scenario(accounts=(AccountSpec("alice"),))
    assert canonical(experiment(expect=judged, sweep=SweepSettings(seeds=2))) == plain
    assert canonical(experiment(expect="All is well.")) == replace(plain, expect="All is well.")


def test_that_of_an_experiment_has_its_renters_and_comparisons_and_neither_sweep_nor_texts() -> None:
    told = {"expect": "All is well.", "description": "A try.", "sweep": SweepSettings(seeds=2)}
    kept = canonical_with_renters(experiment(**told))
    assert kept == replace(experiment(), accounts=(AccountSpec("alice"),))
    assert kept != canonical(experiment())
    judged = ("All is well.", Expectation(metric="total.cost_usd", at_most=Bound(1)))
    assert canonical_with_renters(experiment(**(told | {"expect": judged}))) == replace(kept, expect=judged)


def test_a_journal_of_a_scenario_with_renters_is_that_without_them_and_is_replayed() -> None:
    judged = (Expectation(ledger="ann.held", equals=Bound(0)),)
    with_them, without = (Simulation(each) for each in (experiment(expect=judged), replace(experiment(), renters=())))
    assert journal(with_them) == journal(without)
    assert replay(journal(with_them))[1] is None
