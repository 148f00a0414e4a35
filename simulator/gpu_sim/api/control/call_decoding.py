"""Decoding of a control call: its world, its query, and its body."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from ...core.kernel.errors import InvalidValue, Refusal
from ...core.kernel.names import did_you_mean
from ...notation import decode_quantity
from ...type_errors import parse_type_error
from ...worlds.world import World
from ..bodies import check_media, decode_json
from ..exchange import Exchange
from ..fields import parse_query
from ..problems import MissingField, UnknownField, WorldRequired

PAGE_DEFAULT = 100

_T = TypeVar("_T", bound=Struct)


class EmptyBody(Struct, forbid_unknown_fields=True):
    """A body without fields."""


async def enter_world(exchange: Exchange, *parameters: str) -> tuple[World, dict[str, str]]:
    """Find the call's world as `select_world` does, let it catch up, and return it with the query."""
    query = select_world(exchange, *parameters)
    await exchange.world.catch_up()
    return exchange.world, query


def select_world(exchange: Exchange, *parameters: str, required: bool = True) -> dict[str, str]:
    """Find the call's world and return the rest of the query: `?world=` wins, then the token's, then the only one.

    Raises UnknownParameter, WorldNotFound or, where a world is required, WorldRequired.
    """
    query = parse_query(exchange.scope["query_string"], ("world", *parameters), refuse_unknown=True)
    name = query.pop("world", None)
    if name is not None:
        exchange.world = exchange.worlds.find(name)
    elif required and len(exchange.worlds.by_name) > 1 and not exchange.account:
        raise WorldRequired("there is more than one world: send a token or ?world=", param="world")
    return query


def body_as(
    exchange: Exchange, type_: type[_T], *, write_out: Callable[[dict[str, Any]], Mapping[str, str]] = lambda _: {}
) -> _T:
    """Decode the body as a struct; no body counts as an empty object. `write_out` expands its shorthands, and returns
    for each place that it made the one that the client wrote.

    Raises UnknownField, MissingField or InvalidValue.
    """
    decoded = _decoded(exchange) if exchange.body else {}
    written = write_out(decoded)
    try:
        return msgspec.convert(decoded, type_, dec_hook=decode_quantity)
    except msgspec.ValidationError as error:
        raise _refusal(str(error), type_, written) from None


def _decoded(exchange: Exchange) -> dict[str, Any]:
    if exchange.parsed is None:
        return decode_json(exchange.scope, exchange.body)
    check_media(exchange.scope)
    if isinstance(exchange.parsed, Refusal):
        raise exchange.parsed
    return exchange.parsed


def _refusal(
    message: str, type_: type[Struct], written: Mapping[str, str]
) -> UnknownField | MissingField | InvalidValue:
    problem = parse_type_error(message)
    name = problem.name
    place = written.get(problem.place, problem.place) or None
    match problem.kind:
        case "unknown_field":
            return UnknownField(f'no field "{name}"{did_you_mean(name, problem.known(type_))}', param=name)
        case "missing_field":
            return MissingField(f"{name} is required", param=name)
        case "unknown_value":
            known = problem.known(type_)
            return InvalidValue(f'"{name}" is not among {", ".join(known)}{did_you_mean(name, known)}', param=place)
    return InvalidValue(problem.reason, param=place)


def window(query: dict[str, str]) -> tuple[int, int]:
    """The `after` and `limit` of a query over a numbered list. Raises InvalidValue."""
    return whole_number(query, "after", 0), limit_of(query)


def limit_of(query: dict[str, str]) -> int:
    """The `limit` of a query over a list. Raises InvalidValue."""
    return whole_number(query, "limit", PAGE_DEFAULT)


def whole_number(query: dict[str, str], name: str, default: int) -> int:
    """A query parameter that is a whole number. Raises InvalidValue."""
    given = query.get(name)
    if given is None:
        return default
    if not (given.isascii() and given.isdigit() and len(given) <= 15):  # far below 2**63, which indexes want
        raise InvalidValue(f"{name} must be a whole number", param=name)
    return int(given)
