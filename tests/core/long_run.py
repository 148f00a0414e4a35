"""The chain of one offer written out in full, and solved by other means than the core does."""

import math
from itertools import product

import numpy as np
from gpu_sim.core.market.availability_rates import AvailabilityRates
from gpu_sim.core.scenario.availability_shape import Shape

from ..support.builders import HOUR


def long_run(rates: AvailabilityRates, shape: Shape) -> tuple[float, float]:
    """The availability and the interruptions in an hour of being up, from all 16 states: stress of the region, stress
    of the model, phase."""
    states = list(product((0, 1), (0, 1), ("settled", "fragile", "short", "long")))
    on, off = shape.tight / 1e6 * HOUR / shape.stress_time, (1 - shape.tight / 1e6) * HOUR / shape.stress_time
    shocks = HOUR / shape.shock_every * rates.hit_ppm / 1e6
    long, fragile = shape.long / 1e6, shape.fragile / 1e6
    flows = np.zeros((16, 16))
    for region, model, phase in states:
        here = states.index((region, model, phase))
        flows[here, states.index((1 - region, model, phase))] += off if region else on
        flows[here, states.index((region, 1 - model, phase))] += off if model else on
        stress = 2 * (region + model - 1) * shape.stress / 1e6
        if phase in ("settled", "fragile"):
            ends = (rates.settled * math.exp(stress) if phase == "settled" else rates.brief) + shocks
            to = {"long": long, "short": 1 - long}
        else:
            ends = rates.brief if phase == "short" else rates.long * math.exp(-stress * shape.grip / 1e6)
            to = {"fragile": fragile, "settled": 1 - fragile}
        for other, share in to.items():
            flows[here, states.index((region, model, other))] += ends * share
    generator = flows - np.diag(flows.sum(axis=1))
    equations = np.vstack([generator.T, np.ones(16)])
    shares = np.linalg.lstsq(equations, np.r_[np.zeros(16), 1.0], rcond=None)[0]
    ups = [index for index, state in enumerate(states) if state[2] in ("settled", "fragile")]
    downs = [index for index in range(16) if index not in ups]
    return float(shares[ups].sum()), float((shares[ups] @ flows[np.ix_(ups, downs)]).sum() / shares[ups].sum())
