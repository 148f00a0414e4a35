"""Closed forms of what is seen of a chain, against the same written out look by look."""

import numpy as np
import pytest
from gpu_sim.core.kernel.quantities import Availability
from gpu_sim.core.market.availability_rates import calibrate
from gpu_sim.core.scenario.availability_shape import Shape
from gpu_sim.fidelity.fit.joint_chain import chain_of_one, chain_of_one_group
from gpu_sim.fidelity.fit.sampled_chain import SampledChain

SCARCE = calibrate(Availability(300_000), 1.1, Shape())
PLENTY = calibrate(Availability(800_000), 0.3, Shape())
PAIR = SampledChain(chain_of_one_group(Shape(), SCARCE, PLENTY), 0.2)
ALONE = SampledChain(chain_of_one(Shape(), SCARCE), 0.2)


def later(chain: SampledChain, looks: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """The chances of going from each state to each in so many looks."""
    return np.linalg.matrix_power(chain.step, looks)


def events(chain: SampledChain, offer: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """The chances of going from each state to each in a look at which the offer is found gone."""
    return chain.step * np.outer(chain.up(offer), ~chain.up(offer))


def together(one: int, other: int, lag: int) -> float:
    """The share of looks that are an event of one, with one of the other so many looks later or, below 0, before."""
    if lag < 0:
        return together(other, one, -lag)
    if lag == 0:
        both = np.outer(PAIR.up(one) & PAIR.up(other), ~PAIR.up(one) & ~PAIR.up(other))
        return float((PAIR.shares @ (PAIR.step * both)).sum())
    return float((PAIR.shares @ events(PAIR, one) @ later(PAIR, lag - 1) @ events(PAIR, other)).sum())


def counts_covary(one: int, other: int, looks: int) -> float:
    """Over all pairs of looks, one by one."""
    by_chance = PAIR.event_share(one) * PAIR.event_share(other)
    return sum(together(one, other, second - first) - by_chance for first in range(looks) for second in range(looks))


def test_the_long_run_is_where_time_leads() -> None:
    assert PAIR.shares == pytest.approx(later(PAIR, 10_000)[0], abs=1e-9)
    assert (ALONE.availability(0), PAIR.availability(1)) == pytest.approx((0.3, 0.8), rel=1e-6)


@pytest.mark.parametrize("looks", [0, 1, 2, 7, 64, 1_000])
def test_powers_are_those_of_the_step(looks: int) -> None:
    values = np.arange(48.0)
    assert PAIR.power(looks, values) == pytest.approx(later(PAIR, looks) @ values)


@pytest.mark.parametrize("lag", [0, 1, 5])
def test_states_covary_as_written_out(lag: int) -> None:
    joint = (PAIR.shares * PAIR.up(0)) @ later(PAIR, lag) @ PAIR.up(1)
    assert PAIR.up_covariance(0, 1, lag) == pytest.approx(joint - 0.3 * 0.8, abs=1e-6)
    assert PAIR.events_together(0, 1, lag) == pytest.approx(together(0, 1, lag))


@pytest.mark.parametrize("looks", [1, 2, 9])
@pytest.mark.parametrize(("one", "other"), [(0, 0), (0, 1), (1, 0)])
def test_counts_and_means_covary_as_written_out(one: int, other: int, looks: int) -> None:
    assert PAIR.count_covariance(one, other, looks) == pytest.approx(counts_covary(one, other, looks), rel=1e-9)
    ahead = [
        PAIR.up_covariance(one, other, second - first)
        if second >= first
        else PAIR.up_covariance(other, one, first - second)
        for first in range(looks)
        for second in range(looks)
    ]
    assert PAIR.up_covariance_of_means(one, other, looks) == pytest.approx(sum(ahead) / looks**2, rel=1e-9)


def test_between_two_whole_numbers_counts_are_of_both_in_turn() -> None:
    """The variance of a mixture: three quarters have four looks, a quarter has five."""
    mean = PAIR.event_share(0)
    within = 0.75 * counts_covary(0, 0, 4) + 0.25 * counts_covary(0, 0, 5)
    assert PAIR.count_covariance(0, 0, 4.25) == pytest.approx(within + 0.75 * 0.25 * mean**2, rel=1e-9)


@pytest.mark.parametrize("state", [True, False])
def test_runs_are_counted_as_written_out(state: bool) -> None:
    looks, inside = 12, ALONE.up(0) == state
    stays = ALONE.step * np.outer(inside, inside)
    for length, expected in enumerate(ALONE.run_shares(looks, state=state), 1):
        enters = (ALONE.shares * ~inside) @ (ALONE.step * inside)
        one_place = enters @ np.linalg.matrix_power(stays, length - 1) @ ALONE.step @ ~inside
        assert expected == pytest.approx(one_place * (looks - 1 - length), rel=1e-9)
    assert len(ALONE.run_shares(looks, state=state)) == looks - 2
