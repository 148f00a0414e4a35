"""What keeps an offer from being rented, one reason upon another."""

from itertools import product

from gpu_sim.core.simulation import Simulation
from gpu_sim.fidelity.runs.offer_status import OfferStatus

from ...support.builders import scenario


def test_an_offer_is_up_where_nothing_keeps_it_from_being_rented() -> None:
    shown = Simulation(scenario()).market.offers[0]
    assert OfferStatus(shown).is_up
    for is_down, is_away, outages, capacity in product((False, True), (False, True), (set(), {3}), (0, 1)):
        standing = OfferStatus(shown)
        standing.is_down, standing.is_away = is_down, is_away
        standing.outages |= outages
        standing.capacity = capacity
        assert standing.is_up == (not is_down and not is_away and not outages and capacity == 1)
