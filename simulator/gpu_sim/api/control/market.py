"""The market on the control plane: its offers, with fields that the API does not show, and acts that begin now."""

from collections.abc import Callable
from typing import TypeVar

from ...core.commands import PlayAct
from ...core.market.offer import Offer
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
from ..queries.list_queries import MarketQuery
from ..replies import Reply, json_reply
from .call_decoding import body_as, enter_world
from .lists import page
from .views import act_view, offer_view

_Act = TypeVar("_Act", bound=MarketAct)


async def get_market(exchange: Exchange) -> Reply:
    """List all offers, listed or not, by provider, gpu_model and region, with fields that the API does not show."""
    world, query = await enter_world(exchange, MarketQuery)
    selector = Selector(provider=query.provider, gpu_model=query.gpu_model, region=query.region)

    def offers() -> dict[str, Offer]:
        return {offer.name: offer for offer in world.simulation.market.matching(selector)}

    return await page(world, query, offers, lambda _, offer: offer_view(world, offer))


def _begin(type_: type[_Act], command: Callable[[_Act], PlayAct]) -> Handler:
    """Make the handler that begins an act of this type now, through this command."""

    async def begin(exchange: Exchange) -> Reply:
        act = body_as(exchange, type_)
        world, _ = await enter_world(exchange)
        accepted = world.check(command(act))
        # Rentals that the act ends are counted by those that are left: an act reports nothing, its events do.
        rentals = world.simulation.rentals
        live = sum(1 for _ in rentals.live())
        world.apply(accepted)
        ended = live - sum(1 for _ in rentals.live())
        return json_reply(201, act_view(world, act, world.simulation.timeline.acts_total - 1, ended))

    return begin


set_price = _begin(PriceAct, lambda act: PlayAct(price=act))
"""Set or multiply prices from now on."""

begin_outage = _begin(OutageAct, lambda act: PlayAct(outage=act))
"""Take offers out of service from now on, and interrupt their rentals if asked to."""

set_capacity = _begin(CapacityAct, lambda act: PlayAct(capacity=act))
"""Set the capacity of offers from now on."""

interrupt = _begin(InterruptAct, lambda act: PlayAct(interrupt=act))
"""Interrupt a share of the rentals on some offers now."""

disturb_provisioning = _begin(ProvisioningAct, lambda act: PlayAct(provisioning=act))
"""Make provisioning get stuck or fail from now on."""

vanish = _begin(VanishAct, lambda act: PlayAct(vanish=act))
"""Hide the rentals on some offers from the API from now on."""
