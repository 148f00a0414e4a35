"""The application in process, on a loop of its own that ends with the test."""

import asyncio
from collections.abc import Iterator

import pytest

from ..support.asgi import Api, scenario


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """Where the application runs."""
    with asyncio.Runner() as running:
        yield running


@pytest.fixture
def api(runner: asyncio.Runner) -> Api:
    """The application over the quiet market, with Alice as its client."""
    return Api(runner, scenario())
