"""The market on the control plane: all offers, with what the API does not show, and the acts that push it."""

from typing import Any

from ..core.acts import (
    CapacityAct,
    InterruptAct,
    MarketAct,
    OutageAct,
    PriceAct,
    ProvisioningAct,
    Selector,
    VanishAct,
)
from ..core.commands import PlayAct
from .control_request import body_as, enter, page
from .control_views import act_view, offer_view
from .exchange import Exchange
from .replies import Reply, json_reply


async def get_market(exchange: Exchange) -> Reply:
    """All offers, listed or not, with what the API does not show; selectors provider, gpu_model, region."""
    world, query = await enter(exchange, "provider", "gpu_model", "region", "after", "limit")
    selector = Selector(**{name: query[name] for name in ("provider", "gpu_model", "region") if name in query})
    offers = {offer.name: offer for offer in world.simulation.market.matching(selector)}
    return page(((name, offer_view(world, offer)) for name, offer in offers.items()), query, offers)


async def set_price(exchange: Exchange) -> Reply:
    """Prices are set or multiplied from now on."""
    return await _play(exchange, PriceAct)


async def begin_outage(exchange: Exchange) -> Reply:
    """Offers are out of service from now on, and what runs there is interrupted if that is asked for."""
    return await _play(exchange, OutageAct)


async def set_capacity(exchange: Exchange) -> Reply:
    """Offers have so many GPUs from now on."""
    return await _play(exchange, CapacityAct)


async def interrupt(exchange: Exchange) -> Reply:
    """The market takes a share of the rentals on some offers now."""
    return await _play(exchange, InterruptAct)


async def disturb_provisioning(exchange: Exchange) -> Reply:
    """Provisioning gets stuck or fails from now on."""
    return await _play(exchange, ProvisioningAct)


async def vanish(exchange: Exchange) -> Reply:
    """The API does not know the rentals on some offers from now on."""
    return await _play(exchange, VanishAct)


async def _play(exchange: Exchange, kind: type[MarketAct]) -> Reply:
    act = body_as(exchange, kind)
    world, _ = await enter(exchange)
    given: dict[str, Any] = {kind.KIND: act}
    accepted = world.check(PlayAct(**given))
    rentals = world.simulation.rentals
    live = sum(1 for _ in rentals.live())
    world.apply(accepted)
    ended = live - sum(1 for _ in rentals.live())
    return json_reply(201, act_view(world, act, world.simulation.timeline.acts_total - 1, ended))
