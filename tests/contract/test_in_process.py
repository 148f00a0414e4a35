"""The contract suite's machine against the application in process: no socket, the same answers."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from gpu_sim.api.app import build_app
from gpu_sim.api.auth import ControlAccess
from gpu_sim.scenario_files.load import load_scenario
from gpu_sim.worlds.world import World
from gpu_sim.worlds.worlds import DEFAULT_WORLD, Worlds
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from starlette.types import ASGIApp, Message

from contract import FOLDER
from contract.document.document import load_document
from contract.model.fresh_world import own_world
from contract.model.machine import machine_for
from contract.model.profiles import PROFILES
from contract.target.target import Target

from ..support.processes import serving

HOP = {"date", "server", "connection", "keep-alive", "transfer-encoding", "x-request-id"}
"""Headers that the server in front adds, or that differ from request to request."""


class InProcess(httpx.BaseTransport):
    """Hands requests to an ASGI application, which runs in a thread of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """One request, answered whole."""
        return asyncio.run_coroutine_threadsafe(self._answer(request), self._loop).result(30)

    def close(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        path, _, query = request.url.raw_path.partition(b"?")
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": request.method,
            "scheme": "http",
            "path": httpx.URL(request.url).path,
            "raw_path": path,
            "query_string": query,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "client": None,
            "server": ("127.0.0.1", 80),
        }
        body = request.read()
        start: Message = {}
        content = b""

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            nonlocal start, content
            if message["type"] == "http.response.start":
                start = message
            elif request.method != "HEAD":  # whose body the server in front holds back
                content += message.get("body", b"")

        await self._app(scope, receive, send)
        return httpx.Response(start["status"], headers=start["headers"], content=content)


@pytest.fixture
def target() -> Iterator[Target]:
    """The scenario of the contract, in process."""
    worlds = Worlds()
    worlds.add(World(DEFAULT_WORLD, load_scenario(str(FOLDER / "scenario.yaml"))))
    transport = InProcess(build_app(worlds, ControlAccess()))
    target = Target("http://127.0.0.1", "si_test_alice", load_document(), transport=transport)
    yield target
    target.close()


def test_the_machine_foretells_the_application_in_process(target: Target) -> None:
    profile = settings(PROFILES["dev"], max_examples=10)
    with own_world(target, "scenario.yaml") as world, own_world(target, "scenario.yaml") as other_world:
        run_state_machine_as_test(machine_for(world, other_world), settings=profile)


RENT = {
    "gpu_model": "RTX 4090",
    "provider_id": "vast-ai",
    "region": "Quebec, CA",
    "model_id": "org/model",
    "docker_image": "image:latest",
}


def test_in_process_and_over_the_wire_answer_the_same(target: Target, tmp_path: Any) -> None:
    """Status, body and headers, but those of the hop."""
    options = ("--scenario", str(FOLDER / "scenario.yaml"), "--clock", "manual")
    with serving(tmp_path / "ready.json", *options) as server:
        wire = Target(server.url, "si_test_alice")
        try:
            assert story(target) == story(wire)
        finally:
            wire.close()


def story(target: Target) -> list[tuple[int, bytes, dict[str, str]]]:
    """The answers that a customer gets from rent to end, refusals included."""
    target.reset()
    told = [target.send("GET", "/v1/gpu/offers", query=[("gpu_model", "H100")]), target.rent(RENT, key="k")]
    rental = f"/v1/gpu/rentals/{told[-1].json['rental_id']}"
    target.advance(61_000)
    told += [target.send("GET", rental), target.send("HEAD", rental), target.rent(RENT, key="k"), target.rent({})]
    target.advance(1_000_000)
    told += [target.send("GET", rental), target.send("DELETE", rental), target.send("PUT", rental)]
    told += [target.send("GET", "/v1/gpu/offers", token="nobody"), target.send("GET", "/nowhere")]
    return [
        (answer.status, answer.content, {n: v for n, v in answer.headers.items() if n not in HOP}) for answer in told
    ]
