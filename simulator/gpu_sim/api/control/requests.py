"""The request log on the control plane: listing requests, and verifying that clients made those expected."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, TypeVar

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict

from ...core.kernel.clock import format_instant
from ...core.kernel.errors import InvalidValue
from ...core.kernel.one_of import not_exactly_one
from ...wall_clock import Slice
from ...worlds.request_log import KeptRequest, RequestLog
from ...worlds.world import World
from ..exchange import Exchange
from ..problems import NotHeld, RequestLogOff
from ..queries.list_queries import RequestsQuery
from ..queries.page import place_of_number
from ..queries.since import Since
from ..replies import Reply, json_reply
from ..request_log.logged_request import LoggedRequest, logged_request
from ..request_log.redaction import Redactor
from ..request_log.request_match import Match, Mismatch, shortened
from .answers.requests import Held
from .call_decoding import body_as, select_world
from .lists import Listed, all_of, check_accounts, list_reply, numbered_end

# Bounds of an answer, whatever the size of the log: a person or a test's failure message has to take it in.
NEAREST_SHOWN_MAX = 5
MISMATCHES_SHOWN_MAX = 20
SEQS_SHOWN_MAX = 100
_REQUESTS_PER_TURN = 100
_T = TypeVar("_T")
_NumberedRequests = tuple[tuple[int, KeptRequest], ...]
"""Requests of a log with their sequence numbers."""


class Verify(Struct, forbid_unknown_fields=True):
    """An expectation of the request log: a number of requests like `match`, at least one by default, or requests like
    those of `in_order`, one after the other, with any others in between."""

    match: Match | None = None
    in_order: list[Match] | None = None
    at_least: int | None = None
    at_most: int | None = None
    exactly: int | None = None

    def __post_init__(self) -> None:
        counts = (self.at_least, self.at_most, self.exactly)
        if not_exactly_one(match=self.match, in_order=self.in_order):
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
        """The least and the greatest number of requests expected; None for no upper bound."""
        if self.exactly is not None:
            return self.exactly, self.exactly
        least = self.at_least if self.at_least is not None else 1 if self.at_most is None else 0
        return least, self.at_most


class RequestLogs:
    """Serves the request logs of the worlds of one server."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    async def list_requests(self, exchange: Exchange) -> Reply:
        """List the requests in the log that pass the query's filters; `dropped` are those no longer in it."""
        query = select_world(exchange, RequestsQuery)
        log = _log_of(exchange.world)
        wanted = _wanted(exchange, query)

        def passes(kept: KeptRequest) -> bool:
            return not wanted.mismatches(logged_request(0, kept, self._redactor))

        def listed() -> Listed[KeptRequest]:
            world = exchange.world
            requests, dropped = [kept for _, kept in log.numbered()], log.dropped
            return Listed(
                requests,
                lambda index, kept: logged_request(dropped + index + 1, kept, self._redactor),
                lambda index, _: dropped + index + 1,
                place_of_number(query.after, dropped + 1, len(requests)),
                passes=all_of(_since(query.since, world), passes if wanted != Match() else None),
                end=numbered_end(log.total, dropped),
            )

        return await list_reply(exchange.world, query, listed)

    async def verify_requests(self, exchange: Exchange) -> Reply:
        """Verify an expectation: 200 with `held`, the number that `matched`, and the `seqs` of the first 100 of them.

        Raises NotHeld (409) otherwise, with `matched`, `seqs` and the `nearest` requests: those with the fewest
        `mismatches` first, of each the first 20, values above 256 characters cut to the beginning of their JSON.

        `dropped` is the number of requests no longer in the log. All expectations, `exactly`, `at_most` and `in_order`
        too, are judged by the log as it is; nothing is known of the dropped ones.
        """
        wanted = body_as(exchange, Verify)
        select_world(exchange)
        log = _log_of(exchange.world)
        # A copy: the log moves on while other requests are served, and two passes must see the same requests.
        kept, dropped = tuple(log.numbered()), log.dropped
        if wanted.match is not None:
            return await self._verify_number(wanted.match, wanted.bounds, kept, dropped)
        assert wanted.in_order is not None
        return await self._verify_order(wanted.in_order, kept, dropped)

    async def _verify_number(
        self, match: Match, bounds: tuple[int, int | None], kept: _NumberedRequests, dropped: int
    ) -> Reply:
        seqs: list[int] = []
        nearest = _NearestRequests()
        async for request in self._shown(kept):
            mismatches = match.mismatches(request)
            if mismatches:
                nearest.add(mismatches, request)
            else:
                seqs.append(request.seq)
        least, most = bounds
        if len(seqs) >= least and (most is None or len(seqs) <= most):
            return _held(seqs, dropped)
        too_few = f"at least {least}" if len(seqs) < least else f"at most {most}"
        expected = f"exactly {least}" if least == most else too_few
        raise NotHeld(f"{expected} expected, {len(seqs)} found", findings=nearest.findings(seqs, dropped))

    async def _verify_order(self, in_order: list[Match], kept: _NumberedRequests, dropped: int) -> Reply:
        seqs: list[int] = []
        async for request in self._shown(kept):
            if not in_order[len(seqs)].mismatches(request):
                seqs.append(request.seq)
                if len(seqs) == len(in_order):
                    return _held(seqs, dropped)
        last = seqs[-1] if seqs else 0
        nearest = _NearestRequests()
        async for request in self._shown(kept):
            mismatches = in_order[len(seqs)].mismatches(request)
            if request.seq <= last:
                mismatches.append(Mismatch("seq", f"above {last}", request.seq))
            nearest.add(mismatches, request)
        raise NotHeld(
            f"{len(in_order)} requests in this order expected, only the first {len(seqs)} found",
            findings=nearest.findings(seqs, dropped),
        )

    async def _shown(self, kept: Iterable[tuple[int, KeptRequest]]) -> AsyncIterator[LoggedRequest]:
        """Turn logged requests into the form in which they are shown, with turns for other requests in between."""
        slice_ = Slice()
        for count, (seq, request) in enumerate(kept):
            yield logged_request(seq, request, self._redactor)
            if count % _REQUESTS_PER_TURN == 0 or slice_.is_over():
                await asyncio.sleep(0)
                slice_ = Slice()


