"""Concurrent clients, each in its own world: each journal is, byte for byte, that of the client alone."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from gpu_sim import serve_in_thread
from gpu_sim.core.scenario.scenario import ClockSettings, Scenario
from gpu_sim.scenario_files.library import ScenarioLibrary
from gpu_sim.worlds import world as world_module

from ...support import loopback
from ...support.asgi import RENT, Answer, Api
from ...support.manual_clock import ShortSlice

MANUAL = ClockSettings(mode="manual")

INLINE: dict[str, Any] = {
    "name": "lively",
    "extends": "default",
    "journal": "full",
    "clock": {"mode": "manual"},
    "accounts": [{"name": "alice", "balance": "50.00"}, {"name": "bob", "balance": "1.00"}],
    "market": {"prices": {"activity": 30}, "interruptions": {"shared": "50%"}},
}
Call = tuple[str, str, dict[str, Any] | None]


@pytest.fixture(scope="module")
def lively() -> Scenario:
    return ScenarioLibrary().build(INLINE)


class Client:
    """A client with its own world, whose calls depend on its number alone."""

    def __init__(self, number: int, offers: list[dict[str, Any]]) -> None:
        self.number = number
        self._offers = offers
        self._rental_id = ""

    def hear(self, status: int, body: Any) -> None:
        """Take in an answer."""
        if status == 201:
            self._rental_id = body["rental_id"]

    def calls(self) -> Iterator[Call]:
        """The calls in order; each answer is taken in before the next call."""
        for turn in range(4):
            offer = self._offers[(self.number * 7 + turn * 3) % len(self._offers)]
            names = {name: offer[name] for name in ("gpu_model", "provider_id", "region")}
            yield "POST", "/v1/gpu/rent", RENT | names
            yield "POST", "/_sim/clock/advance", {"by": f"{self.number % 5 + 1}h{turn * 11 + 1}m"}
            yield "GET", f"/v1/gpu/rentals/{self._rental_id}", None
            yield "POST", f"/_sim/rentals/{self._rental_id}/touch", None
            if (self.number + turn) % 2:
                yield "DELETE", f"/v1/gpu/rentals/{self._rental_id}", None
            yield "POST", "/_sim/accounts/alice/credit", {"amount": f"{turn}.{self.number + 1:06d}"}
        yield "POST", "/_sim/clock/advance", {"until": "next_event", "limit": "2d"}


async def live(api: Api, number: int, token: str) -> bytes:
    """Let a client make all its calls, and return its world's journal."""
    offers = (await api.send("GET", "/v1/gpu/offers", token=token)).json()["data"]
    client = Client(number, offers)
    for method, path, content in client.calls():
        answer = await api.send(method, path, content, token=token)
        assert answer.status < 500
        client.hear(answer.status, answer.json())
    return (await api.send("GET", "/_sim/journal", token=token)).body


def alone(runner: asyncio.Runner, lively: Scenario, number: int) -> bytes:
    """The journal of a client that is alone on its server."""
    api = Api(runner, lively, seed=number)
    return runner.run(live(api, number, next(iter(api.worlds.keyring.tokens_of(api.world).values()))))


@pytest.mark.parametrize("clients", [8, pytest.param(64, marks=pytest.mark.slow)])
def test_clients_in_worlds_of_their_own_get_the_journals_that_they_would_get_alone(
    runner: asyncio.Runner, lively: Scenario, monkeypatch: pytest.MonkeyPatch, clients: int
) -> None:
    expected = [alone(runner, lively, number) for number in range(clients)]
    monkeypatch.setattr(world_module, "Slice", ShortSlice)
    api = Api(runner, lively)
    untouched = b"".join(api.world.simulation.journal())
    order: list[int] = []

    async def one(number: int) -> bytes:
        made: Answer = await api.send("POST", "/_sim/worlds", {"name": f"w{number}", "seed": number}, token=None)
        journal = await live(api, number, made.json()["tokens"]["alice"])
        order.append(number)
        return journal

    async def all_() -> list[bytes]:
        return await asyncio.gather(*map(one, range(clients)))

    assert runner.run(all_()) == expected
    assert order != sorted(order)  # they did run beside each other
    assert len(set(expected)) == clients
    assert all(len(journal.splitlines()) > 100 for journal in expected)
    assert b"".join(api.world.simulation.journal()) == untouched


def test_clients_in_threads_over_sockets_get_the_journals_that_they_would_get_alone(
    runner: asyncio.Runner, lively: Scenario
) -> None:
    with serve_in_thread(lively) as server:

        def one(number: int) -> bytes:
            with loopback.Client(base_url=server.url, timeout=60) as http:
                made = http.post("/_sim/worlds", json={"seed": number}).json()
                http.headers["authorization"] = f"Bearer {made['tokens']['alice']}"
                client = Client(number, http.get("/v1/gpu/offers").json()["data"])
                for method, path, content in client.calls():
                    answer = http.request(method, path, json=content)
                    client.hear(answer.status_code, answer.json())
                return http.get("/_sim/journal").content

        with ThreadPoolExecutor(8) as pool:
            journals = list(pool.map(one, range(8)))
    assert journals == [alone(runner, lively, number) for number in range(8)]
