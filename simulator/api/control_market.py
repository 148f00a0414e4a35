"""The market on the control plane: all offers, with what the API does not show."""

from ..core.acts import Selector
from .control_request import enter, page
from .control_views import offer_view
from .front import Exchange
from .problems import Reply


async def get_market(exchange: Exchange) -> Reply:
    """All offers, listed or not, with what the API does not show; selectors provider, gpu_model, region."""
    world, query = await enter(exchange, "provider", "gpu_model", "region", "after", "limit")
    selector = Selector(**{name: query[name] for name in ("provider", "gpu_model", "region") if name in query})
    offers = {offer.name: offer for offer in world.simulation.market.matching(selector)}
    return page(((name, offer_view(world, offer)) for name, offer in offers.items()), query, offers)
