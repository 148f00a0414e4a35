"""Deadlines of rentals at their boundaries: idle timeout, hold expiry, the end of provisioning."""

from typing import Any

import pytest
from gpu_sim.core.billing.ledger import HoldExpired, RentalSettled
from gpu_sim.core.commands import TerminateRental
from gpu_sim.core.kernel.clock import format_instant
from gpu_sim.core.kernel.errors import RentalNotInState
from gpu_sim.core.kernel.quantities import Duration, Share
from gpu_sim.core.scenario.distributions import fixed
from gpu_sim.core.scenario.market_settings import ProvisioningSettings, ProvisioningTerms
from gpu_sim.core.scenario.scenario import BillingSettings
from gpu_sim.core.simulation import Simulation

from ...support.builders import DOLLAR, HOUR, READY, Bench, Row, check_table, market, offer, refused, rent, scenario

HOLD = 71_750
FREE = DOLLAR - HOLD
IDLE = 900_000
EXPIRY = 7_200_000


def simulation(delay_ms: int = READY, failure_ppm: int = 0, balance: int = DOLLAR, **billing: Any) -> Simulation:
    terms = ProvisioningTerms(delay=fixed(delay_ms), failure=Share(failure_ppm))
    settings = market(provisioning=ProvisioningSettings(all=terms))
    return Simulation(scenario(settings, balance=balance, billing=BillingSettings(**billing)))


RENTED = Row(0, Bench.rent, "provisioning", FREE, HOLD)


def test_f19_without_a_request_for_fifteen_minutes_a_rental_is_terminated_and_its_hold_released() -> None:
    rows = [
        RENTED,
        Row(READY + IDLE - 1, Bench.look, "running", FREE, HOLD),
        Row(READY + IDLE, Bench.look, "idle_timeout", FREE, 0),
        Row(READY + 2 * IDLE, Bench.look, "idle_timeout", FREE, 0),
    ]
    check_table(simulation(), rows)


def test_f19_the_rest_of_the_hold_is_released() -> None:
    rows = [
        Row(0, Bench.rent, "provisioning", DOLLAR - 287_000, 287_000),
        Row(READY + IDLE - 1, Bench.look, "running", DOLLAR - 287_000, 287_000),
        Row(READY + IDLE, Bench.look, "idle_timeout", DOLLAR - 287_000, 0),
    ]
    check_table(simulation(minimum=Duration(HOUR)), rows)
    rows = [
        Row(0, Bench.rent, "provisioning", DOLLAR - 4_783, 4_783),
        Row(READY + IDLE, Bench.look, "idle_timeout", FREE, 0),
    ]
    check_table(simulation(minimum=Duration(60_000)), rows)


def test_a19_becoming_running_is_the_first_activity_and_a_touch_starts_the_idle_time_anew() -> None:
    touched = READY + IDLE - 1
    rows = [
        RENTED,
        Row(touched, Bench.touch, "running", FREE, HOLD),
        Row(touched + 1, Bench.touch, "running", FREE, HOLD),
        Row(touched + IDLE, Bench.look, "running", FREE, HOLD),
        Row(touched + 1 + IDLE, Bench.look, "idle_timeout", DOLLAR - 143_500, 0),
    ]
    check_table(simulation(), rows)


def test_a19_looking_is_no_activity() -> None:
    sim = simulation()
    rental = rent(sim)
    for at in range(READY, READY + IDLE, 60_000):
        sim.advance(at)
        sim.rentals.find(rental.rental_id, "alice")
        list(sim.market.listed())
        assert rental.status == "running"
    sim.advance(READY + IDLE)
    assert rental.reason == "idle_timeout"


def test_a19_only_a_running_rental_can_be_touched() -> None:
    rows = [
        RENTED,
        Row(1, refused("rental_not_in_state", Bench.touch), "provisioning", FREE, HOLD),
        Row(READY, Bench.touch, "running", FREE, HOLD),
        Row(READY, Bench.delete, "deleted", FREE, 0),
        Row(READY, refused("rental_not_in_state", Bench.touch), "deleted", FREE, 0),
    ]
    check_table(simulation(), rows)


