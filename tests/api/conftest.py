"""The application in process, on an event loop that ends with the test; its document describes what it answers."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from ..support.asgi import Answer, Api, scenario
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
