"""Answers about the server itself."""

from typing import Literal

from msgspec import Struct

from .texts import WallInstantText


class AliveView(Struct, frozen=True):
    """The server is alive: all that anybody learns who may not use the control plane."""

    status: Literal["ok"]


class ListeningView(Struct, frozen=True):
    """The listening of the server: new connections are taken or refused."""

    listening: bool
    """False while connections are refused."""
    listens_again_at: WallInstantText | None
    """When it listens again, in wall time; null where it does."""
