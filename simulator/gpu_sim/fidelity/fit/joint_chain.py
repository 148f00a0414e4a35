"""One or two offers of mode `realistic` as a Markov chain: the stress on them, and the phase of each.

Rates are per hour. States are ordered by stress, then by the phase of the first offer, then by that of the second.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from ...core.kernel.randomness import PPM
from ...core.market.availability_rates import LEVELS, PHASES, UP, AvailabilityRates, PhaseEnds, followers, level_rates
from ...core.scenario.availability_shape import Shape
from ..traces.arrays import Floats, Marks, Whole


class JointChain(Struct, frozen=True, eq=False):
    """`generator[i, j]` is the rate from state i to state j, and `ups[k, i]` whether offer k is up in state i."""

    generator: Floats
    ups: Marks


def chain_of_one(shape: Shape, rates: AvailabilityRates) -> JointChain:
    """An offer by itself: 12 states."""
    return _joined(shape, np.array(level_rates(shape)), [(rates, np.arange(LEVELS))], shared=True)


def chain_of_one_group(shape: Shape, one: AvailabilityRates, other: AvailabilityRates) -> JointChain:
    """Two offers of one group and GPU model, which meet the same stresses and shocks: 48 states."""
    same = np.arange(LEVELS)
    return _joined(shape, np.array(level_rates(shape)), [(one, same), (other, same)], shared=True)


def chain_of_two_groups(shape: Shape, one: AvailabilityRates, other: AvailabilityRates) -> JointChain:
    """Two offers of one GPU model in two groups, which have the stress of the model in common: 128 states."""
    flips = np.array([[0.0, shape.comes_on], [shape.goes_off, 0.0]])
    stay = np.eye(2)
    stresses = (
        np.kron(np.kron(flips, stay), stay) + np.kron(np.kron(stay, flips), stay) + np.kron(np.kron(stay, stay), flips)
    )
    model, first, second = (np.arange(8) >> place & 1 for place in (2, 1, 0))
    return _joined(shape, stresses, [(one, model + first), (other, model + second)], shared=False)


def _joined(
    shape: Shape, stresses: Floats, offers: Sequence[tuple[AvailabilityRates, Whole]], *, shared: bool
) -> JointChain:
    """The chain of offers, each with its level in each state of stress; `shared`: the same shocks hit them all."""
    size = PHASES ** len(offers)
    generator: Floats = np.kron(stresses, np.eye(size)).astype(np.float64)
    shocks = _of_shocks(shape, [rates for rates, _ in offers], shared=shared)
    for state in range(len(stresses)):
        here = slice(state * size, (state + 1) * size)
        generator[here, here] += shocks
        for place, (rates, levels) in enumerate(offers):
            generator[here, here] += _placed(_phase_rates(shape, rates, int(levels[state])), place, len(offers))
    # First, for shocks that hit nothing lead from a state to itself, and so would count as leaving it.
    np.fill_diagonal(generator, 0.0)
    np.fill_diagonal(generator, -generator.sum(axis=1))
    up = np.isin(np.arange(PHASES), UP)
    ups = [_placed(np.diag(up).astype(float), place, len(offers)).diagonal() for place in range(len(offers))]
    return JointChain(generator, np.array([np.tile(each > 0, len(stresses)) for each in ups]))


def _phase_rates(shape: Shape, rates: AvailabilityRates, level: int) -> Floats:
    """The rates from phase to phase at a level of stress, shocks aside."""
    ends, found = PhaseEnds(shape), np.zeros((PHASES, PHASES))
    for phase, following in enumerate(followers(shape)):
        for other, share in following:
            found[phase, other] = ends.of(rates, phase, level) * share
    return found


def _of_shocks(shape: Shape, offers: Sequence[AvailabilityRates], *, shared: bool) -> Floats:
    """The rates from phases to phases by shocks; `_joined` overwrites their diagonal."""
    often, follow = shape.shocks_per_hour, followers(shape)
    hits = []
    for rates in offers:
        hit = rates.hit_ppm / PPM
        hit_rates = np.eye(PHASES)
        for phase in UP:
            hit_rates[phase, phase] = 1 - hit
            for other, share in follow[phase]:
                hit_rates[phase, other] = hit * share
        hits.append(hit_rates)
    if shared:
        joint = hits[0] if len(hits) == 1 else np.kron(*hits)
        return np.asarray(often * joint, np.float64)
    return np.asarray(
        sum(often * _placed(hit_rates, place, len(hits)) for place, hit_rates in enumerate(hits)), np.float64
    )


def _placed(of_one: Floats, place: int, offers: int) -> Floats:
    """The matrix of one offer, written for the phases of all."""
    if offers == 1:
        return of_one
    stay = np.eye(PHASES)
    return (np.kron(of_one, stay) if place == 0 else np.kron(stay, of_one)).astype(np.float64)
