"""Names that work in a world, for the examples of documents: what is filled in there can be sent as it is."""

import re
from typing import Any

from msgspec import Raw, Struct

from ...core.kernel.money import format_price
from ...core.kernel.names import offer_name
from ...core.market.offer import Offer
from ...worlds.world import World
from ...worlds.worlds import DEFAULT_WORLD
from ..auth import header_values
from ..exchange import Exchange

_DOCUMENTED = offer_name("vast-ai", "RTX 4090", "Quebec, CA")

_is_placeholder = re.compile(r"\{(\w+)\}").fullmatch


class ExampleNames(Struct, frozen=True):
    """Names that there are in a world, or that the next call makes up."""

    server: str
    """The URL of the server as the request has it: tools that import a document want it whole."""
    world: str
    account: str
    token: str
    provider: str
    gpu_model: str
    region: str
    vram_gb: int
    """Of the offer."""
    price: str
    """Of the offer, in US dollars per GPU and hour."""
    rental: str
    """The account's newest rental that is not over, or the one that its next rent of the offer makes."""
    act: str
    """An act in force, or the one that the next outage is called."""
    fault: str
    """A fault rule, or the next that gets a name made up."""
    other_world: str
    """A world that can be deleted, or the next that gets a name made up."""
    snapshot: Raw = Raw(b"{}")
    """A snapshot that the world takes, where one was asked for that is small enough for an example."""

    def filled_in(self, example: Any) -> Any:
        """The example with these names in place of the words in braces."""
        if isinstance(example, dict):
            return {key: self.filled_in(value) for key, value in example.items()}
        if isinstance(example, list):
            return [self.filled_in(value) for value in example]
        found = _is_placeholder(example) if isinstance(example, str) else None
        return example if found is None else getattr(self, found[1])


def example_names(exchange: Exchange, world: World) -> ExampleNames:
    """The names that work now: of an offer that is listed, and of an account that can pay for it."""
    worlds, simulation = exchange.worlds, world.simulation
    offer = _offer(world)
    account = _account(world, offer.price_micros_per_hour)
    spec = offer.spec
    live = [rental.rental_id for rental in simulation.rentals.live_of(account)]
    acts = [act.name for act in simulation.timeline.in_force]
    rules = [state.rule.name for state in world.faults.state()]
    others = [name for name in worlds.by_name if name != DEFAULT_WORLD]
    return ExampleNames(
        server=_server(exchange),
        world=world.name,
        account=account,
        token=worlds.keyring.tokens_of(world).get(account, ""),
        provider=spec.provider_id,
        gpu_model=spec.gpu_model,
        region=spec.region,
        vram_gb=spec.vram_gb,
        price=format_price(offer.price_micros_per_hour),
        rental=live[-1] if live else simulation.rentals.next_id(account, offer.name),
        act=acts[0] if acts else f"outage-{simulation.timeline.acts_total}",
        fault=rules[0] if rules else "fault-1",
        other_world=others[-1] if others else "world-1",
    )


def _server(exchange: Exchange) -> str:
    hosts = header_values(exchange.scope, b"host")
    scheme: str = exchange.scope.get("scheme", "http")
    return f"{scheme}://{hosts[0].decode('latin-1')}" if hosts else "/"


def _account(world: World, wanted_micros: int) -> str:
    """The first account that can spend so much, or else the one that can spend most; empty where there is none."""
    accounts, available = world.simulation.accounts, world.simulation.ledger.available
    able = (name for name in accounts if available(name) >= wanted_micros)
    return next(able, max(accounts, key=available, default=""))


def _offer(world: World) -> Offer:
    """The documented offer (F4) if it is listed, else the cheapest that is, or the cheapest of all where none is."""
    return min(
        world.simulation.market.offers,
        key=lambda offer: (not offer.is_listed, offer.name != _DOCUMENTED, offer.price_micros_per_hour),
    )
