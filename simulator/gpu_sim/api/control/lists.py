"""Answers with lists, however long: they are filtered and written out in turns with other requests."""

import asyncio
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import msgspec
from msgspec import Struct

from ...core.kernel.errors import AccountNotFound, InvalidValue, RentalNotFound
from ...core.kernel.names import did_you_mean
from ...core.simulation import Simulation
from ...wall_clock import Slice
from ...worlds.world import World
from ..queries.list_queries import Order
from ..queries.page import ListPlace, page_of
from ..queries.query_decoding import whole_number
from ..queries.since import Since
from ..replies import Reply

_LOOKED_AT_PER_TURN = 256
"""Items that are filtered between two looks at the wall clock."""

_T = TypeVar("_T")


class PageQuery(Protocol):
    """A query, as far as it says which page of a list is asked for."""

    @property
    def limit(self) -> int: ...

    @property
    def order(self) -> Order: ...


class NamedPageQuery(PageQuery, Protocol):
    """A query, as far as it says which page of a list of named items is asked for."""

    @property
    def after(self) -> str | None: ...


class RecordQuery(Protocol):
    """A query, as far as it chooses among events or ledger entries."""

    @property
    def type(self) -> tuple[str, ...]: ...

    @property
    def account(self) -> tuple[str, ...]: ...

    @property
    def rental_id(self) -> tuple[str, ...]: ...


class ListEnd(Struct, frozen=True):
    """The fields of a list after its `data`."""

    total: int
    """The number of items that pass the filters, on all pages together."""
    has_more: bool
    """True where items follow those of this page, in its order."""
    next: int | str | None
    """The value of `after` with which the list goes on; null at its end."""


class NumberedListEnd(ListEnd, frozen=True):
    """The fields of a list of numbered items after its `data`."""

    latest: int
    """The number of the latest item, whatever the filters; 0 before there is one."""
    dropped: int
    """The number of early items that are no longer in memory: the list knows nothing of those."""


class Listed(NamedTuple, Generic[_T]):
    """A list to answer with."""

    items: Sequence[_T]
    """All that it is about, oldest first. The sequence may change between two turns."""
    view: Callable[[int, _T], object]
    """The form of an item, of that index, in which it is shown."""
    cursor: Callable[[int, _T], int | str]
    """The value of `after` that means an item, of that index."""
    place: ListPlace | None = None
    """The place of the item `after`, where the query names one."""
    first: int = 0
    """The index of the first item that can pass the filters."""
    passes: Callable[[_T], bool] | None = None
    """True for an item that passes the filters; None where all from `first` on do."""
    end: Callable[[ListEnd], Struct] = lambda end: end
    """The fields after `data`."""


async def list_reply(world: World, query: PageQuery, listed: Callable[[], Listed[Any]]) -> Reply:
    """Answer with a page of a list of a world's items, each as it is in its turn. Where the world becomes another
    meanwhile, the list begins anew. Raises what `listed` raises."""
    while True:
        turns = _Turns(world)
        try:
            return Reply(200, await _written(query, listed(), turns), ((b"content-type", b"application/json"),))
        except _WorldReplacedError:
            continue


async def page(
    world: World,
    query: NamedPageQuery,
    items: Callable[[], Mapping[str, _T]],
    view: Callable[[str, _T], object],
    number: Callable[[str, _T], int] | None = None,
) -> Reply:
    """Answer with a page of a list of items that have names: views of those after the one whose name is `after`. Items
    that may leave have numbers, ascending. Raises InvalidValue."""

    def listed() -> Listed[tuple[str, _T]]:
        found = items()
        if number is None:
            place = place_of_name(query.after, tuple(found))
            return Listed(tuple(found.items()), lambda _, pair: view(*pair), lambda _, pair: pair[0], place)
        numbers = {name: (number(name, item),) for name, item in found.items()}
        place = place_of_cursor(query.after, numbers)
        pairs = tuple(found.items())
        return Listed(pairs, lambda _, pair: view(*pair), lambda _, pair: cursor(pair[0], numbers[pair[0]]), place)

    return await list_reply(world, query, listed)


async def _written(query: PageQuery, listed: Listed[_T], turns: "_Turns") -> bytes:
    """The page as JSON."""
    items: Sequence[_T] = listed.items
    matching: Sequence[int] = range(listed.first, len(items))
    if listed.passes is not None:
        items = tuple(items)  # a copy: items may be dropped meanwhile
        matching = await _matching(items, listed.first, listed.passes, turns)
    page = page_of(matching, listed.place, query.limit, newest_first=query.order == "desc")
    shown = [(index, items[index]) for index in page.indexes]
    following = listed.cursor(*shown[-1]) if shown and page.has_more else None
    end = listed.end(ListEnd(len(matching), page.has_more, following))
    encoded = []
    for index, item in shown:
        encoded.append(msgspec.json.encode(listed.view(index, item)))
        await turns.give()
    return b'{"data":[%b],%b' % (b",".join(encoded), msgspec.json.encode(end)[1:])


