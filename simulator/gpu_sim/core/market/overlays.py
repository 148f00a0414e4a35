"""Acts that lie over an offer while they last: what each does to it, and which of them show."""

from typing import Literal

from ..kernel.quantities import Natural
from ..scenario.acts import CapacityAct, LastingAct, OutageAct, PriceAct, ProvisioningAct

OverlayKind = Literal["outage", "price_set", "price_multiply", "price_capped", "capacity", "stuck", "fails", "vanish"]

Overlay = tuple[Natural, OverlayKind, Natural]
"""An act that lies over an offer: its number, what it does, and its value (micro-dollars, ppm or GPUs, else 0)."""

COVERED: dict[OverlayKind, tuple[OverlayKind, ...]] = {
    "outage": ("outage",),
    "price_set": ("price_set", "price_multiply", "price_capped"),
    "price_multiply": (),
    "price_capped": (),
    "capacity": ("capacity",),
    "stuck": ("stuck", "fails"),
    "fails": ("stuck", "fails"),
    "vanish": ("vanish",),
}
"""The kinds of earlier acts that have no effect while an act of this kind lasts."""


def overlay_of(number: int, act: LastingAct) -> Overlay:
    """The overlay of act `number`."""
    if isinstance(act, PriceAct):
        if act.set is not None:
            return number, "price_set", int(act.set)
        assert act.multiply is not None
        return number, "price_capped" if act.capped else "price_multiply", int(act.multiply)
    if isinstance(act, CapacityAct):
        return number, "capacity", act.set
    if isinstance(act, OutageAct):
        return number, "outage", 0
    return number, act.outcome if isinstance(act, ProvisioningAct) else "vanish", 0


def showing(overlays: tuple[Overlay, ...]) -> tuple[Overlay, ...]:
    """Those of the overlays, in the order in which they began, that no later one covers."""
    covered: set[OverlayKind] = set()
    shown = []
    for overlay in reversed(overlays):
        if overlay[1] not in covered:
            shown.append(overlay)
            covered.update(COVERED[overlay[1]])
    return tuple(reversed(shown))
