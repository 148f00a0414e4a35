"""The request log on the control plane: listing requests, and verifying that clients made those expected."""

import asyncio
from collections.abc import Callable, Iterable
from typing import TypeVar

from msgspec import UNSET, UnsetType

from ...core.kernel.clock import format_instant
from ...core.kernel.errors import InvalidValue
from ...notation import format_duration
from ...worlds.request_log import KeptRequest, RequestLog
from ...worlds.world import World
from ..exchange import Exchange
from ..problems import RequestLogOff
from ..queries.list_queries import RequestsQuery
from ..queries.page import place_of_number
from ..queries.since import Since
from ..replies import Reply, json_reply
from ..request_log.expectation import WAIT_MS_MAX, Verify
from ..request_log.in_flight import FittingRequests, RequestsInFlight, let_arrive
from ..request_log.logged_request import logged_request
from ..request_log.redaction import Redactor
from ..request_log.request_match import Match
from ..request_log.verification import Verification
from .answers.requests import Held, RequestsEnd
from .call_decoding import body_as, select_world
from .lists import Listed, all_of, check_accounts, list_reply

_T = TypeVar("_T")


class RequestLogs:
    """Serves the request logs of the worlds of one server."""

    def __init__(self, redactor: Redactor, in_flight: RequestsInFlight) -> None:
        self._redactor = redactor
        self._in_flight = in_flight

    async def list_requests(self, exchange: Exchange) -> Reply:
        """List the requests in the log that pass the query's filters.

        `dropped` are those no longer in the log. `in_flight` has those that may pass the filters once they are over;
        `wait` is how long at most that is waited for.
        """
        query, world = select_world(exchange, RequestsQuery), exchange.world
        log, wanted = _log_of(world), _wanted(exchange, query)
        logged, pending = await self._settle(exchange, wanted, _check_wait("wait", query.wait))
        settled: tuple[tuple[int, KeptRequest], ...] | None = tuple(logged)
        in_flight = self._in_flight.overview(pending)

        def listed() -> Listed[KeptRequest]:
            nonlocal settled
            # Those of the moment that the requests in flight are of, unless the list begins anew after a reset.
            requests, settled = tuple(log.numbered()) if settled is None else settled, None
            first = requests[0][0] if requests else log.total + 1
            return Listed(
                [kept for _, kept in requests],
                lambda index, kept: logged_request(first + index, kept, self._redactor),
                lambda index, _: first + index,
                place_of_number(query.after, first, len(requests)),
                passes=all_of(_since(query.since, world), self._like(wanted)),
                end=lambda end: RequestsEnd(
                    end.total, end.has_more, end.next, first + len(requests) - 1, first - 1, in_flight
                ),
            )

        return await list_reply(world, query, listed)

    def _like(self, wanted: Match) -> Callable[[KeptRequest], bool] | None:
        """The condition that a request is like a match; None for one that allows any."""
        if wanted == Match():
            return None

        def like(kept: KeptRequest) -> bool:
            # What is cheap to look at comes first: the rest decodes the body.
            return wanted.is_about(kept.operation, kept.account or None) and not wanted.mismatches(
                logged_request(0, kept, self._redactor)
            )

        return like

    async def _settle(
        self, exchange: Exchange, wanted: Match, wait_ms: int
    ) -> tuple[Iterable[tuple[int, KeptRequest]], list[Exchange]]:
        """Wait until no request that was in flight may pass the filters, but not for longer than that, nor past a
        reset. Returns what is logged, and the requests of the same moment that still may."""
        world = exchange.world
        if wait_ms:
            await let_arrive()
        until = asyncio.get_running_loop().time() + wait_ms / 1000
        came = FittingRequests(self._in_flight, world, exchange.connection)
        beginnings, has_time = world.requests.beginnings, wait_ms > 0
        with self._in_flight.watched(world) as watcher:
            while True:
                logged = world.requests.numbered()
                pending = await came.fitting(came.remaining(), wanted)
                if not (pending and has_time) or world.stopping or world.requests.beginnings != beginnings:
                    return logged, pending
                has_time = await watcher.wait(until)

    async def verify_requests(self, exchange: Exchange) -> Reply:
        """Verify an expectation: 200 with `held`, the number that `matched`, and the `seqs` of the first 100 of them.

        Raises NotHeld (409) otherwise, with `matched`, `seqs` and the `nearest` requests: those with the fewest
        `mismatches` first, of each the first 20, values above 256 characters cut to the beginning of their JSON.
        Raises StillInFlight (409) where the outcome may still change, with those requests `in_flight`.

        `dropped` is the number of requests no longer in the log. All expectations, `exactly`, `at_most` and `in_order`
        too, are judged by the log as it is; nothing is known of the dropped ones.
        """
        wanted = body_as(exchange, Verify)
        for name, span_ms in (("wait", wanted.wait), ("within", wanted.within)):
            _check_wait(name, span_ms)
        select_world(exchange)
        _log_of(exchange.world)
        findings = await Verification(wanted, exchange, self._in_flight, self._redactor).verdict()
        return json_reply(200, Held(True, **findings))


def _check_wait(name: str, span_ms: int) -> int:
    if span_ms > WAIT_MS_MAX:
        raise InvalidValue(f"{name} is at most {format_duration(WAIT_MS_MAX)}", param=name)
    return span_ms


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
            error=_given(query.error),
            fault=_given(query.fault),
            rental=_given(query.rental if query.rental_id is None else query.rental_id),
            provider=_given(query.provider),
            gpu_model=_given(query.gpu_model),
            region=_given(query.region),
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
