"""Documents that the server hands out."""

from functools import cache

import msgspec

from ..contract_file import load_contract
from .exchange import Exchange
from .replies import Reply


async def openapi(exchange: Exchange) -> Reply:
    """The contract as OpenAPI 3.1, each statement with its `x-provenance`."""
    return Reply(200, _openapi_json(), ((b"content-type", b"application/json"),))


@cache
def _openapi_json() -> bytes:
    return msgspec.json.encode(load_contract())
