"""Services of a renter in a run: the replicas that were ready, and wanted, from each instant on."""

import json

from gpu_sim.core.kernel.quantities import Duration
from gpu_sim.experiments.renting.occasions import CreditLow, DemandChanged, Ticked
from msgspec.structs import replace

from .small_market import HOUR_MS, MINUTE_MS, SPOT, OneOf, run_with, small_market


def test_a_replica_is_ready_after_provisioning_and_cold_start_until_it_ends() -> None:
    """Two are interrupted together, and come back together."""
    down, up = HOUR_MS, HOUR_MS + 10 * MINUTE_MS
    scenario = small_market(
        "{name: s, service: {replicas: 2, cold_start: 2m}}", down_up_ms=[down, up], delay="60s", until="2h"
    )
    result = run_with(scenario, OneOf(wanted=2))
    (service,) = result.facts.services
    assert service.steps == [(0, 0, 2), (3 * MINUTE_MS, 2, 2), (down, 0, 2), (up + 3 * MINUTE_MS, 2, 2)]
    assert [rental.worked_ms for rental in result.facts.rentals] == [57 * MINUTE_MS] * 2 + [47 * MINUTE_MS] * 2
    assert [rental.restart_ms for rental in result.facts.rentals] == [2 * MINUTE_MS] * 4


def test_a_replica_that_is_interrupted_as_the_run_ends_is_ready_no_more() -> None:
    """Nothing has replaced it by then; one that becomes ready at that instant, or is wanted from it on, counts."""
    scenario = small_market("{name: s, service: {replicas: 1}}", down_up_ms=[HOUR_MS], until="1h")
    result = run_with(scenario, OneOf())
    assert result.facts.services[0].steps == [(0, 1, 1), (HOUR_MS, 0, 1)]
    told = ("ready_replicas", "live_rentals", "interruptions", "unrecovered", "availability")
    assert [result.metrics[f"total.{name}"] for name in told] == [0, 0, 1, 1, 1.0]
    late = small_market(
        "{name: s, service: {replicas: 1, cold_start: 1h, demand: [[61m, 2]]}}", delay="60s", until="61m"
    )
    (service,) = run_with(late, OneOf()).facts.services
    assert service.steps == [(0, 0, 1), (61 * MINUTE_MS, 1, 2)]


def test_a_policy_hears_when_a_replica_is_ready_and_when_demand_changes() -> None:
    """At the instant, without a tick."""
    policy = OneOf()
    scenario = small_market(
        "{name: s, service: {replicas: 1, cold_start: 2m, demand: [[1h, 0], [2h, 4]]}}", delay="60s", until="3h"
    )
    (service,) = run_with(scenario, policy).facts.services
    assert (3 * MINUTE_MS, Ticked()) in policy.asked
    assert [at_ms for at_ms, occasion in policy.asked if occasion == DemandChanged()] == [HOUR_MS, 2 * HOUR_MS]
    assert service.steps == [(0, 0, 1), (3 * MINUTE_MS, 1, 1), (HOUR_MS, 1, 0), (2 * HOUR_MS, 1, 4)]


def test_a_rental_that_is_used_does_not_idle_out_and_what_lives_on_is_counted() -> None:
    """The renter touches it a second ahead; at the end it costs what it would cost if it ended then."""
    scenario = small_market("{name: s, service: {replicas: 1}}", until="3h")
    idling = replace(scenario, billing=replace(scenario.billing, idle_timeout=Duration(15 * MINUTE_MS)))
    result = run_with(idling, OneOf())
    (rental,) = result.facts.rentals
    assert (rental.ended_ms, rental.offer, rental.charge_micros) == (None, SPOT, 3_000_000)
    touched = [json.loads(line)["at"] for line in result.journal() if b'"touch_rental"' in line]
    assert touched == [1 + 899_000 * number for number in range(1, 13)]
    assert result.facts.spent_micros == {"s": 0}


def test_a_renter_whose_ticks_are_longer_than_the_idle_timeout_keeps_its_rental() -> None:
    """It is touched between two ticks."""
    scenario = small_market("{name: s, tick: 40m, service: {replicas: 1}}", until="3h")
    idling = replace(scenario, billing=replace(scenario.billing, idle_timeout=Duration(15 * MINUTE_MS)))
    (rental,) = run_with(idling, OneOf()).facts.rentals
    assert rental.ended_ms is None


def test_a_policy_hears_once_that_its_credit_has_become_low() -> None:
    """As soon as one more rental of the cheapest offer could not be held."""
    policy = OneOf(wanted=2)
    # A rental of one GPU holds a second of it: $0.000278. The credit covers three of them, then less than one.
    scenario = small_market('{name: s, balance: "0.0006", service: {replicas: 2}}', until="1h")
    run_with(scenario, policy)
    low = [(at_ms, index) for index, (at_ms, occasion) in enumerate(policy.asked) if occasion == CreditLow()]
    assert low == [(0, 1)]
