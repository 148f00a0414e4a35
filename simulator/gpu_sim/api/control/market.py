"""The market on the control plane: all offers, with what the API does not show, and the acts that push it."""

from collections.abc import Callable
from typing import TypeVar

from ...core.commands import PlayAct
from ...core.scenario.acts import (
    CapacityAct,
    InterruptAct,
    MarketAct,
    OutageAct,
    PriceAct,
    ProvisioningAct,
    Selector,
    VanishAct,
)
from ..exchange import Exchange, Handler
from ..replies import Reply, json_reply
from .call import body_as, enter_world, page
from .views import act_view, offer_view

_Act = TypeVar("_Act", bound=MarketAct)


async def get_market(exchange: Exchange) -> Reply:
    """All offers, listed or not, with what the API does not show; selectors provider, gpu_model, region."""
    world, query = await enter_world(exchange, "provider", "gpu_model", "region", "after", "limit")
    selector = Selector(**{name: query[name] for name in ("provider", "gpu_model", "region") if name in query})
    offers = {offer.name: offer for offer in world.simulation.market.matching(selector)}
    return page(((name, offer_view(world, offer)) for name, offer in offers.items()), query, offers)


def _begin(type_: type[_Act], command: Callable[[_Act], PlayAct]) -> Handler:
    """The handler that lets an act begin now: one of this type, as this command."""

    async def begin(exchange: Exchange) -> Reply:
        act = body_as(exchange, type_)
        world, _ = await enter_world(exchange)
        accepted = world.check(command(act))
        rentals = world.simulation.rentals
        live = sum(1 for _ in rentals.live())
        world.apply(accepted)
        ended = live - sum(1 for _ in rentals.live())
        return json_reply(201, act_view(world, act, world.simulation.timeline.acts_total - 1, ended))

    return begin


set_price = _begin(PriceAct, lambda act: PlayAct(price=act))
"""Prices are set or multiplied from now on."""

begin_outage = _begin(OutageAct, lambda act: PlayAct(outage=act))
"""Offers are out of service from now on, and what runs there is interrupted if that is asked for."""

set_capacity = _begin(CapacityAct, lambda act: PlayAct(capacity=act))
"""Offers have so many GPUs from now on."""

interrupt = _begin(InterruptAct, lambda act: PlayAct(interrupt=act))
"""The market takes a share of the rentals on some offers now."""

disturb_provisioning = _begin(ProvisioningAct, lambda act: PlayAct(provisioning=act))
"""Provisioning gets stuck or fails from now on."""

vanish = _begin(VanishAct, lambda act: PlayAct(vanish=act))
"""The API does not know the rentals on some offers from now on."""
