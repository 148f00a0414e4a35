"""Acts that lie over an offer: what each lays there, and what it covers."""

import pytest
from gpu_sim.core.kernel.quantities import Factor, Price
from gpu_sim.core.market.overlays import Overlay, overlay_of, showing
from gpu_sim.core.scenario.acts import CapacityAct, LastingAct, OutageAct, PriceAct, ProvisioningAct, VanishAct


@pytest.mark.parametrize(
    ("act", "overlay"),
    [
        (PriceAct(set=Price(287_000)), (3, "price_set", 287_000)),
        (PriceAct(multiply=Factor(0)), (3, "price_multiply", 0)),
        (PriceAct(multiply=Factor(7), capped=False), (3, "price_multiply", 7)),
        (PriceAct(multiply=Factor(7), capped=True), (3, "price_capped", 7)),
        (CapacityAct(set=8), (3, "capacity", 8)),
        (ProvisioningAct(outcome="stuck"), (3, "stuck", 0)),
        (ProvisioningAct(outcome="fails"), (3, "fails", 0)),
        (VanishAct(), (3, "vanish", 0)),
        (OutageAct(interrupt=True), (3, "outage", 0)),
    ],
)
def test_an_act_lays_its_number_what_it_does_and_its_value(act: LastingAct, overlay: Overlay) -> None:
    assert overlay_of(3, act) == overlay


ALL: tuple[Overlay, ...] = (
    (0, "price_set", 1_000),
    (1, "price_multiply", 2_000_000),
    (2, "capacity", 1),
    (3, "stuck", 0),
    (4, "fails", 0),
    (5, "vanish", 0),
    (6, "price_capped", 2_000_000),
    (7, "outage", 0),
)


@pytest.mark.parametrize(
    ("on_top", "shown"),
    [
        ((9, "price_set", 1_000), [2, 4, 5, 7, 9]),
        ((9, "price_multiply", 1), [0, 1, 2, 4, 5, 6, 7, 9]),
        ((9, "price_capped", 1), [0, 1, 2, 4, 5, 6, 7, 9]),
        ((9, "capacity", 0), [0, 1, 4, 5, 6, 7, 9]),
        ((9, "stuck", 0), [0, 1, 2, 5, 6, 7, 9]),
        ((9, "fails", 0), [0, 1, 2, 5, 6, 7, 9]),
        ((9, "vanish", 0), [0, 1, 2, 4, 6, 7, 9]),
        ((9, "outage", 0), [0, 1, 2, 4, 5, 6, 9]),
    ],
)
def test_what_a_later_act_covers_does_not_show(on_top: Overlay, shown: list[int]) -> None:
    assert [number for number, _, _ in showing((*ALL, on_top))] == shown
