"""Renters: what they may be, the accounts that they have, and the offers that they may rent."""

from typing import Any

import pytest
from gpu_sim.core.kernel.quantities import Duration
from gpu_sim.core.scenario.acts import Selector
from gpu_sim.core.scenario.distributions import fixed
from gpu_sim.core.scenario.experiment.renters import (
    Arrivals,
    Checkpoint,
    Fixed,
    JobSpec,
    Poisson,
    Reactions,
    RenterSpec,
    ServiceSpec,
)

from ....support.builders import HOUR, offer, on_demand_offer

JOBS = JobSpec(work=fixed(HOUR))


def renter(**fields: Any) -> RenterSpec:
    given: dict[str, Any] = {"name": "ann", "jobs": JOBS}
    return RenterSpec(**(given | fields))


@pytest.mark.parametrize(
    ("kind", "fields", "says"),
    [
        (Fixed, {"every": Duration(1), "count": 0}, "count must be at least 1"),
        (Fixed, {"every": Duration(0), "count": 2}, "every must be above 0s"),
        (Poisson, {"every": Duration(0)}, "every must be above 0s"),
        (Arrivals, {}, "exactly one of fixed, poisson and at"),
        (Arrivals, {"at": ()}, "instants in order, at least one"),
        (Arrivals, {"at": (Duration(2), Duration(1))}, "instants in order, at least one"),
        (Checkpoint, {"cost": Duration(1)}, "cost goes with every"),
        (ServiceSpec, {"replicas": -1}, "0 or more"),
        (ServiceSpec, {"replicas": 1, "demand": ((Duration(1), -1),)}, "0 or more"),
        (ServiceSpec, {"replicas": 1, "demand": ((Duration(2), 1), (Duration(1), 2))}, "in the order of its instants"),
        (Reactions, {"retries": -1}, "retries must be 0 or more"),
        (Reactions, {"multiply": 0}, "multiply and give_up_after at least 1"),
        (Reactions, {"give_up_after": 0}, "multiply and give_up_after at least 1"),
        (Reactions, {"back_off": Duration(0)}, "back_off and stuck_after must be above 0s"),
        (Reactions, {"stuck_after": Duration(0)}, "back_off and stuck_after must be above 0s"),
        (RenterSpec, {"name": "a b", "jobs": JOBS}, "name must be 1 to 64 of A-Z a-z 0-9 _ -"),
        (RenterSpec, {"name": "a", "jobs": JOBS, "count": 0}, "count must be 1 to 10000"),
        (RenterSpec, {"name": "a", "jobs": JOBS, "min_vram_gb": -1}, "min_vram_gb 0 or more"),
        (RenterSpec, {"name": "a", "jobs": JOBS, "count": 10_001}, "count must be 1 to 10000"),
        (RenterSpec, {"name": "a", "jobs": JOBS, "gpus": 0}, "gpus at least 1"),
        (RenterSpec, {"name": "a", "jobs": JOBS, "spread": 0}, "spread must be at least 1"),
        (RenterSpec, {"name": "a"}, "give either jobs or service"),
        (RenterSpec, {"name": "a", "jobs": JOBS, "service": ServiceSpec(replicas=1)}, "give either jobs or service"),
        (RenterSpec, {"name": "a", "jobs": JOBS, "tick": Duration(0)}, "tick must be above 0s"),
    ],
)
def test_what_can_be_no_renter_is_refused(kind: type[Any], fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        kind(**fields)


def test_renters_at_their_bounds_are_accepted() -> None:
    assert (Fixed(every=Duration(0)).count, Poisson(every=Duration(1)).every) == (1, 1)
    assert Arrivals(at=(Duration(0), Duration(0))).at == (0, 0)
    assert Checkpoint(every=Duration(1), cost=Duration(2)).cost == 2
    assert Reactions(give_up_after=1, stuck_after=Duration(1), multiply=1).retries == 0
    assert renter(count=10_000, tick=Duration(1), name="a" * 64).gpus == 1
    assert renter().balance == 10**12
    assert ServiceSpec(replicas=0, demand=((Duration(0), 0), (Duration(0), 1))).replicas == 0


def test_a_service_wants_what_its_latest_step_says() -> None:
    service = ServiceSpec(replicas=3, demand=((Duration(HOUR), 6), (Duration(2 * HOUR), 0)))
    assert [service.wanted_at(at) for at in (0, HOUR - 1, HOUR, 2 * HOUR - 1, 2 * HOUR)] == [3, 3, 6, 6, 0]


def test_each_of_several_has_an_account_of_its_own() -> None:
    assert renter().accounts == ("ann",)
    assert renter(count=3).accounts == ("ann-1", "ann-2", "ann-3")


def test_it_may_rent_what_it_names_with_enough_memory() -> None:
    offers = (offer(),)
    assert renter().may_rent(offers) == [*offers]
    assert renter(offers=Selector(provider="VAST-ai"), min_vram_gb=24).may_rent(offers) == [*offers]
    assert renter(offers=Selector(provider="gcp")).may_rent(offers) == []
    assert renter(min_vram_gb=25).may_rent(offers) == []


def test_it_spreads_over_the_first_spot_offers_that_it_names_and_what_is_on_demand() -> None:
    west, east, firm, north = (offer("west"), offer("east"), on_demand_offer(), offer("north", provider_id="aws"))
    offers = (west, north, firm, east)
    assert renter(spread=1).may_rent(offers) == [west, firm]
    assert renter(spread=3).may_rent(offers) == [*offers]
    assert renter(spread=2, offers=Selector(provider="vast-ai")).may_rent(offers) == [west, east]
