"""The control plane's document as one of its calls."""

import asyncio

from msgspec import Raw
from msgspec.structs import replace

from ...type_schemas import Schema
from ..control.call_decoding import select_world
from ..docs.example_names import example_names
from ..exchange import Exchange
from ..replies import Reply, json_reply
from .call import Call
from .document import control_document

_SNAPSHOT_BYTES_MAX = 256 << 10  # a person may look at it


class DocumentEndpoint:
    """Serves the document of the calls that it is told of."""

    def __init__(self) -> None:
        self.calls: tuple[Call, ...] = ()
        """The calls that it describes, itself among them: the table is made with this endpoint in it."""
        self._document: Schema | None = None

    async def get_document(self, exchange: Exchange) -> Reply:
        """Answer with this document: OpenAPI 3.1, its examples with names of the call's world."""
        select_world(exchange, required=False)
        if self._document is None:
            # In a thread: the descriptions of fields are read from source files.
            self._document = await asyncio.to_thread(control_document, self.calls)
        # In a thread too, as it makes a run of the scenario.
        snapshot = await asyncio.to_thread(exchange.world.snapshot_at_start)
        names = example_names(exchange, exchange.world)
        if len(snapshot) <= _SNAPSHOT_BYTES_MAX:
            names = replace(names, snapshot=Raw(snapshot))
        return json_reply(200, names.filled_in(self._document))
