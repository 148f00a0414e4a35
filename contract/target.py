"""The server under test, spoken to over HTTP and in no other way."""

import json
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

import httpx

from .instants import format_instant, parse_instant
from .money import amount, dollars

ANONYMOUS = ""
STILL_SCENARIOS = ("contract", "calm")
"""Scenarios in which nothing moves by itself."""
Pairs = Sequence[tuple[str, str]]


class NotApplicable(Exception):
    """A clause that this target cannot show; the text says what it lacks. Neither held nor failed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, with what it answers."""

    method: str
    path: str
    status: int
    headers: httpx.Headers
    content: bytes

    @property
    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.content)

    @property
    def error(self) -> dict[str, Any]:
        """The inside of the error envelope (A12)."""
        body = self.json
        assert isinstance(body, dict), f"A12: no envelope: {self}"
        assert isinstance(body.get("error"), dict), f"A12: no envelope: {self}"
        return dict(body["error"])

    @property
    def sim_now(self) -> int:
        """The virtual time of the answer in milliseconds since 1970 (A23)."""
        return parse_instant(self.headers["x-sim-now"])

    def __str__(self) -> str:
        return f"{self.method} {self.path} -> {self.status} {self.content[:500]!r}"


class Check(Protocol):
    """Whoever looks at every answer of the API."""

    def check(self, answer: Answer, *, simulated: bool) -> None:
        """Raise AssertionError where the answer breaks the contract."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account as the control plane shows it; money in US dollars."""

    name: str
    token: str
    balance: Fraction
    available: Fraction
    held: Fraction


