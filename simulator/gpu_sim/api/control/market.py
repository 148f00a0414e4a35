"""The market on the control plane: its offers, with fields that the API does not show, and acts that begin now."""

from collections.abc import Callable
from typing import TypeVar

from ...core.commands import PlayAct
from ...core.kernel.errors import InvalidValue
from ...core.market.market import Market
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
from ..queries.list_queries import MarketQuery, OfferFilters
from ..replies import Reply, json_reply
from .call_decoding import body_as, enter_world
from .lists import Listed, list_reply, place_of_name
from .views import act_view, offer_view

_Act = TypeVar("_Act", bound=MarketAct)


async def get_market(exchange: Exchange) -> Reply:
    """List all offers, listed or not, by provider, gpu_model and region, with fields that the API does not show."""
    world, query = await enter_world(exchange, MarketQuery)

    def listed() -> Listed[Offer]:
        market = world.simulation.market
        return Listed(
            market.offers,
            lambda _, offer: offer_view(world, offer),
            lambda _, offer: offer.name,
            place_of_name(query.after, [offer.name for offer in market.offers]) if query.after else None,
            passes=offer_filter(market, query),
        )

    return await list_reply(world, query, listed)


def offer_filter(market: Market, filters: OfferFilters) -> Callable[[Offer], bool] | None:
    """The condition that an offer has these names; None where none is given. Raises InvalidValue for a name that no
    offer has, with the nearest that there is."""
    names = (("provider_id", filters.provider), ("gpu_model", filters.gpu_model), ("region", filters.region))
    chosen = [(field, name) for field, name in names if name is not None]
    for field, name in chosen:
        key = field.removesuffix("_id")
        problem = market.names.unknown(field, name, key=key)
        if problem is not None:
            raise InvalidValue(problem, param=key)
    selector = Selector(provider=filters.provider, gpu_model=filters.gpu_model, region=filters.region)
    if not chosen:
        return None
    return lambda offer: selector.matches(offer.spec.provider_id, offer.spec.gpu_model, offer.spec.region)


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
