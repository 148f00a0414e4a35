"""A client of event streams, in process: it may stop reading, and it may go away."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from gpu_sim.api.control.event_stream import EventStreams
from starlette.types import Message

from .asgi import ALICE, Api, scenario

PATIENCE = 20


class Reader:
    """One request for a stream, and what has come of its answer."""

    def __init__(self, api: Api, target: str, **headers: str) -> None:
        self.app = api.app
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.read = b""
        self.reads = asyncio.Event()
        """Set while it reads."""
        self.reads.set()
        self._news = asyncio.Event()
        self._left = asyncio.Event()
        path, _, query = target.partition("?")
        sent = {"host": "127.0.0.1", "accept": "text/event-stream", "authorization": f"Bearer {ALICE}"} | headers
        self._scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "query_string": query.encode(),
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in sent.items()],
        }
        self.ended = asyncio.create_task(self._run())

    async def _run(self) -> None:
        await self.app(self._scope, self._receive, self._send)

    async def _receive(self) -> Message:
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        await self.reads.wait()
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])
        self.read += message.get("body", b"")
        self._news.set()

    @property
    def blocks(self) -> list[dict[str, str]]:
        """The messages that it has got; a comment has the empty name."""
        blocks = self.read.decode().split("\n\n")[:-1]
        return [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]

    @property
    def events(self) -> list[int]:
        """The numbers of the events that it has got."""
        return [int(block["id"]) for block in self.blocks if "id" in block]

    async def until(self, number: int) -> None:
        """Wait until it has got so many messages."""
        async with asyncio.timeout(PATIENCE):
            while len(self.blocks) < number:
                await self._news.wait()
                self._news.clear()

    async def started(self) -> None:
        """Wait for the headers."""
        async with asyncio.timeout(PATIENCE):
            while not self.status:
                await self._news.wait()
                self._news.clear()

    async def leave(self) -> None:
        """Go away."""
        self._left.set()
        await self.end()

    async def end(self) -> None:
        """Wait for the end of the answer."""
        async with asyncio.timeout(PATIENCE):
            await self.ended


async def opened(streams: EventStreams, number: int = 1) -> None:
    """Wait until so many streams are open."""
    while streams.open != number:
        await asyncio.sleep(0)


Act = Callable[[Api], Awaitable[None]]


def run(api: Api, act: Act) -> None:
    """Let a client act; what hangs fails."""

    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE):
            await act(api)

    api.runner.run(bounded())


def streams_of(runner: asyncio.Runner, **limits: Any) -> tuple[Api, EventStreams]:
    """A server, and its event streams."""
    streams = EventStreams(**limits)
    return Api(runner, scenario(), streams=streams), streams