class Target:
    """A server, the token of one account of it, and what else it lets us do."""

    def __init__(self, base_url: str, token: str, check: Check | None = None) -> None:
        self.base_url = base_url.rstrip("/")
        self.token = token
        self._check = check
        self._client = httpx.Client(base_url=self.base_url, timeout=30, trust_env=False)
        self._control: bool | None = None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def acting_as(self, token: str) -> "Target":
        """The same server for another account; both share the connections."""
        other = copy(self)
        other.token = token
        return other

    # What the target can do.

    @property
    def has_control(self) -> bool:
        """Whether the control plane answers here: time, credit and reset are in our hands."""
        if self._control is None:
            answer = self._client.get("/_sim/health", headers=self._headers(None))
            kind = answer.headers.get("content-type", "")
            self._control = answer.status_code == 200 and kind.startswith("application/json")
        return self._control

    def require_control(self) -> None:
        """Raises NotApplicable where there is no control plane."""
        if not self.has_control:
            raise NotApplicable(f"no control plane: GET {self.base_url}/_sim/health does not answer 200 with JSON")

    def require_still_market(self) -> None:
        """Raises NotApplicable unless the market stands still, the clock is manual and all fields are shown: only
        then can the model say what each answer must be."""
        self.require_control()
        health = self.act("GET", "health")
        served = next(w["scenario"] for w in health["worlds"] if w["name"] == health["clock"]["world"])
        if served not in STILL_SCENARIOS or health["clock"]["mode"] != "manual" or health["profile"] != "extended":
            raise NotApplicable(
                f"needs {' or '.join(STILL_SCENARIOS)} under the manual clock in the extended profile, and this is "
                f"{served} under the {health['clock']['mode']} clock in the {health['profile']} profile"
            )

    def why_unfit(self) -> str | None:
        """Why nothing can be said of this server at all: it does not answer, or does not know the token."""
        try:
            status = self._client.get("/v1/gpu/offers", headers=self._headers(None)).status_code
        except httpx.TransportError as error:
            return f"{self.base_url} does not answer: {error}"
        return f"{self.base_url} does not know the token" if status == 401 else None

    # The API.

    def send(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        query: Pairs = (),
        headers: Iterable[tuple[str, str]] = (),
        body: object = None,
        content: bytes | None = None,
    ) -> Answer:
        """One request, with the target's own token unless given; `body` goes out as JSON, `content` as is."""
        sent = [*self._headers(token), *headers]
        if body is not None:
            content = json.dumps(body).encode()
            sent.append(("content-type", "application/json"))
        reply = self._client.request(method, path, params=list(query) or None, headers=sent, content=content)
        sent_path = reply.request.url.raw_path.decode()
        answer = Answer(method, sent_path, reply.status_code, reply.headers, reply.content)
        if self._check is not None:
            self._check.check(answer, simulated=self.has_control)
        return answer

    def offers(self, token: str | None = None, **filters: str) -> list[dict[str, Any]]:
        """The offers that match, which must be listed without an error."""
        answer = self.send("GET", "/v1/gpu/offers", token=token, query=list(filters.items()))
        assert answer.status == 200, answer
        return list(answer.json["data"])

    def rent(self, body: object, *, key: str | None = None, token: str | None = None) -> Answer:
        """One rent, with or without an idempotency key."""
        headers = [("idempotency-key", key)] if key is not None else []
        return self.send("POST", "/v1/gpu/rent", body=body, headers=headers, token=token)

    def rental(self, rental_id: str, token: str | None = None) -> Answer:
        """The rental as it stands now."""
        return self.send("GET", f"/v1/gpu/rentals/{rental_id}", token=token)

    def terminate(self, rental_id: str, token: str | None = None) -> Answer:
        """The end of the rental."""
        return self.send("DELETE", f"/v1/gpu/rentals/{rental_id}", token=token)

    # The control plane.

    def control(self, method: str, path: str, body: object = None, query: Pairs = ()) -> httpx.Response:
        """One call under /_sim, in the world of the target's token, whatever it answers."""
        self.require_control()
        return self._client.request(
            method, f"/_sim/{path}", headers=self._headers(None), json=body, params=list(query) or None
        )

    def act(self, method: str, path: str, body: object = None, query: Pairs = ()) -> Any:
        """One control call that must succeed; its decoded body."""
        reply = self.control(method, path, body, query)
        assert reply.status_code < 300, f"{method} /_sim/{path} {body} -> {reply.status_code} {reply.text[:500]}"
        return reply.json() if reply.content else None

    def now(self) -> int:
        """Virtual time in milliseconds since 1970."""
        return parse_instant(self.act("GET", "clock")["now"])

    def advance(self, ms: int) -> None:
        """Move the clock on by so many milliseconds."""
        self.act("POST", "clock/advance", {"by": f"{ms}ms"})

    def advance_to(self, instant_ms: int) -> None:
        """Move the clock on to an instant, in milliseconds since 1970."""
        self.act("POST", "clock/advance", {"to": format_instant(instant_ms)})

    def reset(self) -> None:
        """Back to the start of the scenario, same seed."""
        self.act("POST", "reset", {})

    def accounts(self) -> dict[str, Account]:
        """Every account of the world, by name."""
        return {row["name"]: _account(row) for row in self.act("GET", "accounts")["data"]}

    def open_account(self, name: str, token: str, balance: Fraction) -> None:
        """A new account with that much credit."""
        self.act("POST", "accounts", {"name": name, "token": token, "balance": amount(balance)})

    def credit(self, name: str, value: Fraction) -> None:
        """Add credit to an account."""
        self.act("POST", f"accounts/{name}/credit", {"amount": amount(value)})

    def ledger(self, after: int | None = None) -> list[dict[str, Any]]:
        """The ledger entries, all or those after a sequence number."""
        query = [("limit", "100000")] + ([("after", str(after))] if after is not None else [])
        return list(self.act("GET", "ledger", query=query)["data"])

    def touch(self, rental_id: str) -> httpx.Response:
        """Pretend that the rented GPU served a request (A19)."""
        return self.control("POST", f"rentals/{rental_id}/touch")

    def interrupt(self, rental_id: str) -> httpx.Response:
        """Let the market take the GPU back."""
        return self.control("POST", f"rentals/{rental_id}/interrupt")

    def _headers(self, token: str | None) -> list[tuple[str, str]]:
        chosen = self.token if token is None else token
        return [("authorization", f"Bearer {chosen}")] if chosen else []


def _account(row: dict[str, str]) -> Account:
    return Account(row["name"], row["token"], dollars(row["balance"]), dollars(row["available"]), dollars(row["held"]))
