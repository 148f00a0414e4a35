"""The application called in process, byte for byte: no client library between a test and what it sends."""

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from gpu_sim.api.app import build_app
from gpu_sim.api.auth import ControlAccess
from gpu_sim.api.control.event_stream import EventStreams
from gpu_sim.core.kernel.quantities import Money
from gpu_sim.core.scenario.scenario import AccountSpec, ClockSettings, Scenario
from gpu_sim.scenario_files.library import ScenarioLibrary
from gpu_sim.worlds.request_log import REQUESTS_KEPT
from gpu_sim.worlds.world import Profile, World
from gpu_sim.worlds.worlds import DEFAULT_WORLD, Worlds
from starlette.types import Message

from .builders import QUIET, offer

ALICE, BOB = "si_test_alice", "si_test_bob"
START = "2026-01-01T00:00:00.000Z"
MANUAL = ClockSettings(mode="manual")
RENT: dict[str, Any] = {
    "gpu_model": "RTX 4090",
    "provider_id": "vast-ai",
    "region": "Quebec, CA",
    "model_id": "meta-llama/Llama-3.3-70B-Instruct",
    "docker_image": "vllm/vllm-openai:latest",
}
"""The documented rent without its optional fields: a hold of $0.071750 on the quiet market."""

DOCUMENTED_RENT = RENT | {"ssh_key": "ssh-ed25519 AAAA... user@host", "fine_tuned": False}
"""The documented rent to the letter."""

DOCUMENTED_OFFER: dict[str, Any] = {
    "gpu_model": "RTX 4090",
    "vram_gb": 24,
    "provider_id": "vast-ai",
    "region": "Quebec, CA",
    "price_per_gpu_hour": "0.287",
    "interruption_probability": 0.02,
    "spot": True,
}
"""The documented offer to the letter."""

Pairs = Iterable[tuple[str, str]]
OFFER = offer()


def scenario(**fields: Any) -> Scenario:
    """Alice with $1 and Bob with $100 on the quiet market under a manual clock."""
    accounts = (AccountSpec("alice", ALICE, Money(1_000_000)), AccountSpec("bob", BOB, Money(100_000_000)))
    given: dict[str, Any] = {"name": "test", "accounts": accounts, "market": QUIET, "clock": MANUAL}
    return Scenario(**(given | fields))


class Answer(NamedTuple):
    """An answer of the application."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def json(self) -> Any:
        """The body decoded."""
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        """The header of that name; it is there at most once."""
        values = [value for key, value in self.headers if key == name]
        assert len(values) <= 1, (name, values)
        return values[0] if values else None

    def refused(self, status: int, code: str, param: str | None = None) -> dict[str, Any]:
        """The error of a refusal in the API's envelope (A12), checked."""
        assert self.status == status, self.body
        assert self.header("content-type") == "application/json"
        error: dict[str, Any] = self.json()["error"]
        assert list(self.json()) == ["error"]
        assert (
            {"message", "type", "param", "code"} <= set(error) <= {"message", "type", "param", "code", "amount_needed"}
        )
        assert (error["code"], error["param"]) == (code, param), error
        assert isinstance(error["message"], str)
        assert error["message"]
        return error

    def problem(self, status: int, code: str, param: str | None = None, more: Iterable[str] = ()) -> dict[str, Any]:
        """The problem details of a refusal by the control plane, checked; `more` are members of its own."""
        assert self.status == status, self.body
        assert self.header("content-type") == "application/problem+json"
        problem: dict[str, Any] = self.json()
        assert list(problem) == ["type", "title", "status", "detail", "code", "param", *more]
        assert (problem["status"], problem["code"], problem["param"]) == (status, code, param), problem
        assert problem["type"] == f"urn:gpu-sim:{code}"
        assert problem["title"]
        assert problem["detail"]
        return problem


