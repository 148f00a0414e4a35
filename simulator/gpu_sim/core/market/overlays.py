"""Acts that lie over an offer while they last: what each does to it, and which before it no longer show."""

from typing import Literal

from ..kernel.quantities import Natural
from ..scenario.acts import CapacityAct, OutageAct, PriceAct, ProvisioningAct, VanishAct

ACTS_OVER_OFFER_MAX = 100
"""So many acts lie over one offer at most before a called one is refused; a timeline is as long as its file."""

OverlayKind = Literal["price_set", "price_multiply", "price_capped", "capacity", "stuck", "fails", "vanish"]

Overlay = tuple[Natural, OverlayKind, Natural]
"""An act that lies over an offer: its number, what it does, and its value (micro-dollars, ppm or GPUs, else 0)."""

OverlayAct = PriceAct | CapacityAct | ProvisioningAct | VanishAct

LastingAct = OutageAct | OverlayAct
"""An act that an offer is under while it lasts."""

_COVERED: dict[OverlayKind, tuple[OverlayKind, ...]] = {
    "price_set": ("price_set", "price_multiply", "price_capped"),
    "price_multiply": (),
    "price_capped": (),
    "capacity": ("capacity",),
    "stuck": ("stuck", "fails"),
    "fails": ("stuck", "fails"),
    "vanish": ("vanish",),
}
"""The kinds of earlier acts that have no effect while an act of this kind lasts."""


def overlay_of(number: int, act: OverlayAct) -> Overlay:
    """The overlay of act `number`."""
    if isinstance(act, PriceAct):
        if act.set is not None:
            return number, "price_set", int(act.set)
        assert act.multiply is not None
        return number, "price_capped" if act.capped else "price_multiply", int(act.multiply)
    if isinstance(act, CapacityAct):
        return number, "capacity", act.set
    return number, act.outcome if isinstance(act, ProvisioningAct) else "vanish", 0


def laid_over(before: tuple[Overlay, ...], overlay: Overlay, *, endless: bool) -> tuple[Overlay, ...]:
    """The overlays with one more on top; one without an end replaces what it covers."""
    covered = _COVERED[overlay[1]] if endless else ()
    return (*(each for each in before if each[1] not in covered), overlay)
