"""The public part of the pytest plugin, and of what other test frameworks use: a test's own world, its records, and the
verdict on the client."""

from ..client.connection import ServerRefused, ServerUnreachable
from .gpu_sim import GpuSim
from .records import Account, Entry, Notice, Posting, Rental, Request, RequestInFlight
from .report import ClientReport
from .server import GpuSimServer, world

__all__ = [
    "Account",
    "ClientReport",
    "Entry",
    "GpuSim",
    "GpuSimServer",
    "Notice",
    "Posting",
    "Rental",
    "Request",
    "RequestInFlight",
    "ServerRefused",
    "ServerUnreachable",
    "world",
]
