"""The chains of one and of two offers: each offer in them is what it was calibrated to be."""

import numpy as np
import pytest
from gpu_sim.core.kernel.quantities import Availability, Duration, Factor, Share
from gpu_sim.core.market.availability_rates import AvailabilityRates, calibrate
from gpu_sim.core.scenario.availability_shape import Shape
from gpu_sim.fidelity.fit.joint_chain import JointChain, chain_of_one, chain_of_one_group, chain_of_two_groups
from gpu_sim.fidelity.fit.sampled_chain import SampledChain

HOUR = 3_600_000
MEASURED = Shape()
SHOCKED = Shape(stress=Factor(0), fragile=Share(0), shock_every=Duration(2 * HOUR))
CALM = Shape(stress=Factor(0), fragile=Share(0), shock_reach=Share(0))
SCARCE, PLENTY = (0.2, 1.4), (0.9, 0.1)


def rates(shape: Shape, up: float, per_hour: float) -> AvailabilityRates:
    """Those of an offer that is up for this share of the time, and goes down so often in an hour of that."""
    return calibrate(Availability(round(up * 1_000_000)), per_hour, shape)


def pair(shape: Shape, *, two_groups: bool) -> JointChain:
    """A scarce offer and one that is not."""
    join = chain_of_two_groups if two_groups else chain_of_one_group
    return join(shape, rates(shape, *SCARCE), rates(shape, *PLENTY))


def long_run(chain: JointChain, offer: int) -> tuple[float, float]:
    """The availability of an offer, and how often it goes down in an hour of being up."""
    shares, up = SampledChain(chain, 1.0).shares, chain.ups[offer]
    falls = shares[up] @ chain.generator[np.ix_(up, ~up)].sum(axis=1)
    return float(shares[up].sum()), float(falls / shares[up].sum())


@pytest.mark.parametrize("shape", [MEASURED, SHOCKED, CALM])
@pytest.mark.parametrize(("up", "per_hour"), [SCARCE, PLENTY, (0.65, 0.4)])
def test_an_offer_by_itself_is_as_calibrated(shape: Shape, up: float, per_hour: float) -> None:
    assert long_run(chain_of_one(shape, rates(shape, up, per_hour)), 0) == pytest.approx((up, per_hour), rel=1e-5)


@pytest.mark.parametrize("two_groups", [False, True])
@pytest.mark.parametrize("shape", [MEASURED, SHOCKED, CALM])
def test_each_offer_of_a_pair_is_as_it_is_by_itself(shape: Shape, two_groups: bool) -> None:
    chain = pair(shape, two_groups=two_groups)
    assert long_run(chain, 0) == pytest.approx(SCARCE, rel=1e-5)
    assert long_run(chain, 1) == pytest.approx(PLENTY, rel=1e-5)
    assert chain.generator.sum(axis=1) == pytest.approx(np.zeros(len(chain.generator)), abs=1e-9)


def covariance(shape: Shape, *, two_groups: bool) -> float:
    return SampledChain(pair(shape, two_groups=two_groups), 0.1).up_covariance(0, 1)


def test_what_ties_offers_together_is_stress_and_the_shocks_of_a_group() -> None:
    assert covariance(MEASURED, two_groups=False) > 1.2 * covariance(MEASURED, two_groups=True) > 0.001
    assert covariance(SHOCKED, two_groups=False) > 0.001
    assert covariance(SHOCKED, two_groups=True) == pytest.approx(0, abs=1e-12)
    assert covariance(CALM, two_groups=False) == pytest.approx(0, abs=1e-12)


def test_neighbours_go_down_in_one_look_more_often_than_by_chance_and_strangers_hardly_so() -> None:
    one_group, two_groups = (SampledChain(pair(MEASURED, two_groups=each), 0.1) for each in (False, True))
    by_chance = one_group.event_share(0) * one_group.event_share(1)
    assert one_group.events_together(0, 1) > 2 * by_chance
    assert two_groups.events_together(0, 1) == pytest.approx(by_chance, rel=0.25)
