"""Memory under an endless load, which must stay bounded: `python -m tests.benchmarks.growth --lifecycles 10000000`.

Rentals are rented and ended in process, through the whole application but the socket: authentication, faults,
request log, figures. Time goes on by a second a lifecycle, and every tenth rent has an idempotency key, which
lives for 24 hours of that time whatever the server holds.
"""

import argparse
import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

from gpu_sim.api.app import build_app
from gpu_sim.api.auth import ControlAccess
from gpu_sim.core.scenario.scenario import ClockSettings
from gpu_sim.scenario_files.load import load_scenario
from gpu_sim.worlds.world import World
from gpu_sim.worlds.worlds import DEFAULT_WORLD, Worlds
from starlette.types import ASGIApp, Message

RENT = {
    "gpu_model": "H100 NVL",
    "provider_id": "runpod",
    "region": "Kansas, US",
    "model_id": "meta-llama/Llama-3.3-70B-Instruct",
    "docker_image": "vllm/vllm-openai:latest",
}
BODY = json.dumps(RENT).encode()
HEADERS = ((b"host", b"localhost"), (b"authorization", b"Bearer si_test_alice"), (b"content-type", b"application/json"))
FIRST = 100_000


def resident_mb() -> float:
    """Resident memory of this process, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class Client:
    """Calls the application without a socket."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def call(self, method: str, path: str, body: bytes = b"", key: bytes = b"") -> Any:
        """The decoded answer, which must be a success."""
        return json.loads(await self.body(method, path, body, key))

    async def body(self, method: str, path: str, body: bytes = b"", key: bytes = b"") -> bytes:
        """The body of the answer, which must be a success."""
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(dict(message))

        headers = [*HEADERS, (b"content-length", b"%d" % len(body))]
        if not body:
            del headers[2]
        if key:
            headers.append((b"idempotency-key", key))
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": headers,
        }
        await self._app(scope, receive, send)
        assert sent[0]["status"] < 300, sent
        answered: bytes = sent[1]["body"]
        return answered


async def live(client: Client, lifecycles: int) -> None:
    """Rent and end so many, and say how much memory that takes."""
    began, first_mb = time.perf_counter(), 0.0
    for number in range(1, lifecycles + 1):
        key = b"key-%d" % number if number % 10 == 0 else b""
        rental = await client.call("POST", "/v1/gpu/rent", BODY, key)
        await client.call("DELETE", f"/v1/gpu/rentals/{rental['rental_id']}")
        if number % 10 == 0:
            await client.call("POST", "/_sim/clock/advance", b'{"by": "10s"}')
        if number == FIRST:
            first_mb = resident_mb()
            print(f"after {FIRST:,} ended rentals: {first_mb:.1f} MB", flush=True)
        elif number % 1_000_000 == 0:
            rate = number / (time.perf_counter() - began)
            print(f"after {number:,}: {resident_mb():.1f} MB, {rate:,.0f} lifecycles/s", flush=True)
    last_mb = resident_mb()
    print(f"after {lifecycles:,}: {last_mb:.1f} MB, {last_mb / first_mb:.3f} of what it was after the first {FIRST:,}")
    figures = await client.body("GET", "/metrics")
    print(
        *(line for line in figures.decode().splitlines() if "dropped_total" in line and not line.startswith("#")),
        sep="\n",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lifecycles", type=int, default=10_000_000)
    arguments = parser.parse_args()
    worlds = Worlds()
    worlds.add(World(DEFAULT_WORLD, load_scenario("default"), clock=ClockSettings(mode="manual")))
    client = Client(build_app(worlds, ControlAccess()))
    asyncio.run(live(client, arguments.lifecycles))


if __name__ == "__main__":
    main()
