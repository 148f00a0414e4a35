"""Reasons that keep an offer from being rented, alone and together."""

from itertools import product

from gpu_sim.core.simulation import Simulation
from gpu_sim.fidelity.runs.offer_status import OfferStatus

from ...support.builders import scenario


def test_an_offer_is_up_where_nothing_keeps_it_from_being_rented() -> None:
    shown = Simulation(scenario()).market.offers[0]
    assert OfferStatus(shown).is_up
    for is_down, is_away, outages, capacity in product((False, True), (False, True), (set(), {3}), (0, 1)):
        status = OfferStatus(shown)
        status.is_down, status.is_away = is_down, is_away
        status.outages |= outages
        status.capacity = capacity
        assert status.is_up == (not is_down and not is_away and not outages and capacity == 1)
