"""Pages of a list: one after the other they show each item once, in order."""

from gpu_sim.api.queries.page import ListPlace, PageIndexes, page_of, place_of_number
from hypothesis import given
from hypothesis import strategies as st

MATCHING = st.sets(st.integers(0, 30)).map(sorted)


@given(MATCHING, st.integers(1, 12), st.booleans())
def test_all_pages_together_are_the_list(matching: list[int], limit: int, newest_first: bool) -> None:
    shown: list[int] = []
    place = None
    while True:
        page = page_of(matching, place, limit, newest_first=newest_first)
        shown += page.indexes
        assert len(page.indexes) == limit or not page.has_more
        if not page.has_more:
            break
        place = ListPlace(shown[-1], shown[-1] + 1)
    assert shown == (matching[::-1] if newest_first else matching)


@given(MATCHING, st.integers(0, 31), st.integers(0, 31), st.booleans())
def test_a_page_goes_on_after_an_item_that_may_not_pass_itself(
    matching: list[int], after: int, limit: int, newest_first: bool
) -> None:
    rest = [i for i in matching if i < after][::-1] if newest_first else [i for i in matching if i > after]
    page = page_of(matching, ListPlace(after, after + 1), limit, newest_first=newest_first)
    assert (list(page.indexes), page.has_more) == (rest[:limit], len(rest) > limit)


def test_nothing_is_shown_of_a_page_without_items_but_that_some_follow() -> None:
    assert page_of(range(3), None, 0, newest_first=False) == PageIndexes(range(0), has_more=True)
    assert list(page_of(range(3), None, 0, newest_first=True).indexes) == []
    assert page_of(range(3), None, 0, newest_first=True).has_more
    assert not page_of(range(0), None, 0, newest_first=True).has_more


def test_a_number_that_is_not_there_has_a_place_all_the_same() -> None:
    """Of five items 8 to 12, the items before number 3 and after number 99 are none."""
    assert place_of_number(None, 8, 5) is None
    assert place_of_number(3, 8, 5) == ListPlace(0, 0)
    assert place_of_number(7, 8, 5) == ListPlace(0, 0)
    assert place_of_number(8, 8, 5) == ListPlace(0, 1)
    assert place_of_number(12, 8, 5) == ListPlace(4, 5)
    assert place_of_number(13, 8, 5) == ListPlace(5, 5)
    assert place_of_number(99, 8, 5) == ListPlace(5, 5)
