"""The application in process, on an event loop that ends with the test; its document describes what it answers."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from gpu_sim.server import serving as server
from gpu_sim.server.serving import Ready
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ..support.asgi import Answer, Api, scenario
from ..support.wire_client import serving_in_thread
from .documents.control_contract import check_control_answer

_send = Api.send


@pytest.fixture(autouse=True)
def _as_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold whatever the control plane answers in these tests against its document."""

    async def send(api: Api, method: str, target: str, *args: Any, **options: Any) -> Answer:
        answer = await _send(api, method, target, *args, **options)
        if "%" not in target:
            check_control_answer(method, target.partition("?")[0], answer)
        return answer

    monkeypatch.setattr(Api, "send", send)


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """The event loop that the application runs on."""
    with asyncio.Runner() as running:
        yield running


@pytest.fixture
def api(runner: asyncio.Runner) -> Api:
    """The application over the quiet market, with Alice as the client."""
    return Api(runner, scenario())


@pytest.fixture(params=[HttpToolsProtocol, H11Protocol], ids=["httptools", "h11"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ready]:
    """A server with either HTTP parser of uvicorn."""
    monkeypatch.setattr(server, "AutoHTTPProtocol", request.param)
    with serving_in_thread() as ready:
        yield ready
