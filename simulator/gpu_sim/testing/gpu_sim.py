"""A world of one test: its clock, its money, its rentals, and what the client asked of it."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from urllib.parse import quote

import msgspec
from msgspec import Struct

from ..client.connection import ServerRefused, ServerUnreachable
from ..client.control_client import ControlClient
from ..core.kernel.names import did_you_mean
from ..core.kernel.one_of import not_exactly_one
from .arguments import dollars, instant, span
from .records import Account, KeptRequests, Rental, Request, RequestInFlight
from .report import ClientReport, latest, report_on
from .retries import OrderMark
from .unknown_token_requests import UnknownTokenRequests
from .world_lists import WorldLists
from .world_request import WorldRequest, serve_line

REQUESTS_SHOWN = 10
WAIT = "5s"
"""A report waits so long for requests in flight unless told otherwise: longer than most injected delays."""
_LIMIT = 10**9
"""More than any log keeps: it is read whole, in one answer."""


class _ClockReading(Struct):
    """The clock, as far as it is read here."""

    now: datetime


class _LedgerEnd(Struct):
    """The ledger, as far as it is read here."""

    latest: int


class GpuSim(WorldLists):
    """One simulated market with a clock, luck, accounts and logs of its own. Hand `base_url` and `token` to the client.

    Each method calls the server, once or for each page of a list, and works from a coroutine as well: the server runs
    in another thread or process.
    Raises ServerRefused where the server turns a call down, ServerUnreachable where it cannot be asked, and TypeError
    or ValueError, which name the argument, for what makes no call.
    """

    def __init__(
        self,
        server: ControlClient,
        world: str,
        seed: int,
        tokens: Mapping[str, str],
        request: WorldRequest,
        unknown_token_requests: UnknownTokenRequests,
    ) -> None:
        self._server = server
        super().__init__(server.of_world(world))
        self._request = request
        self._unknown_token_requests = unknown_token_requests
        # Virtual time alone does not order log and ledger, as a manual clock stands still: calls of the test that may
        # move money mark what came first.
        self._order_marks: list[OrderMark] = []
        self._saved_story: str | None = None
        self._refuses_connections = False
        self.base_url = server.url
        """The address of the API, without the `/v1`."""
        self.world = world
        """The name of the world on its server."""
        self.seed = seed
        """The seed of all luck in it."""
        self.tokens = dict(tokens)
        """The bearer token of each account of the scenario."""

    @property
    def account(self) -> str:
        """The first account of the scenario, which `token` belongs to."""
        if not self.tokens:
            raise ValueError("the scenario has no account: there is no token")
        return next(iter(self.tokens))

    @property
    def token(self) -> str:
        """The bearer token for the client."""
        return self.tokens[self.account]

    @property
    def now(self) -> datetime:
        """Virtual time, in UTC, to the millisecond (A23)."""
        return msgspec.json.decode(self.call("GET", "clock"), type=_ClockReading).now

    def advance(
        self,
        by: str | timedelta | None = None,
        *,
        to: str | datetime | None = None,
        until: str | Mapping[str, str] | None = None,
        limit: str | timedelta | None = None,
    ) -> list[dict[str, Any]]:
        """Move the clock forward and answer with the first 1,000 events of that time.

        `by` is a duration, `to` an instant; `until` is "next_event" or {"rental": id, "status": "running"}.
        Raises ServerRefused where `until` does not happen within `limit`, a day of virtual time unless given, or where
        `to` is in the past; TypeError or ValueError for anything but one of `by`, `to` and `until`.
        """
        complaint = not_exactly_one(by=by, to=to, until=until)
        if complaint is not None:
            raise TypeError(f"advance: {complaint}")
        if limit is not None and until is None:
            raise TypeError("advance: limit goes with until")
        given = {"by": span("by", by), "to": instant("to", to), "until": until, "limit": span("limit", limit)}
        body = {name: value for name, value in given.items() if value is not None}
        events: list[dict[str, Any]] = msgspec.json.decode(self.call("POST", "clock/advance", body))["events"]
        return events

    def reset(self) -> None:
        """Put the world back to its start, with the same seed and tokens: clock, luck, money, rentals and faults are as
        they were then, and neither `requests` nor `report()` knows of what was before. A request that is still under
        way goes on in the world as it is from then on."""
        self.call("POST", "reset")
        self._unknown_token_requests.begin_anew()

    @property
    def balance(self) -> Decimal:
        """The balance of the first account in US dollars, what is held included (F16)."""
        return self.accounts()[self.account].balance

    def credit(self, amount: str | Decimal | int, account: str | None = None) -> Account:
        """Add credit in US dollars to an account, the first one unless named; answers with the account after that.

        Raises ValueError for an account that the world does not have.
        """
        name = self.account if account is None else account
        body = {"amount": dollars("amount", amount)}
        try:
            answer = self.call("POST", f"accounts/{quote(name, safe='')}/credit", body)
        except ServerRefused as refused:
            if refused.status != 404:
                raise
            raise ValueError(f'account: no account "{name}"{did_you_mean(name, self.accounts())}') from None
        return msgspec.json.decode(answer, type=Account)

    def interrupt(
        self,
        rental_id: str,
        *,
        notice: str | timedelta | None = None,
        false_alarm: bool = False,
        withdraw: bool = False,
    ) -> Rental:
        """Interrupt a rental at the end of a notice (A2), that of its provider unless given: where that is 0s, now.

        With `false_alarm` only the notice comes, with `withdraw` the interruption that was notified does not come.
        Answers with the rental after that. Raises ServerRefused for one that is terminated or not known, and where
        nothing is to be withdrawn.
        """
        given = {"notice": span("notice", notice), "false_alarm": false_alarm, "withdraw": withdraw}
        body = {name: value for name, value in given.items() if value not in (None, False)}
        return self._act_on(rental_id, "interrupt", body or None)

    def touch(self, rental_id: str) -> Rental:
        """Let the rental serve a request, which puts off its idle timeout (F19, A19); answers with the rental after
        that. Raises ServerRefused for one that is not running."""
        return self._act_on(rental_id, "touch")

    def fault(
        self,
        effect: Mapping[str, object],
        *,
        on: str | Mapping[str, str] | None = None,
        when: Mapping[str, object] | None = None,
        name: str | None = None,
    ) -> str:
        """Add a fault rule and answer with its name.

        `effect` is the effect, such as {"respond": 503} or {"respond": 500, "after": True}, where the command happens
        all the same; `on` says to which requests: an operation such as "rent_gpu", or a selector; `when` at which of
        them, such as {"times": 1}, or {"times": 2, "per": "rental"}. Raises ServerRefused for a rule that the server
        does not know, and TypeError for an effect that is no mapping.
        """
        if not isinstance(effect, Mapping):
            raise TypeError(f'effect: expected a mapping such as {{"respond": 503}}, got {effect!r}')
        target = {"operation": on} if isinstance(on, str) else on
        given = {"name": name, "on": target, "effect": effect, "when": when}
        body = {field: value for field, value in given.items() if value is not None}
        made: str = msgspec.json.decode(self.call("POST", "faults", body))["name"]
        return made

    def refuse_connections(
        self, for_: str | timedelta, *, connections: Literal["close", "reset", "keep"] = "close"
    ) -> None:
        """Let the server refuse connections for a span of wall time, at most a minute: nobody listens, as where a
        service is down. Connections that are open are closed once what is underway is answered, reset, or kept; the
        calls of this fixture go on. It reaches all worlds of the server, and ends with the test at the latest.

        Raises ServerRefused for another span, and ValueError or TypeError for what is none.
        """
        self._server.call("POST", "server/refuse", {"for": span("for_", for_), "connections": connections})
        self._refuses_connections = True

    def accept_connections(self) -> None:
        """Let the server listen again now, if connections are refused."""
        self._server.call("DELETE", "server/refuse")
        self._refuses_connections = False

    @property
    def requests(self) -> list[Request]:
        """The API requests of this world's accounts that are over, oldest first: the latest 1,000 on a server of the
        plugin's own."""
        return list(self._requests().data)

    @property
    def in_flight(self) -> list[RequestInFlight]:
        """The API requests of this world's accounts that are still being answered, also those whose client has gone:
        the first 100 in the order in which they came."""
        return list(self._requests(limit=0).in_flight.data)

    def report(self, *, wait: str | timedelta = WAIT) -> ClientReport:
        """The verdict on how the client behaved up to now.

        Requests that are still being answered are waited for, for so long of wall time at most, 30 s or less: "0s" does
        not wait. Those that are not over by then are a problem of the report."""
        waits = span("wait", wait, never="nobody waits backwards") or WAIT
        log = self._requests(wait=waits)
        return report_on(
            requests=log.data,
            requests_dropped=log.dropped,
            in_flight=log.in_flight.data,
            unknown_token_requests=self._unknown_token_requests.logged(),
            rentals=self.rentals(),
            ledger=self.ledger(),
            order_marks=self._order_marks,
        )

    def call(self, method: str, path: str, body: object = None, query: Mapping[str, str] | None = None) -> bytes:
        """Make any other call of the control plane in this world, such as ("POST", "market/outage", {"provider":
        "gcp"}); answers with the body of the answer."""
        path = path.lstrip("/")
        about = path.partition("/")[0] if method != "GET" else "nothing"
        moves_money = about in ("accounts", "rentals", "market")
        if moves_money:
            self._mark_order(is_over=False)
        answer = self._control.call(method, path, body, query)
        if moves_money:
            self._mark_order(is_over=True)
        elif about not in ("nothing", "clock", "faults"):  # such as a reset: log and ledger may begin anew
            self._order_marks.clear()
        return answer

    def _mark_order(self, *, is_over: bool) -> None:
        """Mark the latest request and the latest ledger entry before a call that may move money, or after it.

        Before it, the log is read before the ledger, and after it the ledger before the log: a request in between
        must not seem to have come before money that it came after.
        """
        try:
            if is_over:
                entry = self._last_entry()
                self._order_marks.append(OrderMark(self._requests(limit=0).latest, entry, is_exact=False))
            else:
                total = self._requests(limit=0).latest
                self._order_marks.append(OrderMark(total, self._last_entry()))
        except ServerRefused:  # without a mark the report knows less, and reports no retry that it is not sure of
            return

    def _last_entry(self) -> int:
        return msgspec.json.decode(self.call("GET", "ledger", query={"limit": "0"}), type=_LedgerEnd).latest

    def story(self) -> str:
        """The world's scenario and seed, its time, the latest requests, and a command that makes such a world again. It
        never raises: the caller is reporting another failure."""
        if self._saved_story is not None:
            return self._saved_story
        scenario = self._request.scenario
        named = scenario if isinstance(scenario, str) else f"{scenario.get('name', 'without a name')} (a document)"
        about = f"scenario {named}, seed {self.seed}"
        again = f"such a world: {serve_line(self._request, self.seed)}"
        try:
            return f"{about}, {self._lately()}\n{again}"
        except Exception as error:  # noqa: BLE001  # whatever it is, it must not hide the failure that is being reported
            return f"{about}; nothing more is known: {error}\n{again}"

    def _lately(self) -> str:
        unknown_token_requests, log, now = self._unknown_token_requests.logged(), self._requests(), self.now
        shown = latest(log.data, unknown_token_requests, REQUESTS_SHOWN)
        heading = f"the latest of {log.latest + len(unknown_token_requests)} requests:" if shown else "no requests"
        pending = [f"{request} (still being answered)" for request in log.in_flight.data[:REQUESTS_SHOWN]]
        lines = "".join(f"\n  {line}" for line in shown + pending)
        return f"virtual time {now:%Y-%m-%dT%H:%M:%S}Z\n{heading}{lines}"

    def leave(self) -> None:
        """End this test's share of the requests with an unknown token: later ones are another test's."""
        self._unknown_token_requests.end()
        if self._refuses_connections:
            with suppress(ServerRefused, ServerUnreachable):  # the test is over: this is for those that follow
                self.accept_connections()

    def remember(self) -> None:
        """Keep the story as it is now, for when the world is gone."""
        self._saved_story = self.story()

    def end(self) -> None:
        """Delete the world with all that is in it, unless that was done already."""
        try:
            self._server.call("DELETE", f"worlds/{quote(self.world, safe='')}")
        except ServerRefused as refused:
            if refused.status != 404:
                raise

    def _requests(self, *, limit: int = _LIMIT, wait: str = "0s") -> KeptRequests:
        """The oldest of the requests that are kept, at most `limit`, the numbers of all and of those dropped, and those
        in flight that are not over within `wait`."""
        answer = self.call("GET", "requests", query={"limit": str(limit), "wait": wait})
        return msgspec.json.decode(answer, type=KeptRequests)

    def _act_on(self, rental_id: str, act: str, body: object = None) -> Rental:
        if not isinstance(rental_id, str):
            raise TypeError(f"rental_id: expected the id of a rental, got {rental_id!r}")
        return msgspec.json.decode(self.call("POST", f"rentals/{quote(rental_id, safe='')}/{act}", body), type=Rental)
