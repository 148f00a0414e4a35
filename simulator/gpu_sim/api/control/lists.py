"""Answers with lists, however long: they are written out in turns with other requests."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any, TypeVar

import msgspec

from ...core.kernel.errors import InvalidValue
from ...wall_clock import Slice
from ...worlds.world import World
from ..queries.list_queries import NamedListQuery
from ..replies import Reply

_T = TypeVar("_T")


async def list_reply(world: World, items: Callable[[], Iterable[Any]]) -> Reply:
    """Answer with a list of a world's items, each as it is in its turn. Where the world becomes another meanwhile, the
    list begins anew."""
    encoded = await _encoded(world, items())
    while encoded is None:
        encoded = await _encoded(world, items())
    return Reply(200, b'{"data":[%b]}' % b",".join(encoded), ((b"content-type", b"application/json"),))


async def page(
    world: World, query: NamedListQuery, items: Callable[[], Mapping[str, _T]], view: Callable[[str, _T], Any]
) -> Reply:
    """Answer with a page of a list: views of `limit` items after the one whose id is `after`. Raises InvalidValue."""
    limit, after = query.limit, query.after

    def shown() -> Iterable[Any]:
        found = items()
        if after is not None and after not in found:
            raise InvalidValue(f'after: no item "{after}"', param="after")
        remaining = iter(found.items())
        if after is not None:
            next(id_ for id_, _ in remaining if id_ == after)
        # Taken out at once: the mapping may change between two turns.
        return (view(id_, item) for id_, item in list(islice(remaining, limit)))

    return await list_reply(world, shown)


async def _encoded(world: World, items: Iterable[Any]) -> list[bytes] | None:
    """The items as JSON; None where the world was reset meanwhile."""
    simulation, slice_ = world.simulation, Slice()
    encoded = []
    for item in items:
        encoded.append(msgspec.json.encode(item))
        if slice_.is_over():
            await asyncio.sleep(0)
            if world.simulation is not simulation:
                return None
            slice_ = Slice()
    return encoded