class Api:
    """The application over one world, and Alice as its client unless a call says otherwise."""

    def __init__(
        self,
        runner: asyncio.Runner,
        conditions: Scenario,
        *,
        access: ControlAccess | None = None,
        profile: Profile | None = None,
        clock: ClockSettings | None = None,
        seed: int | None = None,
        scenario_dir: Path | None = None,
        requests_kept: int = REQUESTS_KEPT,
        log: Callable[[bytes], bool | None] | None = None,
        streams: EventStreams | None = None,
    ) -> None:
        self.runner = runner
        self.world = World(DEFAULT_WORLD, conditions, seed=seed, clock=clock, profile=profile)
        self.worlds = Worlds(ScenarioLibrary(scenario_dir), profile=profile, requests_kept=requests_kept)
        self.worlds.add(self.world)
        given = ControlAccess() if access is None else access
        self.app = build_app(
            self.worlds, given, log=None if log is None else lambda line: log(line) is not False, streams=streams
        )
        self.heard: list[Message] = []
        """The ASGI messages that answered the latest request, even where its connection was cut."""

    def add_world(self, name: str, conditions: Scenario) -> None:
        """One more world on the same server."""
        self.worlds.add(World(name, conditions))

    def call(
        self,
        method: str,
        target: str,
        content: Any = None,
        *,
        token: str | None = ALICE,
        body: bytes | None = None,
        media: str | None = "application/json",
        headers: Pairs = (),
        host: str | None = "127.0.0.1:4780",
    ) -> Answer:
        """One request: `content` is sent as JSON, `body` as it is, neither as no body at all."""
        return self.runner.run(
            self.send(method, target, content, token=token, body=body, media=media, headers=headers, host=host)
        )

    async def send(
        self,
        method: str,
        target: str,
        content: Any = None,
        *,
        token: str | None = ALICE,
        body: bytes | None = None,
        media: str | None = "application/json",
        headers: Pairs = (),
        host: str | None = "127.0.0.1:4780",
    ) -> Answer:
        """`call`, for a test that makes several at a time."""
        if content is not None:
            body = json.dumps(content).encode()
        sent: list[tuple[str, str]] = [("host", host)] if host is not None else []
        if token is not None:
            sent.append(("authorization", f"Bearer {token}"))
        if body is not None:
            sent.append(("content-length", str(len(body))))
            if media is not None:
                sent.append(("content-type", media))
        path, _, query = target.partition("?")
        raw_path = quote(path, safe="/%:@!$&'()*+,;=~")
        scope = {
            "type": "http",
            "method": method,
            "path": unquote(raw_path),
            "raw_path": raw_path.encode(),
            "query_string": query.encode("latin-1"),
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in (*sent, *headers)],
        }
        return await self._exchange(scope, body or b"")

    async def _exchange(self, scope: dict[str, Any], body: bytes) -> Answer:
        sent = self.heard = []
        incoming: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Message:  # a client that has sent all and waits for nothing but what is there already
            return incoming.pop() if incoming else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(dict(message))

        await self.app(scope, receive, send)
        start, *parts = sent
        assert start["type"] == "http.response.start"
        assert all(part["type"] == "http.response.body" for part in parts)
        assert not parts[-1].get("more_body", False)
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]]
        return Answer(start["status"], headers, b"".join(part["body"] for part in parts))

    def get(self, target: str, **options: Any) -> Any:
        """The decoded body of a GET that succeeds."""
        answer = self.call("GET", target, **options)
        assert answer.status == 200, answer.body
        return answer.json()

    def rent(self, **options: Any) -> str:
        """Rent the documented GPU; the rental's id."""
        answer = self.call("POST", "/v1/gpu/rent", RENT, **options)
        assert answer.status == 201, answer.body
        rental_id: str = answer.json()["rental_id"]
        return rental_id

    def rental(self, rental_id: str, **options: Any) -> dict[str, Any]:
        """The rental as the API shows it."""
        shown: dict[str, Any] = self.get(f"/v1/gpu/rentals/{rental_id}", **options)
        return shown

    def delete(self, rental_id: str, **options: Any) -> Answer:
        """End the rental."""
        return self.call("DELETE", f"/v1/gpu/rentals/{rental_id}", **options)

    def advance(self, by: str) -> Any:
        """Move the clock."""
        answer = self.call("POST", "/_sim/clock/advance", {"by": by})
        assert answer.status == 200, answer.body
        return answer.json()

    def money(self, name: str = "alice") -> dict[str, str]:
        """Balance, available and held of an account."""
        found = next(account for account in self.get("/_sim/accounts")["data"] if account["name"] == name)
        return {key: found[key] for key in ("balance", "available", "held")}

    def state(self) -> bytes:
        """All that a command could change: the journal, and every account, offer and rental."""
        parts = [b"".join(self.world.simulation.journal())]
        parts += [self.call("GET", f"/_sim/{name}").body for name in ("accounts", "ledger", "rentals", "market")]
        return b"\n".join(parts)

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Whatever happens within the block leaves the state as it was."""
        before = self.state()
        yield
        assert self.state() == before
