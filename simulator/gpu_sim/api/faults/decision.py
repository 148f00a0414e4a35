"""Deciding the fault for a request that arrives."""

import json

from ...core.faults.injection import Injection
from ...core.scenario.fault_rules import OfferName
from ...worlds.faults import decide_fault
from ..exchange import Exchange, named_offer, rental_id_in
from .header import injection_asked_for


def may_meet_fault(exchange: Exchange) -> bool:
    """True unless it is certain that the request meets no fault, as with most: they must not pay for the others."""
    if exchange.asks_for_fault:
        return True
    faults, operation = exchange.world.faults, exchange.operation
    return (
        operation is not None
        and operation in faults.operations
        and bool(faults.candidates(operation, exchange.account).names)
    )


def decide_injection(exchange: Exchange) -> Injection | None:
    """Decide the fault for a request: the one that its header asks for, else those that the rules decide.

    Raises InvalidValue for a malformed header.
    """
    assert exchange.operation is not None
    asked = injection_asked_for(exchange.scope) if exchange.asks_for_fault else None
    if asked is not None:
        return asked
    candidates = exchange.world.faults.candidates(exchange.operation, exchange.account)
    if not candidates.names:
        return None
    # Decoding the body for its offer costs as much as the rent itself: only where some rule depends on it.
    offer, rental = _named(exchange) if candidates.need_names else (None, "")
    return decide_fault(exchange.world, exchange.operation, exchange.account, offer, rental)


def _named(exchange: Exchange) -> tuple[OfferName | None, str]:
    """The offer and the rental that a request concerns, if any: its rental, hidden or not, with that one's offer, or
    the offer that its body names."""
    if exchange.operation == "rent_gpu":
        return _offer_in(exchange.body), ""
    if exchange.operation == "list_offers":
        return None, ""
    rental = exchange.world.simulation.rentals.by_id.get(rental_id_in(exchange.scope["path"]))
    if rental is None or rental.account != exchange.account:
        return None, ""
    spec = rental.offer.spec
    return (spec.provider_id, spec.gpu_model, spec.region), rental.rental_id


def _offer_in(body: bytes) -> OfferName | None:
    try:
        decoded = json.loads(body)
    except (ValueError, RecursionError):
        return None
    provider, model, region = named_offer(decoded if isinstance(decoded, dict) else None)
    if provider is None or model is None or region is None:
        return None
    return provider, model, region
