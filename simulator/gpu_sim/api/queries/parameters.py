"""The parameters of control calls that are no lists: their world, or none."""

from typing import Annotated

from msgspec import Meta, Struct


class NoParameters(Struct, frozen=True, forbid_unknown_fields=True):
    """The query of a call that takes no parameters."""


class WorldQuery(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The query of a call about a world."""

    world: Annotated[str | None, Meta(examples=["default"])] = None
    """The world that the call is about. Without it that is the world of the bearer token, or else the only one."""
