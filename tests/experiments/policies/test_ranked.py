"""The policies that rank offers: which they rent, what they do when it is refused, and when another is needed."""

import pytest
from gpu_sim.core.kernel.quantities import Duration
from gpu_sim.core.scenario.experiment.renters import Checkpoint
from gpu_sim.experiments.policies.load import load_policy
from gpu_sim.experiments.policies.ranked import LOOK_AGAIN_MS, Cheapest, time_per_useful_hour
from gpu_sim.experiments.renting.occasions import (
    Began,
    DemandChanged,
    NoticeCame,
    RentalEnded,
    RentalRan,
    RentRefused,
    Ticked,
)
from gpu_sim.experiments.renting.policy import End, Rent, Wait

from .sights import HOUR_MS, FixedLuck, Options, job, jobs_spec, offer, rental, seen, service_spec

DEAR = offer("dear", 3_000_000, ppm=1_000)
CHEAP = offer("cheap", 1_000_000, ppm=200_000)
MIDDLE = offer("middle", 1_200_000, ppm=20_000)
FIRM = offer("firm", 3_500_000, spot=False)
OFFERS = (DEAR, CHEAP, MIDDLE, FIRM)


@pytest.mark.parametrize(
    ("policy", "options", "rented"),
    [
        ("cheapest", {}, "cheap"),
        ("on_demand", {}, "firm"),
        ("most_reliable", {}, "firm"),
        ("pinned", {"offer": "middle"}, "middle"),
        ("pinned", {}, "cheap"),
        ("cheapest_per_useful_hour", {}, "cheap"),  # nothing is lost by an interruption, so the price decides
    ],
)
def test_a_job_begins_on_the_best_offer_by_the_ranking(policy: str, options: Options, rented: str) -> None:
    spec = jobs_spec(policy, options)
    decisions = load_policy(spec, FixedLuck()).decide(seen(spec, OFFERS), Began())
    assert list(decisions) == [Rent(rented)]


