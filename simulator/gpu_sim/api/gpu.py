"""The rental operations under /v1/gpu (F1): rent, get, terminate. The offers list is in `offers/listing.py`."""

import json
from hashlib import blake2b
from typing import Any

from ..core.commands import RentGpu, TerminateRental
from ..core.events import Reason
from ..core.kernel.errors import InvalidValue
from ..core.kernel.money import format_price, format_usd
from ..core.rentals.idempotency import Key
from ..core.rentals.rental import Rental
from ..core.rentals.transitions import Status
from ..worlds.world import World
from . import decoration
from .auth import header_values, unknown_token
from .bodies import decode_json
from .exchange import Exchange, rental_id_in
from .fields import boolean, check_fields, parse_query, positive_integer, ssh_key, text
from .replies import Headers, Reply, json_reply

_REQUIRED = dict.fromkeys(("gpu_model", "provider_id", "region", "model_id", "docker_image"), text)
_OPTIONAL = {"gpu_count": positive_integer, "ssh_key": ssh_key, "fine_tuned": boolean}
_REPLAYED: Headers = ((b"idempotent-replayed", b"true"),)


async def rent_gpu(exchange: Exchange) -> Reply:
    """Rent a GPU (F7–F10): 201 with the rental (A10), or the first answer again for a known Idempotency-Key (A17)."""
    world = exchange.world
    refuse_unknown = world.scenario.api.unknown_fields == "refuse"
    body = decode_json(exchange.scope, exchange.body)
    parse_query(exchange.scope["query_string"], (), refuse_unknown=refuse_unknown)
    fields = check_fields(body, _REQUIRED, _OPTIONAL, refuse_unknown=refuse_unknown)
    key = _idempotency_key(exchange, body)
    wants_ssh = fields.get("ssh_key") is not None
    if wants_ssh:
        # All waiting comes before the world is read: from `check` on nothing else can change what it found.
        await decoration.prepare()
        await world.catch_up()
        if exchange.account not in world.simulation.accounts:  # a reset came between
            raise unknown_token()
    once = world.string_pool.shared
    command = RentGpu(
        account=exchange.account,
        provider_id=once(fields["provider_id"]),
        gpu_model=once(fields["gpu_model"]),
        region=once(fields["region"]),
        gpu_count=fields.get("gpu_count", 1),
        model_id=once(fields["model_id"]),
        docker_image=once(fields["docker_image"]),
        fine_tuned=fields.get("fine_tuned", False),
        ssh=wants_ssh,
    )
    accepted = world.check(command, key)
    rental = world.apply(accepted)
    assert rental is not None
    exchange.rental_id = rental.rental_id
    return json_reply(201, first_view(world, rental), _REPLAYED if accepted.replayed else ())


async def get_rental(exchange: Exchange) -> Reply:
    """Answer with the rental as it is now (F12)."""
    _no_query(exchange)
    rental_id = exchange.rental_id = rental_id_in(exchange.scope["path"])
    rental = exchange.world.simulation.rentals.find(rental_id, exchange.account)
    return await _answer(exchange.world, rental)


async def terminate_rental(exchange: Exchange) -> Reply:
    """Terminate the rental and bill it (F13); one that is over already is answered unchanged (A11).

    Where an operator holds its end back, which the service never does, the answer is as always, and it goes on.
    """
    _no_query(exchange)
    rental_id = exchange.rental_id = rental_id_in(exchange.scope["path"])
    rental = exchange.world.execute(TerminateRental(exchange.account, rental_id))
    assert rental is not None
    if rental.held_delete_ms is not None and rental.terminated_ms is None:
        if rental.command.ssh:
            await decoration.prepare()
        return json_reply(200, deleted_view(exchange.world, rental))
    return await _answer(exchange.world, rental)


async def _answer(world: World, rental: Rental) -> Reply:
    if rental.command.ssh:
        await decoration.prepare()
    return json_reply(200, rental_view(world, rental))


def first_view(world: World, rental: Rental) -> dict[str, Any]:
    """The rental as it was when it was created, for the answer to a rent and to its retries (A17)."""
    if world.profile == "documented":
        return {"rental_id": rental.rental_id, "status": "provisioning"}
    return _extended(world, rental, "provisioning", None, None, None, None)


def rental_view(world: World, rental: Rental) -> dict[str, Any]:
    """The rental as it is now, in the world's profile (A18)."""
    if world.profile == "documented":
        return {"rental_id": rental.rental_id, "status": rental.status}
    return extended_view(world, rental)


def deleted_view(world: World, rental: Rental) -> dict[str, Any]:
    """A live rental as if the first DELETE that was held back had ended it."""
    if world.profile == "documented":
        return {"rental_id": rental.rental_id, "status": "terminated"}
    charge = format_usd(world.simulation.rentals.held_delete_charge_micros(rental))
    started_at = _instant(world, rental.running_ms) if rental.held_delete_ran else None
    return _extended(world, rental, "terminated", started_at, _instant(world, rental.held_delete_ms), "deleted", charge)


def extended_view(world: World, rental: Rental) -> dict[str, Any]:
    """The rental as it is now, with all fields of the extended profile (A18)."""
    return _extended(
        world,
        rental,
        rental.status,
        _instant(world, rental.running_ms),
        _instant(world, rental.terminated_ms),
        rental.reason,
        None if rental.billed_micros is None else format_usd(rental.billed_micros),
    )


def _extended(
    world: World,
    rental: Rental,
    status: Status,
    started_at: str | None,
    terminated_at: str | None,
    reason: Reason | None,
    billed: str | None,
) -> dict[str, Any]:
    spec, command = rental.offer.spec, rental.command
    view: dict[str, Any] = {
        "rental_id": rental.rental_id,
        "status": status,
        "gpu_model": spec.gpu_model,
        "provider_id": spec.provider_id,
        "region": spec.region,
        "model_id": command.model_id,
        "docker_image": command.docker_image,
        "fine_tuned": command.fine_tuned,
        "gpu_count": command.gpu_count,
        "price_per_gpu_hour": format_price(rental.price_micros_per_hour),
        "hold_amount": format_usd(rental.hold.amount_micros),
        "created_at": world.instant(rental.created_ms),
        "started_at": started_at,
        "terminated_at": terminated_at,
        "termination_reason": reason,
        "billed_amount": billed,
    }
    if command.ssh:
        view["ssh"] = decoration.ssh_access(rental.rental_id)
    return view


def _instant(world: World, at_ms: int | None) -> str | None:
    return None if at_ms is None else world.instant(at_ms)


def _no_query(exchange: Exchange) -> None:
    refuse_unknown = exchange.world.scenario.api.unknown_fields == "refuse"
    parse_query(exchange.scope["query_string"], (), refuse_unknown=refuse_unknown)


def _idempotency_key(exchange: Exchange, body: dict[str, Any]) -> Key | None:
    values = header_values(exchange.scope, b"idempotency-key")
    if not values:
        return None
    key = values[0].decode("latin-1")
    if len(values) > 1 or not 1 <= len(key) <= 255 or not key.isascii() or not key.isprintable():
        raise InvalidValue("Idempotency-Key must be 1 to 255 printable ASCII characters, once", param="Idempotency-Key")
    # The order of keys and the spaces in a body mean nothing: a retry that is encoded anew is the same request.
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return Key(key, blake2b(canonical.encode(), digest_size=16).digest())
