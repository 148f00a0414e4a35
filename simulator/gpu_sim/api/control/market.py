"""The market on the control plane: its offers, with fields that the API does not show, and acts that begin now."""

from collections.abc import Callable, Iterator
from typing import Literal, TypeVar

from ...core.commands import EndAct, PlayAct
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
    ends_ms,
)
from ...worlds.world import World
from ..exchange import Exchange, Handler
from ..queries.list_queries import ActsQuery, MarketQuery, OfferFilters
from ..replies import Reply, json_reply
from .call_decoding import EmptyBody, body_as, enter_world
from .lists import Listed, cursor, list_reply, place_of_cursor, place_of_name
from .views import ListedAct, act_view, listed_act_view, offer_view

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


async def list_acts(exchange: Exchange) -> Reply:
    """List the acts on offers that are in force in the order in which they began, or those of the timeline to come."""
    world, query = await enter_world(exchange, ActsQuery)

    def listed() -> Listed[ListedAct]:
        market = world.simulation.market
        is_meant = offer_filter(market, query)
        is_in_force = query.state == "in_force"
        acts = list(_in_force(world) if is_in_force else _to_come(world))
        # Acts are in force in the order in which they began, and to come in that of the timeline.
        numbers = {act.name: (act.since_ms, act.number) if is_in_force else (act.number,) for act in acts}

        def passes(act: ListedAct) -> bool:
            return query.kind in (None, act.act.KIND) and (
                is_meant is None or any(map(is_meant, market.matching(act.act)))
            )

        return Listed(
            acts,
            lambda _, act: listed_act_view(world, act),
            lambda _, act: cursor(act.name, numbers[act.name]),
            place_of_cursor(query.after, numbers),
            passes=passes,
        )

    return await list_reply(world, query, listed)


async def get_act(exchange: Exchange) -> Reply:
    """Look at an act in force, by its name."""
    world, _ = await enter_world(exchange)
    name = exchange.scope["path_params"]["name"]
    world.simulation.timeline.check_end(name)
    return json_reply(200, listed_act_view(world, next(act for act in _in_force(world) if act.name == name)))


async def end_act(exchange: Exchange) -> Reply:
    """End an act in force before its time, by its name."""
    body_as(exchange, EmptyBody)
    world, _ = await enter_world(exchange)
    world.execute(EndAct(exchange.scope["path_params"]["name"]))
    return Reply(204, b"")


def _in_force(world: World) -> Iterator[ListedAct]:
    for act in world.simulation.timeline.in_force:
        source: Literal["call", "timeline"] = "call" if isinstance(act.source, PlayAct) else "timeline"
        yield ListedAct(act.name, act.number, act.act, "in_force", source, act.since_ms, act.until_ms)


def _to_come(world: World) -> Iterator[ListedAct]:
    for number, name, act in world.simulation.timeline.to_come():
        assert act.market_act is not None
        until_ms = ends_ms(act.market_act, act.at)
        yield ListedAct(name, number, act.market_act, "scheduled", "timeline", act.at, until_ms)


def _begin(type_: type[_Act], command: Callable[[_Act], PlayAct]) -> Handler:
    """Make the handler that begins an act of this type now, through this command."""

    async def begin(exchange: Exchange) -> Reply:
        act = body_as(exchange, type_)
        world, _ = await enter_world(exchange)
        accepted = world.check(command(act))
        # What the act does to rentals is counted by what is left: an act reports nothing, its events do, and they may
        # be dropped at once.
        rentals = world.simulation.rentals
        told = {rental.rental_id: rental.interrupts_ms for rental in rentals.live()}
        scripted = {rental.rental_id for rental in rentals.live() if rental.forced_end_ms is not None}
        world.apply(accepted)
        left = list(rentals.live())
        notified = sum(each.interrupts_ms not in (None, told[each.rental_id]) for each in left)
        withdrawn = sum(each.forced_end_ms is None and each.rental_id in scripted for each in left)
        ended = len(told) - len(left)
        view = act_view(world, act, accepted.act_plan, ended=ended, notified=notified, withdrawn=withdrawn)
        return json_reply(201, view)

    return begin


set_price = _begin(PriceAct, lambda act: PlayAct(price=act))
"""Set or multiply prices from now on."""

begin_outage = _begin(OutageAct, lambda act: PlayAct(outage=act))
"""Take offers out of service from now on, and interrupt their rentals if asked to."""

set_capacity = _begin(CapacityAct, lambda act: PlayAct(capacity=act))
"""Set the capacity of offers from now on."""

interrupt = _begin(InterruptAct, lambda act: PlayAct(interrupt=act))
"""Interrupt a share of the rentals on some offers, or so many of them, each at the end of its notice."""

disturb_provisioning = _begin(ProvisioningAct, lambda act: PlayAct(provisioning=act))
"""Make provisioning get stuck or fail from now on."""

vanish = _begin(VanishAct, lambda act: PlayAct(vanish=act))
"""Hide the rentals on some offers from the API from now on."""
