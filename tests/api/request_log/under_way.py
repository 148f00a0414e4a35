"""Requests that are in flight for as long as a test wants, and the worlds that they are about."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from gpu_sim.core.kernel.quantities import Duration
from gpu_sim.core.scenario.scenario import AccountSpec, ClockSettings

from ...support.asgi import RENT, Api, scenario

CAROL = "si_test_carol"
REQUESTS = "/_sim/requests"
VERIFY = "/_sim/requests/verify"
RENTING = "/v1/gpu/rent"
RENTS = ("POST", RENTING, RENT)
LISTS = ("GET", "/v1/gpu/offers")
TURNS = 50
"""More turns of the event loop than a request takes that waits for nothing."""

Act = Callable[[Api], Awaitable[object]]
"""Something that happens on the server."""


def two_worlds(runner: asyncio.Runner) -> Api:
    """A server whose clock has a step: an API request waits for its turn at the clock, which a test can hold."""
    api = Api(runner, scenario(clock=ClockSettings(mode="manual", step=Duration(1_000))))
    api.add_world("other", scenario(accounts=(AccountSpec("carol", CAROL),)))
    return api


async def turns() -> None:
    """Let everything go on that can."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


@asynccontextmanager
async def under_way(api: Api, *requests: tuple[Any, ...], **options: Any) -> AsyncIterator[None]:
    """Requests to the API that have come and are not answered before the end of the block."""
    async with asyncio.TaskGroup() as tasks, api.world.turn():
        for method, path, *content in requests:
            tasks.create_task(api.send(method, path, *content, **options))
            await turns()
        yield


async def in_flight(api: Api, query: str = "") -> Any:
    """What the list of requests says of those in flight."""
    return (await api.send("GET", f"{REQUESTS}?{query}")).json()["in_flight"]


async def reads_slowly(api: Api, token: str, taken: asyncio.Event) -> None:
    """A list of offers of which the client takes nothing before the event."""

    async def receive() -> Any:
        raise AssertionError

    async def send(message: Any) -> None:
        await taken.wait()

    headers = [(b"authorization", f"Bearer {token}".encode())]
    scope = {"type": "http", "method": "GET", "path": "/v1/gpu/offers", "query_string": b"", "headers": headers}
    await api.app(scope, receive, send)


async def sends_slowly(api: Api, token: str, sent: asyncio.Event) -> None:
    """A rent whose body comes after the event."""

    async def receive() -> Any:
        await sent.wait()
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(message: Any) -> None:
        pass

    headers = [(b"authorization", f"bearer {token}".encode()), (b"content-length", b"2")]
    scope = {"type": "http", "method": "POST", "path": RENTING, "query_string": b"", "headers": headers}
    await api.app(scope, receive, send)


async def reset(api: Api) -> None:
    await api.send("POST", "/_sim/reset?world=other")


async def forget(api: Api) -> None:
    await api.send("POST", "/_sim/reset?world=other", {"only": "requests"})


async def delete(api: Api) -> None:
    assert (await api.send("DELETE", "/_sim/worlds/other")).status == 204


async def stop(api: Api) -> None:
    api.worlds.stop()
