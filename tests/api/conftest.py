"""The application in process, on an event loop that ends with the test."""

import asyncio
from collections.abc import Iterator

import pytest

from ..support.asgi import Api, scenario


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """The event loop that the application runs on."""
    with asyncio.Runner() as running:
        yield running


@pytest.fixture
def api(runner: asyncio.Runner) -> Api:
    """The application over the quiet market, with Alice as the client."""
    return Api(runner, scenario())
