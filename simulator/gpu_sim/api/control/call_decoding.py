"""Decoding of a control call: its world, its query, and its body."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, overload

import msgspec
from msgspec import Struct

from ...core.kernel.errors import InvalidValue, Refusal
from ...core.kernel.names import did_you_mean
from ...notation import decode_quantity
from ...type_errors import parse_type_error
from ...worlds.world import World
from ..bodies import check_media, decode_json
from ..exchange import Exchange
from ..problems import MissingField, UnknownField, WorldRequired
from ..queries.parameters import WorldQuery
from ..queries.query_decoding import decode_query

WORLDS_NAMED_MAX = 10

_T = TypeVar("_T", bound=Struct)
_Query = TypeVar("_Query", bound=WorldQuery)


class EmptyBody(Struct, forbid_unknown_fields=True):
    """A body without fields."""


@overload
async def enter_world(exchange: Exchange) -> tuple[World, WorldQuery]: ...


@overload
async def enter_world(exchange: Exchange, type_: type[_Query]) -> tuple[World, _Query]: ...


async def enter_world(exchange: Exchange, type_: type[WorldQuery] = WorldQuery) -> tuple[World, WorldQuery]:
    """Find the call's world as `select_world` does, let it catch up, and return it with the query."""
    query = select_world(exchange, type_)
    await exchange.world.catch_up()
    return exchange.world, query


@overload
def select_world(exchange: Exchange, *, required: bool = True) -> WorldQuery: ...


@overload
def select_world(exchange: Exchange, type_: type[_Query], *, required: bool = True) -> _Query: ...


def select_world(exchange: Exchange, type_: type[WorldQuery] = WorldQuery, *, required: bool = True) -> WorldQuery:
    """Find the call's world and return its query: `?world=` wins, then the token's, then the only one.

    Raises what `decode_query` raises, WorldNotFound or, where a world is required, WorldRequired.
    """
    query = query_as(exchange, type_)
    if query.world is not None:
        exchange.enter(exchange.worlds.find(query.world))
    elif required and len(exchange.worlds.by_name) > 1 and not exchange.account:
        raise WorldRequired(_which_world(list(exchange.worlds.by_name)), param="world")
    return query


def query_as(exchange: Exchange, type_: type[_T]) -> _T:
    """Decode the query. Raises what `decode_query` raises."""
    return decode_query(exchange.scope["query_string"], type_)


def _which_world(names: list[str]) -> str:
    """The complaint that a call may be about any of these worlds, with the first of them."""
    shown, more = ", ".join(names[:WORLDS_NAMED_MAX]), len(names) - WORLDS_NAMED_MAX
    there = f"{shown} and {more} more, which GET /_sim/worlds lists" if more > 0 else shown
    return f"there is more than one world, {there}: say which with ?world= or with the bearer token of an account of it"


def body_as(
    exchange: Exchange, type_: type[_T], *, write_out: Callable[[dict[str, Any]], Mapping[str, str]] = lambda _: {}
) -> _T:
    """Decode the body as a struct; no body counts as an empty object. `write_out` expands its shorthands, and returns
    for each place that it made the one that the client wrote.

    Raises UnknownField, MissingField or InvalidValue.
    """
    # The document of the control plane describes what the table of calls declares.
    assert type_ is exchange.body_type, f"the table of calls declares another body than {type_.__name__}"
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
            return UnknownField(f'no field "{name}"{problem.hint(problem.known(type_))}', param=name)
        case "missing_field":
            return MissingField(f"{name} is required", param=name)
        case "unknown_value":
            known = problem.known(type_)
            return InvalidValue(f'"{name}" is not among {", ".join(known)}{did_you_mean(name, known)}', param=place)
    return InvalidValue(problem.reason, param=place)
