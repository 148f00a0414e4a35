"""Documents that the server hands out."""

from functools import cache

import msgspec
import yaml

from ..resources import folder
from .front import Exchange
from .problems import Reply


async def openapi(exchange: Exchange) -> Reply:
    """The contract as OpenAPI 3.1, each statement with its `x-provenance`."""
    return Reply(200, _openapi_json(), ((b"content-type", b"application/json"),))


@cache
def _openapi_json() -> bytes:
    document = yaml.safe_load((folder("contract") / "openapi.yaml").read_bytes())
    return msgspec.json.encode(document)