async def _matching(items: Sequence[_T], first: int, passes: Callable[[_T], bool], turns: "_Turns") -> Sequence[int]:
    """The indexes of the items that pass."""
    found = array("q")
    for start in range(first, len(items), _LOOKED_AT_PER_TURN):
        stretch = items[start : start + _LOOKED_AT_PER_TURN]
        found.extend([index for index, item in enumerate(stretch, start) if passes(item)])
        await turns.give()
    return found


class _WorldReplacedError(Exception):
    """The world was reset while a list of its items was being written."""


class _Turns:
    """Lets other requests have their turn during a long answer about a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._simulation = world.simulation
        self._slice = Slice()

    async def give(self) -> None:
        """Let others have their turn where this one is over. Raises _WorldReplacedError where the world was reset
        meanwhile."""
        if self._slice.is_over():
            await asyncio.sleep(0)
            if self._world.simulation is not self._simulation:
                raise _WorldReplacedError
            self._slice = Slice()


def numbered_end(latest: int, dropped: int) -> Callable[[ListEnd], Struct]:
    """The end of a list of numbered items."""
    return lambda end: NumberedListEnd(end.total, end.has_more, end.next, latest, dropped)


def place_of_name(after: str | None, names: Sequence[str]) -> ListPlace | None:
    """The place of the item of that name; None for none. Raises InvalidValue with the nearest name."""
    if after is None:
        return None
    if after not in names:
        raise InvalidValue(f'after: no item "{after}"{did_you_mean(after, names)}', param="after")
    index = names.index(after)
    return ListPlace(index, index + 1)


def cursor(name: str, numbers: Sequence[int]) -> str:
    """The cursor of an item of a list from which items may leave: its name, and its numbers, which tell its place also
    once it has left."""
    return f"{name}@{'-'.join(map(str, numbers))}"


def place_of_cursor(after: str | None, numbers: Mapping[str, Sequence[int]]) -> ListPlace | None:
    """The place that a cursor tells, or a name alone, among items with these numbers, which ascend; None for none.
    Raises InvalidValue with the nearest name."""
    if after is None:
        return None
    name, is_cursor, told = after.partition("@")
    if not is_cursor:
        return place_of_name(name, tuple(numbers))
    wanted = tuple(whole_number("after", each) for each in told.split("-"))
    places = [tuple(each) for each in numbers.values()]
    return ListPlace(bisect_left(places, wanted), bisect_right(places, wanted))


def first_since(since: Since | None, simulation: Simulation, items: Sequence[_T], at_ms: Callable[[_T], int]) -> int:
    """The index of the first of these items, which are in the order of their times, that is not before `since`."""
    if since is None:
        return 0
    earliest_ms = since.in_ms(now_ms=simulation.now_ms, start_epoch_ms=simulation.start_epoch_ms)
    return bisect_left(items, earliest_ms, key=at_ms)


def all_of(*conditions: Callable[[_T], bool] | None) -> Callable[[_T], bool] | None:
    """The condition that all those that are given hold; None where none is."""
    given = [condition for condition in conditions if condition is not None]
    if len(given) <= 1:
        return given[0] if given else None
    return lambda item: all(condition(item) for condition in given)


def record_filter(simulation: Simulation, query: RecordQuery) -> Callable[[Struct], bool] | None:
    """The condition of a query on events or ledger entries, but for `since`; None where it has none. Raises
    AccountNotFound or RentalNotFound."""
    check_accounts(simulation, query.account)
    check_rentals(simulation, query.rental_id)
    types, accounts, rental_ids = (frozenset(chosen) for chosen in (query.type, query.account, query.rental_id))
    return all_of(
        (lambda record: record.__struct_config__.tag in types) if types else None,
        (lambda record: getattr(record, "account", None) in accounts) if accounts else None,
        (lambda record: getattr(record, "rental_id", None) in rental_ids) if rental_ids else None,
    )


def check_accounts(simulation: Simulation, accounts: Iterable[str]) -> None:
    """Raises AccountNotFound for an account that the world does not have, with the nearest that it has."""
    for account in accounts:
        if account not in simulation.accounts:
            hint = did_you_mean(account, simulation.accounts)
            raise AccountNotFound(f'no account "{account}"{hint}', param="account")


def check_rentals(simulation: Simulation, rental_ids: Iterable[str], *, held_only: bool = False) -> None:
    """Raises RentalNotFound for a rental that the world never had, or with `held_only` that is no longer in memory."""
    rentals = simulation.rentals
    if not held_only and rentals.created > len(rentals.by_id):
        return  # it may be one of those that are no longer in memory, of which events may be
    for rental_id in rental_ids:
        if rental_id not in rentals.by_id:
            raise RentalNotFound(f'no rental "{rental_id}"', param="rental_id")
