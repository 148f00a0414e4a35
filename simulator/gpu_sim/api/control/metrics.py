"""The server's metrics on the control plane."""

import asyncio
from importlib import import_module

from ...worlds.worlds import Worlds
from ..exchange import Exchange
from ..queries.parameters import NoParameters
from ..replies import Reply
from ..request_log.traffic import Traffic
from .call_decoding import query_as
from .event_stream import EventStreams


class MetricsEndpoint:
    """Serves the metrics of one server."""

    def __init__(self, worlds: Worlds, traffic: Traffic, streams: EventStreams) -> None:
        self._sources = worlds, traffic, streams

    async def get_metrics(self, exchange: Exchange) -> Reply:
        """Answer with the metrics of all worlds, in Prometheus' format."""
        query_as(exchange, NoParameters)
        await asyncio.to_thread(import_module, ".exposition", __package__)
        from .exposition import exposition  # noqa: PLC0415  # loaded when first asked for: `exposition` says why

        return exposition(*self._sources)
