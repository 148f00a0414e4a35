"""The request log on the control plane: what clients asked for, and whether that is what was expected of them."""

import asyncio
from collections.abc import AsyncIterator, Collection
from typing import Any, get_args

from msgspec import UNSET, Struct
from msgspec.structs import asdict

from ..core.errors import AccountNotFound, InvalidValue
from ..core.fault_rules import Operation
from ..core.names import did_you_mean
from ..world import World
from .control_request import body_as, select, window
from .front import Exchange
from .logged_request import LoggedRequest, logged_request
from .problems import NotHeld, Reply, RequestLogOff, json_reply
from .redaction import Redactor
from .request_match import Match, Mismatch

NEAREST_SHOWN_MAX = 5
SEQS_SHOWN_MAX = 100
_REQUESTS_PER_TURN = 100
_FILTERS = ("operation", "account", "token", "status", "fault", "rental")


class Verify(Struct, forbid_unknown_fields=True):
    """What to verify: that so many requests are like `match`, at least one unless said otherwise, or that there are
    requests like those of `in_order`, one after the other, whatever came between."""

    match: Match | None = None
    in_order: list[Match] | None = None
    at_least: int | None = None
    at_most: int | None = None
    exactly: int | None = None

    def __post_init__(self) -> None:
        counts = (self.at_least, self.at_most, self.exactly)
        if (self.match is None) == (self.in_order is None):
            raise ValueError("give either match or in_order")
        if self.in_order is not None and counts != (None, None, None):
            raise ValueError("at_least, at_most and exactly go with match")
        if self.in_order == []:
            raise ValueError("in_order needs at least one request")
        if self.exactly is not None and (self.at_least, self.at_most) != (None, None):
            raise ValueError("exactly goes alone")
        if any(count is not None and count < 0 for count in counts):
            raise ValueError("a number of requests is at least 0")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("at_least is above at_most")

    @property
    def bounds(self) -> tuple[int, int | None]:
        """At least and at most how many requests there should be."""
        if self.exactly is not None:
            return self.exactly, self.exactly
        least = self.at_least if self.at_least is not None else 1 if self.at_most is None else 0
        return least, self.at_most


async def list_requests(exchange: Exchange) -> Reply:
    """The requests that are kept, oldest first: all, or those that the query asks for.

    `total` is the number of the latest, `dropped` how many are no longer kept.
    """
    query = select(exchange, *_FILTERS, "after", "limit")
    world = _logging_world(exchange)
    after, limit = window(query)
    wanted = _wanted(world, query)
    shown: list[LoggedRequest] = []
    if limit:
        async for request in _requests(exchange, world, after):
            if not wanted.mismatches(request):
                shown.append(request)
                if len(shown) == limit:
                    break
    return json_reply(200, {"data": shown, "total": world.requests.total, "dropped": world.requests.dropped})


async def verify_requests(exchange: Exchange) -> Reply:
    """200 where it holds: `held`, how many `matched`, and the `seqs` of the first 100 of them. Raises NotHeld (409)
    where not, with `matched`, `seqs` and the `nearest` requests: those with the fewest `mismatches` first.

    `dropped` says how many requests are no longer kept, of which nothing is known.
    """
    wanted = body_as(exchange, Verify)
    select(exchange)
    world = _logging_world(exchange)
    requests = [request async for request in _requests(exchange, world, 0)]
    dropped = requests[0].seq - 1 if requests else world.requests.total
    if wanted.match is not None:
        return _verify_number(wanted.match, wanted.bounds, requests, dropped)
    assert wanted.in_order is not None
    return _verify_order(wanted.in_order, requests, dropped)


def _verify_number(match: Match, bounds: tuple[int, int | None], requests: list[LoggedRequest], dropped: int) -> Reply:
    found = [(match.mismatches(request), request) for request in requests]
    seqs = [request.seq for mismatches, request in found if not mismatches]
    least, most = bounds
    if len(seqs) >= least and (most is None or len(seqs) <= most):
        return _held(seqs, dropped)
    expected = f"exactly {least}" if least == most else f"at least {least}" if len(seqs) < least else f"at most {most}"
    raise NotHeld(
        f"{expected} expected, {len(seqs)} found",
        findings=_findings(seqs, dropped, [pair for pair in found if pair[0]]),
    )


def _verify_order(in_order: list[Match], requests: list[LoggedRequest], dropped: int) -> Reply:
    seqs: list[int] = []
    for request in requests:
        if len(seqs) < len(in_order) and not in_order[len(seqs)].mismatches(request):
            seqs.append(request.seq)
    if len(seqs) == len(in_order):
        return _held(seqs, dropped)
    last = seqs[-1] if seqs else 0
    found = []
    for request in requests:
        mismatches = in_order[len(seqs)].mismatches(request)
        if request.seq <= last:
            mismatches.append(Mismatch("seq", f"above {last}", request.seq))
        found.append((mismatches, request))
    raise NotHeld(
        f"{len(in_order)} requests in this order expected, only the first {len(seqs)} found",
        findings=_findings(seqs, dropped, found),
    )


def _held(seqs: list[int], dropped: int) -> Reply:
    return json_reply(200, {"held": True, "matched": len(seqs), "seqs": seqs[:SEQS_SHOWN_MAX], "dropped": dropped})


def _findings(seqs: list[int], dropped: int, found: Collection[tuple[list[Mismatch], LoggedRequest]]) -> dict[str, Any]:
    nearest = sorted(found, key=lambda pair: len(pair[0]))[:NEAREST_SHOWN_MAX]
    return {
        "matched": len(seqs),
        "seqs": seqs[:SEQS_SHOWN_MAX],
        "dropped": dropped,
        "nearest": [{**asdict(request), "mismatches": mismatches} for mismatches, request in nearest],
    }


def _logging_world(exchange: Exchange) -> World:
    if not exchange.world.requests.limit:
        raise RequestLogOff("no requests are kept: the server runs with --request-log 0")
    return exchange.world


def _wanted(world: World, query: dict[str, str]) -> Match:
    """What the filters of a query ask for. Raises InvalidValue or AccountNotFound."""
    operation, status, account = query.get("operation"), query.get("status"), query.get("account")
    operations = get_args(Operation)
    if operation is not None and operation not in operations:
        raise InvalidValue(f'no operation "{operation}"{did_you_mean(operation, operations)}', param="operation")
    accounts = world.simulation.accounts
    if account is not None and account not in accounts:
        raise AccountNotFound(f'no account "{account}"{did_you_mean(account, accounts)}', param="account")
    if "token" in query:
        owner = world.tokens.get(query["token"])
        if owner is None or account not in (None, owner):
            raise InvalidValue("no account of this world that is asked for has the token", param="token")
        account = owner
    try:
        return Match(
            operation=operation if operation is not None else UNSET,  # type: ignore[arg-type]  # one of them, as just seen
            account=account if account is not None else UNSET,
            status=UNSET if status is None else int(status) if status.isascii() and status.isdigit() else status,
            fault=query.get("fault", UNSET),
            rental=query.get("rental", UNSET),
        )
    except ValueError as error:
        raise InvalidValue(str(error), param="status") from None


async def _requests(exchange: Exchange, world: World, after: int) -> AsyncIterator[LoggedRequest]:
    """The requests that are kept now, after the one with that number; others are served meanwhile."""
    redactor = Redactor(exchange.worlds)
    for count, (seq, logged) in enumerate(world.requests.numbered()):
        if seq > after:
            yield logged_request(seq, logged, redactor)
        if count % _REQUESTS_PER_TURN == 0:
            await asyncio.sleep(0)