def test_a19_a_touch_at_the_very_end_comes_too_late() -> None:
    sim = simulation()
    bench = check_table(sim, [RENTED, Row(READY + IDLE, Bench.look, "idle_timeout", FREE, 0)])
    with pytest.raises(RentalNotInState, match="the rental is terminated, not running"):
        bench.touch()


def test_f19_the_idle_timeout_is_a_setting_and_none_means_never() -> None:
    rows = [RENTED, Row(READY + 4_999, Bench.look, "running", FREE, HOLD)]
    check_table(
        simulation(idle_timeout=Duration(5_000)), [*rows, Row(READY + 5_000, Bench.look, "idle_timeout", FREE, 0)]
    )
    rows += [Row(EXPIRY - 1, Bench.touch, "running", FREE, HOLD), Row(100 * HOUR, Bench.touch, "running", DOLLAR, 0)]
    check_table(simulation(idle_timeout=None), rows)


def test_f20_a_hold_expires_two_hours_after_it_is_placed_while_the_rental_goes_on() -> None:
    sim = simulation(idle_timeout=None)
    rows = [
        RENTED,
        Row(EXPIRY - 1, Bench.look, "running", FREE, HOLD),
        Row(EXPIRY, Bench.look, "running", DOLLAR, 0),
        Row(3 * HOUR + READY, Bench.delete, "deleted", DOLLAR - 861_000, 0),
    ]
    bench = check_table(sim, rows)
    assert bench.rental is not None
    id_ = bench.rental.rental_id
    assert sim.ledger.entries[2:] == [
        HoldExpired(EXPIRY, "alice", id_, HOLD),
        RentalSettled(3 * HOUR + READY, "alice", id_, 0, 861_000),
    ]
    assert bench.rental.hold.status == "expired"


def test_f20_a_hold_expires_whatever_the_rentals_status() -> None:
    rows = [
        RENTED,
        Row(EXPIRY - 1, Bench.look, "provisioning", FREE, HOLD),
        Row(EXPIRY, Bench.look, "provisioning", DOLLAR, 0),
        Row(3 * HOUR, Bench.look, "running", DOLLAR, 0),
        Row(3 * HOUR + 1, Bench.delete, "deleted", FREE, 0),
    ]
    check_table(simulation(3 * HOUR), rows)


def test_a21_at_the_expiry_instant_the_hold_has_expired() -> None:
    """A millisecond earlier the hold pays, at the instant itself the available balance does: the sum is the same."""
    charge = 569_217  # 7,140 s
    for end, held in ((EXPIRY - 1, HOLD), (EXPIRY, 0)):
        sim = simulation(idle_timeout=None)
        rows = [
            RENTED,
            Row(end, Bench.look, "running", DOLLAR - held, held),
            Row(end, Bench.delete, "deleted", DOLLAR - charge, 0),
        ]
        check_table(sim, rows)
        settled = sim.ledger.entries[-1]
        assert isinstance(settled, RentalSettled)
        assert (settled.hold_micros, settled.charge_micros) == (held, charge)


def test_what_falls_due_during_an_advance_is_told_at_its_own_instant() -> None:
    sim = simulation(idle_timeout=None)
    rental = rent(sim)
    sim.advance(100 * HOUR)
    assert [event.at for event in sim.events if getattr(event, "rental_id", None) == rental.rental_id] == [
        0,
        0,
        READY,
        EXPIRY,
    ]


def test_f20_an_expired_hold_can_be_rented_with_again() -> None:
    rows = [
        Row(0, Bench.rent, "provisioning", 0, HOLD),
        Row(EXPIRY - 1, refused("insufficient_credit", Bench.rent), "running", 0, HOLD),
        Row(EXPIRY, Bench.rent, "provisioning", 0, HOLD),
    ]
    check_table(simulation(idle_timeout=None, balance=HOLD), rows)


def test_f20_a_settled_hold_does_not_expire() -> None:
    sim = simulation()
    check_table(
        sim, [RENTED, Row(READY, Bench.delete, "deleted", FREE, 0), Row(EXPIRY, Bench.look, "deleted", FREE, 0)]
    )
    assert not any(isinstance(entry, HoldExpired) for entry in sim.ledger.entries)


