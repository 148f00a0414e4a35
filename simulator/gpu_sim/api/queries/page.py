"""A page of a list: the items that pass its filters, from one place on and in one direction."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple


class ListPlace(NamedTuple):
    """A place in a list, as numbers of items before it: those up to the item `after`, without it and with it. Both are
    the same where that item is not there."""

    before: int
    through: int


class PageIndexes(NamedTuple):
    """Indexes of the items of a page in the order in which it shows them, and whether more follow."""

    indexes: Sequence[int]
    has_more: bool


def page_of(matching: Sequence[int], place: ListPlace | None, limit: int, *, newest_first: bool) -> PageIndexes:
    """The page of at most `limit` items that follow `place`, or begin the list without one. `matching` are the indexes
    of the items that pass, ascending; newest first, those before the place follow it."""
    if newest_first:
        end = len(matching) if place is None else bisect_left(matching, place.before)
        start = max(0, end - limit)
        return PageIndexes(matching[start:end][::-1], start > 0)
    start = 0 if place is None else bisect_left(matching, place.through)
    end = start + limit
    return PageIndexes(matching[start:end], end < len(matching))


def place_of_number(number: int | None, first: int, count: int) -> ListPlace | None:
    """The place of the item `number` among `count` items that are numbered on from `first`; None for none."""
    if number is None:
        return None
    return ListPlace(min(max(0, number - first), count), min(max(0, number - first + 1), count))
