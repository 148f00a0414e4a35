"""The courses of prices over a run: those at which its renters rented, and what the timeline did to them."""

from gpu_sim import load_scenario
from gpu_sim.core.kernel.quantities import Duration
from gpu_sim.core.scenario.distributions import fixed
from gpu_sim.core.scenario.experiment.renters import Arrivals, Checkpoint, Fixed, JobSpec, RenterSpec
from gpu_sim.experiments.runs.price_courses import PriceCourse
from gpu_sim.experiments.runs.run import run
from msgspec.structs import replace

from .small_market import HOUR_MS, MINUTE_MS, ON_DEMAND, SPOT, small_market


def _at(course: PriceCourse, at_ms: int) -> int:
    return next(price for since_ms, price in reversed(course) if since_ms <= at_ms)


def test_every_rental_has_the_price_of_its_instant() -> None:
    """In a market that moves; equal runs have equal courses."""
    arrivals = Arrivals(fixed=Fixed(every=Duration(HOUR_MS), count=40))
    jobs = JobSpec(work=fixed(30 * MINUTE_MS), arrivals=arrivals, checkpoint=Checkpoint())
    renters = tuple(RenterSpec(name=policy, policy=policy, jobs=jobs) for policy in ("cheapest", "most_reliable"))
    scenario = replace(
        load_scenario("default"), renters=renters, until=Duration(48 * HOUR_MS), accounts=(), timeline=()
    )
    result = run(scenario, seed=3)
    courses = result.prices()
    assert {*courses} == {rental.offer for rental in result.facts.rentals}
    rented = [(rental.price_micros_per_hour, rental.created_ms, rental.offer) for rental in result.facts.rentals]
    assert len(rented) >= 80
    assert len({price for price, *_ in rented}) > 5
    assert [_at(courses[offer], created_ms) for _, created_ms, offer in rented] == [price for price, *_ in rented]
    assert run(scenario, seed=3).prices() == courses


def test_an_act_of_the_timeline_moves_it_and_its_end_moves_it_back() -> None:
    scenario = small_market(
        "{name: a, policy: cheapest, jobs: {work: 1h}}",
        more="timeline:\n  - {at: 2h, price: {provider: spot, multiply: 2, for: 1h}}",
    )
    courses = run(scenario).prices()
    assert courses == {SPOT: [(0, 1_000_000), (2 * HOUR_MS, 2_000_000), (3 * HOUR_MS, 1_000_000)]}


def test_what_was_not_rented_has_none() -> None:
    scenario = small_market("{name: a, policy: on_demand, jobs: {work: 1h}}")
    assert run(scenario).prices() == {ON_DEMAND: [(0, 3_000_000)]}