def test_f20_hold_expiry_is_a_setting_and_none_means_never() -> None:
    rows = [RENTED, Row(999, Bench.look, "provisioning", FREE, HOLD)]
    check_table(simulation(hold_expiry=Duration(1_000)), [*rows, Row(1_000, Bench.look, "provisioning", DOLLAR, 0)])
    rows += [
        Row(100 * HOUR, Bench.look, "running", FREE, HOLD),
        Row(100 * HOUR + READY, Bench.delete, "deleted", -27_700_000, 0),
    ]
    check_table(simulation(hold_expiry=None, idle_timeout=None), rows)


def test_a4_billing_starts_when_the_rental_becomes_running() -> None:
    """Half an hour of provisioning is free; a second past the minimum after it is not."""
    slow = 30 * 60_000
    rows = [
        RENTED,
        Row(slow - 1, Bench.look, "provisioning", FREE, HOLD),
        Row(slow, Bench.look, "running", FREE, HOLD),
        Row(slow + 901_000, Bench.delete, "deleted", DOLLAR - 71_830, 0),
    ]
    check_table(simulation(slow, idle_timeout=None), rows)


def test_a20_a_failed_provisioning_costs_nothing_and_releases_the_hold() -> None:
    sim = simulation(failure_ppm=1_000_000)
    rows = [
        RENTED,
        Row(READY - 1, Bench.look, "provisioning", FREE, HOLD),
        Row(READY, Bench.look, "provisioning_failed", DOLLAR, 0),
        Row(HOUR, Bench.look, "provisioning_failed", DOLLAR, 0),
    ]
    bench = check_table(sim, rows)
    assert bench.rental is not None
    assert (bench.rental.billed_micros, bench.rental.running_ms) == (0, None)
    assert sim.market.offers[0].free == 4


def test_a20_a_failure_costs_nothing_even_where_cancelling_does() -> None:
    rows = [RENTED, Row(READY, Bench.look, "provisioning_failed", DOLLAR, 0)]
    check_table(simulation(failure_ppm=1_000_000, cancelled_provisioning="minimum"), rows)


def test_a20_a_failure_after_the_hold_expired_moves_no_money() -> None:
    rows = [
        RENTED,
        Row(EXPIRY, Bench.look, "provisioning", DOLLAR, 0),
        Row(3 * HOUR, Bench.look, "provisioning_failed", DOLLAR, 0),
    ]
    check_table(simulation(3 * HOUR, failure_ppm=1_000_000), rows)


def test_provisioning_of_no_length_still_takes_a_millisecond() -> None:
    rows = [RENTED, Row(1, Bench.look, "running", FREE, HOLD)]
    check_table(simulation(0), rows)


def test_at_one_instant_the_hold_expires_before_provisioning_ends() -> None:
    rows = [RENTED, Row(READY, Bench.look, "running", DOLLAR, 0)]
    sim = simulation(hold_expiry=Duration(READY))
    check_table(sim, rows)
    assert [type(event).__name__ for event in sim.events][-2:] == ["HoldExpired", "RentalRunning"]


def test_a_deletion_in_the_instant_of_a_timeout_finds_it_done() -> None:
    rows = [
        RENTED,
        Row(READY + IDLE, Bench.delete, "idle_timeout", FREE, 0),
    ]
    check_table(simulation(), rows)


def test_deadlines_of_one_rental_leave_another_alone() -> None:
    sim = Simulation(scenario(market(offer(), offer("elsewhere"))))
    first = rent(sim)
    sim.advance(READY)
    second = rent(sim, spec=offer("elsewhere"))
    sim.execute(TerminateRental("alice", first.rental_id))
    sim.advance(2 * READY + IDLE - 1)
    assert (first.reason, second.status) == ("deleted", "running")
    sim.advance(2 * READY + IDLE)
    assert second.reason == "idle_timeout"


def test_a23_an_events_instant_is_virtual_time_since_the_start() -> None:
    sim = simulation()
    rental = rent(sim)
    sim.advance(HOUR)
    assert rental.running_ms is not None
    assert format_instant(sim.start_epoch_ms + rental.running_ms) == "2026-01-01T00:01:00.000Z"