class _NearestRequests:
    """The few unexpected requests with the fewest mismatches, earlier ones first among equals."""

    def __init__(self) -> None:
        self._found: list[tuple[list[Mismatch], LoggedRequest]] = []

    def add(self, mismatches: list[Mismatch], request: LoggedRequest) -> None:
        """Take in a request with its mismatches."""
        self._found.append((mismatches, request))
        self._found.sort(key=lambda pair: len(pair[0]))
        del self._found[NEAREST_SHOWN_MAX:]

    def findings(self, seqs: list[int], dropped: int) -> dict[str, Any]:
        """The fields of NotHeld: the requests that matched, and the nearest ones."""
        return {
            "matched": len(seqs),
            "seqs": seqs[:SEQS_SHOWN_MAX],
            "dropped": dropped,
            "nearest": [
                {**asdict(request), "mismatches": [shortened(each) for each in mismatches[:MISMATCHES_SHOWN_MAX]]}
                for mismatches, request in self._found
            ],
        }


def _held(seqs: list[int], dropped: int) -> Reply:
    return json_reply(200, Held(True, len(seqs), seqs[:SEQS_SHOWN_MAX], dropped))


def _log_of(world: World) -> RequestLog:
    if not world.requests.limit:
        raise RequestLogOff("no requests are kept: the server runs with --request-log 0")
    return world.requests


def _wanted(exchange: Exchange, query: RequestsQuery) -> Match:
    """The match that a query's filters stand for. Raises InvalidValue or AccountNotFound."""
    world = exchange.world
    status, account = query.status, query.account
    if account is not None:
        check_accounts(world.simulation, (account,))
    if None not in (query.rental, query.rental_id):
        raise InvalidValue("rental and rental_id are the same: give one of them", param="rental")
    if query.token is not None:
        place = exchange.worlds.keyring.place(query.token)
        if place is None or place.world is not world or account not in (None, place.account):
            raise InvalidValue("no account of this world that is asked for has the token", param="token")
        account = place.account
    try:
        return Match(
            operation=_given(query.operation),
            account=_given(account),
            status=UNSET if status is None else int(status) if status.isascii() and status.isdigit() else status,
            fault=_given(query.fault),
            rental=_given(query.rental if query.rental_id is None else query.rental_id),
        )
    except ValueError as error:
        raise InvalidValue(str(error), param="status") from None


def _given(value: _T | None) -> _T | UnsetType:
    return UNSET if value is None else value


def _since(since: Since | None, world: World) -> Callable[[KeptRequest], bool] | None:
    """The condition that a request was answered at `since` or later. Their times need not be in order: a restored
    snapshot leaves the log as it is."""
    if since is None:
        return None
    simulation = world.simulation
    earliest_ms = since.in_ms(now_ms=simulation.now_ms, start_epoch_ms=simulation.start_epoch_ms)
    earliest = format_instant(max(0, simulation.start_epoch_ms + earliest_ms))
    return lambda kept: kept.at >= earliest
