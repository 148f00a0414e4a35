"""Answers about worlds, their clocks and the server."""

from typing import Literal

from msgspec import Struct

from .events import EventFields
from .texts import InstantText

ClockMode = Literal["real", "scaled", "manual"]


class ClockView(Struct, frozen=True):
    """A world's clock."""

    world: str
    """The name of the world."""
    mode: ClockMode
    speed: float | None
    """Virtual seconds in a second on the wall; null unless the mode is `scaled`."""
    step: str | None
    """The clock moves by so much before each API request; null where it does not."""
    now: InstantText


class AdvanceView(ClockView, frozen=True):
    """The clock after an advance, and the events on the way."""

    events_total: int
    """The number of events on the way."""
    events: list[EventFields]
    """The first 1,000 of them."""


class WorldName(Struct, frozen=True):
    """A world of the server in brief."""

    name: str
    scenario: str
    seed: int


class HealthView(Struct, frozen=True):
    """The server, its worlds, and the clock and seed of the call's world."""

    status: Literal["ok"]
    version: str
    """The version of the simulator."""
    worlds: list[WorldName]
    seed: int
    """The seed of the call's world."""
    profile: Literal["extended", "documented"]
    """The fields that the call's world shows of a rental (A18)."""
    clock: ClockView


class ReadyView(Struct, frozen=True):
    """The server is ready for requests."""

    status: Literal["ready"]


class WorldView(Struct, frozen=True):
    """A world of the server."""

    name: str
    scenario: str
    """The name of its scenario."""
    seed: int
    now: InstantText
    mode: ClockMode
    accounts: int
    """The number of its accounts."""
    ttl: str | None
    """It is deleted once no call about it has come for so long, in wall time; null where it stays."""


class CreatedWorld(Struct, frozen=True):
    """A world that was created."""

    world: str
    """Its name."""
    seed: int
    now: InstantText
    tokens: dict[str, str]
    """Its bearer tokens by account."""
