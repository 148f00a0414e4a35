"""Scenarios with a story: each `expect`, compared with the run."""

import pytest
from gpu_sim.core.billing.ledger import CreditAdded, HoldExpired, HoldPlaced
from gpu_sim.core.commands import RentGpu, TerminateRental
from gpu_sim.core.events import CapacityChanged, InterruptionNotified, PriceMoved
from gpu_sim.core.kernel.errors import InsufficientCredit, OfferUnavailable, RentalNotFound
from gpu_sim.core.scenario.scenario import Scenario
from gpu_sim.core.simulation import Simulation
from gpu_sim.scenario_files.load import load_scenario, shipped_scenarios

from ..support.scenario_runs import HOUR, MINUTE, SECOND, begin, bills, ends, of_bob, refusals, rent, run, waits

GCP = RentGpu("alice", "gcp", "H100", "us-central1, US", 1, "m", "i")


def test_in_a_price_spike_rentals_keep_the_price_they_were_rented_at() -> None:
    simulation = run("price-spike")
    before, spike, peak, after = of_bob(simulation)
    assert [price for _, _, price in (before, spike, peak, after)] == [287_000, 861_000, 1_000_000, 287_000]
    paid = bills(simulation)
    assert ends(simulation)[before[0]].billed_seconds == 23 * 60
    assert paid[before[0]].charge_micros == 110_017  # 0.287 × 1380 / 3600
    assert [paid[rental[0]].charge_micros for rental in (spike, peak, after)] == [215_250, 250_000, 71_750]
    assert all(paid[rental[0]].hold_micros == rental[2] // 4 for rental in (before, spike, peak, after))


def test_in_a_price_spike_only_the_chosen_model_is_dear() -> None:
    simulation = begin("price-spike", 15 * MINUTE)
    for offer in simulation.market.offers:
        factor = 3 if offer.spec.gpu_model == "RTX 4090" else 1
        assert offer.price_micros_per_hour == factor * offer.spec.spot_price


def test_in_a_playback_rentals_are_interrupted_and_prices_move_as_was_recorded() -> None:
    simulation = run("replayed")
    interruptions = [end.at for end in ends(simulation).values() if end.reason == "interrupted"]
    assert interruptions == [2 * HOUR] * 6 + [3 * HOUR + 55 * MINUTE] * 5
    assert {notice.at for notice in simulation.events if isinstance(notice, InterruptionNotified)} == {
        2 * HOUR - 30 * SECOND,
        3 * HOUR + 55 * MINUTE - 30 * SECOND,
    }
    assert refusals(simulation) == [(122, "offer_unavailable")]
    moves = [(move.at, move.price_micros_per_hour) for move in simulation.events if isinstance(move, PriceMoved)]
    assert moves[-1] == (6 * HOUR, 1_600_000)
    nodes = [change.capacity for change in simulation.events if isinstance(change, CapacityChanged)]
    [played] = simulation.scenario.market.recordings.availability
    again = [value for at_ms, value in played.recording.steps[1:] if at_ms <= HOUR]
    assert nodes == [value for _, value in played.recording.steps[1:]] + [played.recording.steps[0][1], *again]
    assert begin("replayed", 2 * HOUR + 5 * MINUTE - 1).market.offers[0].is_listed is False
    assert begin("replayed", 2 * HOUR + 5 * MINUTE).market.offers[0].free == 1


def test_in_a_capacity_crunch_rents_are_refused_until_the_outage_is_over() -> None:
    simulation = run("capacity-crunch")
    assert refusals(simulation) == [(12, "offer_unavailable"), (16, "offer_unavailable")]
    rentals = list(of_bob(simulation))
    assert [provider for _, provider, _ in rentals] == ["gcp", "crusoe", "gcp", "runpod"]
    early = ends(simulation)[rentals[0][0]]
    assert (early.reason, early.at) == ("deleted", 40 * MINUTE)


def test_in_a_capacity_crunch_the_offers_are_not_listed() -> None:
    simulation = begin("capacity-crunch", 15 * MINUTE)
    hidden = [offer.spec for offer in simulation.market.offers if not offer.is_listed]
    assert {spec.provider_id for spec in hidden} == {"gcp", "runpod"}
    assert all(spec.provider_id == "gcp" or spec.gpu_model == "H100" for spec in hidden)
    with pytest.raises(OfferUnavailable):
        rent(simulation, RentGpu("alice", "gcp", "H100", "us-central1, US", 1, "m", "i"))
    simulation.advance(HOUR)
    assert all(offer.is_listed for offer in simulation.market.offers)


@pytest.mark.parametrize("at_ms", [0, 11 * MINUTE, 12 * MINUTE, 13 * MINUTE, HOUR, 4 * HOUR - 1])
def test_an_interruption_storm_takes_the_example_within_half_an_hour(at_ms: int) -> None:
    simulation = begin("interruption-storm", at_ms)
    rental = rent(simulation)
    simulation.advance(at_ms + 30 * MINUTE)
    end = ends(simulation)[rental.rental_id]
    assert end.reason == "interrupted"
    assert end.billed_seconds < 20 * 60
    assert bills(simulation)[rental.rental_id].charge_micros == (287_000 * end.billed_seconds * 2 + 3600) // 7200


def test_an_interruption_storm_takes_all_that_bob_has_within_an_hour() -> None:
    simulation = run("interruption-storm")
    lost = ends(simulation)
    rentals = list(of_bob(simulation))
    assert len(rentals) == len(lost) == 4
    assert all(end.reason == "interrupted" and end.at < HOUR for end in lost.values())
    at_runpod = sorted(lost[rental_id].at for rental_id, provider, _ in rentals if provider == "runpod")
    assert at_runpod == [12 * MINUTE, 32 * MINUTE]


def test_in_nine_zones_an_offer_takes_bobs_rental_along_after_a_notice() -> None:
    simulation = run("nine-zones")
    *v100s, k80 = [rental_id for rental_id, _, _ in of_bob(simulation)]
    assert set(waits(simulation)) == {*v100s, k80}
    [(lost, end)] = ends(simulation).items()
    assert (lost, end.reason, end.cause) == (k80, "interrupted", "shock")
    assert 7 * HOUR < end.at < 8 * HOUR
    [notified] = [event for event in simulation.events if isinstance(event, InterruptionNotified)]
    assert (notified.rental_id, notified.at, notified.interrupts_ms) == (lost, end.at - 2 * MINUTE, end.at)


def test_in_nine_zones_by_tick_bob_loses_all_after_notices() -> None:
    simulation = run("nine-zones-by-tick")
    *v100s, k80 = [rental_id for rental_id, _, _ in of_bob(simulation)]
    lost = ends(simulation)
    assert {id_: end.cause for id_, end in lost.items()} == dict.fromkeys(v100s, "own") | {k80: "shock"}
    assert all(end.reason == "interrupted" and 7 * HOUR < end.at < 12 * HOUR for end in lost.values())
    notified = [event for event in simulation.events if isinstance(event, InterruptionNotified)]
    assert {event.rental_id: event.at for event in notified} == {id_: end.at - 2 * MINUTE for id_, end in lost.items()}


def test_slow_provisioning_costs_nothing_and_sometimes_fails() -> None:
    simulation = run("slow-provisioning")
    rentals = [rental_id for rental_id, _, _ in of_bob(simulation)]
    delays, ended, paid = waits(simulation), ends(simulation), bills(simulation)
    failed = [rental_id for rental_id in rentals if rental_id not in delays]
    assert len(failed) == 1
    assert max(delays.values()) > 30 * MINUTE
    assert min(delays.values()) > 2 * MINUTE
    for rental_id in rentals:
        charge = 0 if rental_id in failed else paid[rental_id].hold_micros
        reason = "provisioning_failed" if rental_id in failed else "idle_timeout"
        assert (ended[rental_id].reason, paid[rental_id].charge_micros) == (reason, charge)
    assert simulation.ledger.held("bob") == 0


def test_low_credit_refuses_a_second_rent_and_says_how_much_is_missing() -> None:
    simulation = begin("low-credit")
    rent(simulation)
    assert simulation.ledger.held("alice") == 71_750
    with pytest.raises(InsufficientCredit) as refusal:
        rent(simulation)
    assert refusal.value.amount_needed_micros == 43_500


def test_low_credit_leads_into_debt_and_credit_leads_out() -> None:
    simulation = run("low-credit")
    assert refusals(simulation) == [(2, "insufficient_credit"), (50, "insufficient_credit")]
    first, solvent = (rental_id for rental_id, _, _ in of_bob(simulation))
    assert bills(simulation)[first].charge_micros == 191_333  # 0.287 × 2400 / 3600, more than the ten cents
    assert solvent in waits(simulation)
    credited = [event.amount_micros for event in simulation.events if isinstance(event, CreditAdded)]
    assert simulation.ledger.available("bob") == credited[1] + credited[2] - 191_333 - 71_750
    assert begin("low-credit", 50 * MINUTE).ledger.available("bob") == -91_333


def test_after_two_hours_a_hold_expires_and_the_bill_is_debited_from_the_available_balance() -> None:
    simulation = run("hold-expiry")
    long, short = (rental_id for rental_id, _, _ in of_bob(simulation))
    placed = {event.rental_id: event.at for event in simulation.events if isinstance(event, HoldPlaced)}
    expired = {event.rental_id: event.at for event in simulation.events if isinstance(event, HoldExpired)}
    assert expired == {long: placed[long] + 2 * HOUR}
    paid = bills(simulation)
    assert (paid[long].hold_micros, paid[long].charge_micros) == (0, 717_500)  # 0.287 × 9000 / 3600
    assert (paid[short].hold_micros, paid[short].charge_micros) == (71_750, 143_500)
    assert simulation.ledger.available("bob") == 100_000_000 - 717_500 - 143_500


def test_a_rental_by_hand_outlives_its_hold() -> None:
    simulation = begin("hold-expiry")
    rental = rent(simulation)
    simulation.advance(2 * HOUR)
    assert (rental.status, simulation.ledger.held("alice"), simulation.ledger.available("alice")) == (
        "running",
        0,
        100_000_000,
    )


def test_every_refusal_of_a_timeline_is_meant() -> None:
    refused = {name: refusals(run(name)) for name in shipped_scenarios()}
    assert {name for name, codes in refused.items() if codes} == {
        "bad-week",
        "black-friday",
        "capacity-crunch",
        "flapping-offer",
        "frozen-prices",
        "low-credit",
        "provider-outage",
        "realistic",
        "regional-outage",
        "replayed",
        "vanished-rental",
    }


def test_a_seed_changes_what_luck_decides_and_nothing_else() -> None:
    scenario: Scenario = load_scenario("slow-provisioning")
    journals = []
    for seed in (1, 2):
        simulation = Simulation(scenario, seed=seed)
        simulation.advance(2 * HOUR)
        journals.append(waits(simulation))
        assert len(list(of_bob(simulation))) == 5
    assert list(journals[0].values()) != list(journals[1].values())


def test_a_provider_outage_takes_what_runs_there_without_the_minimum_and_refuses_for_twenty_minutes() -> None:
    simulation = run("provider-outage")
    assert refusals(simulation) == [(12, "offer_unavailable")]
    rentals = list(of_bob(simulation))
    assert [provider for _, provider, _ in rentals] == ["gcp", "runpod", "gcp", "crusoe", "gcp"]
    lost, paid = ends(simulation), bills(simulation)
    for rental_id, seconds, charge in ((rentals[0][0], 480, 285_333), (rentals[2][0], 0, 0)):
        end = lost[rental_id]
        assert (end.reason, end.cause, end.at, end.billed_seconds) == ("interrupted", "forced", 10 * MINUTE, seconds)
        assert paid[rental_id].charge_micros == charge
    assert {lost[rental_id].reason for rental_id, _, _ in (rentals[1], *rentals[3:])} == {"idle_timeout"}


@pytest.mark.parametrize(("rented", "charge"), [(8 * MINUTE, 35_667), (10 * MINUTE - 1, 0)])
def test_in_a_provider_outage_a_rental_by_hand_is_lost_and_its_gpu_back_with_the_provider(
    rented: int, charge: int
) -> None:
    simulation = begin("provider-outage", rented)
    rental = rent(simulation, GCP)
    simulation.advance(10 * MINUTE)
    assert (rental.reason, rental.billed_micros) == ("interrupted", charge)
    for at_ms, listed in ((30 * MINUTE - 1, False), (30 * MINUTE, True)):
        simulation.advance(at_ms)
        assert all(offer.is_listed is listed for offer in simulation.market.offers if offer.spec.provider_id == "gcp")
    free = [offer.free for offer in simulation.market.offers if offer.name == rental.offer.name]
    assert free == [rental.offer.spec.capacity - 1]  # bob is back at once


def test_stuck_provisioning_ends_as_each_of_bobs_rentals_is_meant_to() -> None:
    simulation = run("stuck-provisioning")
    stuck, failing, forever, held, forced, usual = (rental_id for rental_id, _, _ in of_bob(simulation))
    assert waits(simulation) == {
        stuck: 19 * MINUTE,
        held: 11 * MINUTE,
        forced: 2 * MINUTE,
        usual: MINUTE,
    }
    ended = {rental_id: end.reason for rental_id, end in ends(simulation).items()}
    assert ended.pop(failing) == "provisioning_failed"
    assert ended.pop(forced) == "operator"
    assert ended == {stuck: "idle_timeout", held: "idle_timeout", usual: "idle_timeout"}
    paid = bills(simulation)
    assert (paid[failing].charge_micros, paid[forced].charge_micros) == (0, 33_300)  # 0.333 × 360 / 3600
    assert simulation.rentals.by_id[forever].status == "provisioning"
    assert simulation.ledger.held("bob") == 0


def test_in_stuck_provisioning_rentals_by_hand_wait_fail_or_never_run() -> None:
    simulation = begin("stuck-provisioning", 10 * MINUTE)
    waits_, deleted = rent(simulation), rent(simulation)
    fails = rent(simulation, RentGpu("alice", "runpod", "RTX 4090", "Quebec, CA", 1, "m", "i"))
    never = rent(simulation, RentGpu("alice", "crusoe", "A100 80GB", "Texas, US", 1, "m", "i"))
    simulation.advance(25 * MINUTE - 1)
    assert (fails.reason, fails.terminated_ms, fails.billed_micros) == ("provisioning_failed", 11 * MINUTE, 0)
    simulation.execute(TerminateRental("alice", deleted.rental_id))
    assert (waits_.status, deleted.billed_micros) == ("provisioning", 0)
    simulation.advance(25 * MINUTE)
    assert waits_.running_ms == 25 * MINUTE
    simulation.advance(130 * MINUTE)
    assert (never.status, never.hold.status) == ("provisioning", "expired")


def test_a_vanished_rental_is_billed_for_the_time_in_which_it_could_not_be_ended() -> None:
    simulation = run("vanished-rental")
    assert refusals(simulation) == [(12, "rental_not_found")]
    lost, seen, unseen = (rental_id for rental_id, _, _ in of_bob(simulation))
    ended, paid = ends(simulation), bills(simulation)
    assert [(ended[id_].reason, ended[id_].at) for id_ in (lost, seen)] == [
        ("deleted", 25 * MINUTE),
        ("deleted", 12 * MINUTE),
    ]
    assert paid[lost].charge_micros == 110_017  # 0.287 × 1380 / 3600
    assert ended[unseen].billed_seconds == 900


@pytest.mark.parametrize("rented", [0, 10 * MINUTE - 1, 12 * MINUTE])
def test_a_rental_by_hand_vanishes_from_minute_ten_to_twenty_five(rented: int) -> None:
    simulation = begin("vanished-rental", rented)
    rental = rent(simulation)
    for at_ms in (10 * MINUTE, 25 * MINUTE - 1):
        simulation.advance(max(rented, at_ms))
        with pytest.raises(RentalNotFound):
            simulation.rentals.find(rental.rental_id, "alice")
    simulation.advance(25 * MINUTE)
    assert simulation.rentals.find(rental.rental_id, "alice") is rental
    assert rental.status == ("running" if rented else "terminated")
    simulation.advance(HOUR)
    assert rental.billed_micros == 71_750