def test_the_useful_hour_of_a_job_that_loses_its_work_is_dear_where_interruptions_are_frequent() -> None:
    spec = jobs_spec("cheapest_per_useful_hour", checkpoint=None, restart=HOUR_MS // 2)
    decisions = load_policy(spec, FixedLuck()).decide(
        seen(spec, OFFERS, doing=job(work=10 * HOUR_MS, restart=HOUR_MS // 2)), Began()
    )
    assert list(decisions) == [Rent("middle")]


@pytest.mark.parametrize(
    ("checkpoint", "restart", "ppm", "hours"),
    [
        (Checkpoint(), 0, 500_000, 1.0),
        (Checkpoint(), HOUR_MS, 500_000, 2.0),  # e^(ln 2 · 1 h)
        (None, 0, 0, 1.0),
        (None, 0, 500_000, 1 / 0.6931471805599453),  # (e^(ln 2) − 1) / ln 2 for the hour that is left
        (None, HOUR_MS, 500_000, 2 / 0.6931471805599453),
        (Checkpoint(every=Duration(HOUR_MS // 2), cost=Duration(HOUR_MS // 2)), 0, 0, 2.0),
        (
            Checkpoint(every=Duration(HOUR_MS // 2), cost=Duration(HOUR_MS // 2)),
            0,
            500_000,
            2 / 0.6931471805599453,
        ),
    ],
)
def test_the_time_of_a_useful_hour_counts_restarts_lost_work_and_checkpoints(
    checkpoint: Checkpoint | None, restart: int, ppm: int, hours: float
) -> None:
    spec = jobs_spec("cheapest_per_useful_hour", checkpoint=checkpoint, restart=restart)
    situation = seen(spec, OFFERS, doing=job(restart=restart))
    assert time_per_useful_hour(ppm, situation) == pytest.approx(hours, rel=1e-12)


def test_the_useful_hour_of_a_service_counts_cold_starts() -> None:
    spec = service_spec("cheapest_per_useful_hour", cold_start=HOUR_MS)
    assert time_per_useful_hour(500_000, seen(spec, OFFERS)) == pytest.approx(1.6931471805599453, rel=1e-12)


def test_a_refused_offer_is_passed_over_until_time_passes() -> None:
    spec = jobs_spec("cheapest")
    policy = load_policy(spec, FixedLuck())
    assert list(policy.decide(seen(spec, OFFERS), Began())) == [Rent("cheap")]
    assert list(policy.decide(seen(spec, OFFERS), RentRefused("cheap", "offer_unavailable"))) == [Rent("middle")]
    assert list(policy.decide(seen(spec, OFFERS), RentRefused("middle", "offer_unavailable"))) == [Rent("dear")]
    assert list(policy.decide(seen(spec, OFFERS, now=1), Ticked())) == [Rent("cheap")]


def test_with_nothing_to_rent_a_renter_without_a_tick_looks_again_later() -> None:
    spec = jobs_spec("cheapest")
    assert list(load_policy(spec, FixedLuck()).decide(seen(spec, ()), Began())) == [Wait(LOOK_AGAIN_MS)]
    ticking = jobs_spec("cheapest", tick=1_000)
    assert list(load_policy(ticking, FixedLuck()).decide(seen(ticking, ()), Began())) == []


def test_a_pinned_renter_waits_for_its_offer_whatever_else_there_is() -> None:
    spec = jobs_spec("pinned")
    policy = load_policy(spec, FixedLuck())
    assert list(policy.decide(seen(spec, OFFERS), Began())) == [Rent("cheap")]
    ended = RentalEnded("r1", "cheap", "interrupted")
    assert list(policy.decide(seen(spec, (DEAR, MIDDLE), now=5), ended)) == [Wait(LOOK_AGAIN_MS)]
    assert list(policy.decide(seen(spec, OFFERS, now=6), Ticked())) == [Rent("cheap")]


def test_a_rental_is_kept_though_another_offer_is_cheaper_now() -> None:
    spec = jobs_spec("cheapest")
    situation = seen(spec, OFFERS, [rental("r1", DEAR)])
    assert list(load_policy(spec, FixedLuck()).decide(situation, RentalRan("r1"))) == []


def test_an_announced_interruption_is_met_by_a_rental_elsewhere_unless_the_job_is_done_before() -> None:
    spec = jobs_spec("cheapest")
    policy = load_policy(spec, FixedLuck())
    leaving = rental("r1", CHEAP, interrupts=30_000)
    assert list(policy.decide(seen(spec, OFFERS, [leaving]), NoticeCame("r1", 30_000))) == [Rent("middle")]
    nearly = job(done=HOUR_MS - 30_000)
    assert list(policy.decide(seen(spec, OFFERS, [leaving], doing=nearly), NoticeCame("r1", 30_000))) == []


def test_a_service_rents_what_is_missing_and_ends_what_is_too_many() -> None:
    spec = service_spec("cheapest")
    policy = load_policy(spec, FixedLuck())
    assert list(policy.decide(seen(spec, OFFERS), Began())) == [Rent("cheap")] * 3
    rentals = [rental("r1", CHEAP, ready=None), rental("r2", CHEAP), rental("r3", CHEAP, created=5, ready=5)]
    assert list(policy.decide(seen(spec, OFFERS, rentals, now=9, replicas=1), DemandChanged())) == [
        End("r1"),
        End("r3"),
    ]


def test_what_the_credit_does_not_cover_rules_out_all_that_is_as_dear() -> None:
    """A renter without credit tries no dearer offer, and looks again later."""
    policy = Cheapest()
    refused = RentRefused("middle", "insufficient_credit")
    assert policy.decide(seen(jobs_spec("cheapest"), OFFERS), refused) == [Rent("cheap")]
    assert policy.decide(seen(jobs_spec("cheapest"), OFFERS), RentRefused("cheap", "insufficient_credit")) == (
        Wait(LOOK_AGAIN_MS),
    )
