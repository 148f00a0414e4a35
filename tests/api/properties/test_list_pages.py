"""Every list of the control plane, read page by page: each item is seen once and in order, whatever the filters, the
direction and the size of the pages, and although items are added between two pages."""

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ...support.asgi import ALICE, BOB, RENT, Api, scenario
from ...support.builders import market, offer

_numbers = count()


def _rent(api: Api) -> None:
    api.call("POST", "/v1/gpu/rent", RENT | {"region": "Texas, US"}, token=BOB)


def _rent_and_end(api: Api) -> None:
    api.delete(api.rent(token=BOB), token=BOB)


def _add_account(api: Api) -> None:
    api.call("POST", "/_sim/accounts", {"name": f"account-{next(_numbers)}"})


def _add_fault(api: Api) -> None:
    rule = {"name": f"rule-{next(_numbers)}", "effect": {"respond": 503}, "when": {"after": 1_000}}
    api.call("POST", "/_sim/faults", rule)


def _add_world(api: Api) -> None:
    api.add_world(f"world-{next(_numbers)}", scenario(accounts=()))


def _look(api: Api) -> None:
    api.call("GET", "/v1/gpu/offers", token=ALICE)


def _wait(api: Api) -> None:
    api.call("POST", "/_sim/clock/advance", {"by": "7m"})


ADDITIONS: tuple[Callable[[Api], None], ...] = (
    *(_rent, _rent_and_end, _add_account, _add_fault, _add_world, _look, _wait),
)
FILTERS: dict[str, list[dict[str, str]]] = {
    "rentals": [
        {},
        {"status": "terminated"},
        {"status": "provisioning,running"},
        {"account": "bob", "region": "Texas, US"},
        {"since": "2026-01-01T00:07:00Z"},
    ],
    "events": [
        {},
        {"type": "rental_created,hold_placed"},
        {"account": "bob"},
        {"since": "2026-01-01T00:07:00Z", "type": "rental_terminated,rental_created"},
    ],
    "ledger": [{}, {"type": "hold_placed"}, {"account": "alice,bob"}, {"since": "2026-01-01T00:00:00.001Z"}],
    "requests": [
        {},
        {"operation": "list_offers"},
        {"account": "bob", "status": "2xx"},
        {"since": "2026-01-01T00:07:00Z"},
    ],
    "accounts": [{}, {"account": "alice,bob"}],
    "faults": [{}],
    "worlds": [{}],
    "market": [{}, {"region": "Texas, US"}],
    "market/acts": [{}, {"kind": "price"}],
}
IDENTITY = {"rentals": "rental_id", "events": "seq", "ledger": "seq", "requests": "seq"}
"""The field that tells the items of a list apart: their name, unless another is given here."""
ASKED = st.sampled_from([(path, filters) for path, several in FILTERS.items() for filters in several])


def listed(api: Api, path: str, parameters: dict[str, Any]) -> Any:
    """A page of a list of the world `default`."""
    about = {} if path == "worlds" else {"world": "default"}
    return api.get(f"/_sim/{path}?{urlencode(about | parameters)}")


def keys(path: str, items: list[dict[str, Any]]) -> list[Any]:
    """The identities of items."""
    return [item[IDENTITY.get(path, "name")] for item in items]


@given(
    asked=ASKED,
    limit=st.integers(1, 7),
    order=st.sampled_from(["asc", "desc"]),
    before=st.lists(st.sampled_from(ADDITIONS), max_size=12),
    between=st.lists(st.sampled_from(ADDITIONS), max_size=4),
)
@settings(max_examples=60, deadline=None)
def test_each_item_is_seen_once_and_in_order(
    asked: tuple[str, dict[str, str]],
    limit: int,
    order: str,
    before: list[Callable[[Api], None]],
    between: list[Callable[[Api], None]],
) -> None:
    path, filters = asked
    with asyncio.Runner() as runner:
        api = Api(runner, scenario(market=market(offer(), offer("Texas, US"))))
        for add in before:
            add(api)
        at_first = keys(path, listed(api, path, filters | {"limit": 10_000})["data"])
        additions = iter(between)
        seen: list[Any] = []
        page = listed(api, path, filters | {"limit": limit, "order": order})
        while True:
            assert page["has_more"] == (page["next"] is not None)
            assert len(page["data"]) == limit or not page["has_more"]
            seen += keys(path, page["data"])
            if not page["has_more"]:
                break
            if (addition := next(additions, None)) is not None:
                addition(api)
            page = listed(api, path, filters | {"limit": limit, "order": order, "after": page["next"]})
        whole = listed(api, path, filters | {"limit": 10_000})
        at_last = keys(path, whole["data"])
    assert len(set(seen)) == len(seen)
    assert (whole["total"], page["total"]) == (len(at_last), len(at_last))
    if order == "asc":
        # What was added meanwhile is seen too; a rental may have changed its status.
        assert seen == at_last or "status" in filters
        assert [key for key in seen if key in at_first] == [key for key in at_first if key in seen]
    else:
        assert seen == at_first[::-1] or "status" in filters


def _drop(api: Api) -> None:
    """Keep one rental that has ended and the latest events."""
    api.world.simulation.drop(rentals=1, events=6, lines=6)


@given(
    asked=ASKED.filter(lambda asked: asked[0] in ("rentals", "events", "ledger")),
    limit=st.integers(1, 4),
    between=st.lists(st.sampled_from((_rent_and_end, _wait, _drop)), max_size=6),
)
@settings(max_examples=40, deadline=None)
def test_what_is_dropped_between_two_pages_is_left_out_and_nothing_else(
    asked: tuple[str, dict[str, str]], limit: int, between: list[Callable[[Api], None]]
) -> None:
    path, filters = asked
    with asyncio.Runner() as runner:
        api = Api(runner, scenario(market=market(offer(), offer("Texas, US"))))
        for _ in range(4):
            _rent_and_end(api)
        actions = iter(between)
        seen: list[Any] = []
        page = listed(api, path, filters | {"limit": limit})
        while True:
            seen += keys(path, page["data"])
            if page["next"] is None:
                break
            if (action := next(actions, None)) is not None:
                action(api)
            page = listed(api, path, filters | {"limit": limit, "after": page["next"]})
        at_last = keys(path, listed(api, path, filters | {"limit": 10_000})["data"])
    assert len(set(seen)) == len(seen)
    if path == "ledger" and not filters and _drop in between:
        at_last = at_last[1:]  # the opening balance, which may stand for entries that were seen
    assert [key for key in seen if key in at_last] == at_last


def _price(api: Api) -> None:
    api.call("POST", "/_sim/market/price", {"multiply": 1, "for": f"{next(_numbers) % 9 + 1}m"})


LEAVING: dict[str, Callable[[Api], None]] = {
    "worlds": _add_world,
    "faults": _add_fault,
    "market/acts": _price,
}


@given(
    path=st.sampled_from(sorted(LEAVING)),
    limit=st.integers(1, 3),
    order=st.sampled_from(["asc", "desc"]),
    leaving=st.lists(st.lists(st.integers(0, 7), max_size=4), max_size=6),
)
@example(path="market/acts", limit=2, order="asc", leaving=[[0, 0]])
@settings(max_examples=60, deadline=None)
def test_a_list_goes_on_after_an_item_that_has_left(
    path: str, limit: int, order: str, leaving: list[list[int]]
) -> None:
    """Whoever deletes what a page shows, and goes on with its `next`, misses nothing."""
    add = LEAVING[path]
    with asyncio.Runner() as runner:
        api = Api(runner, scenario(market=market(offer(), offer("Texas, US"))))
        for _ in range(8):
            add(api)
        at_first = keys(path, listed(api, path, {"order": order})["data"])
        seen: list[str] = []
        gone: set[str] = set()
        steps = iter(leaving)
        page = listed(api, path, {"limit": limit, "order": order})
        while True:
            seen += keys(path, page["data"])
            if page["next"] is None:
                break
            for place in next(steps, ()):
                there = [name for name in keys(path, listed(api, path, {"order": order})["data"]) if name != "default"]
                if place < len(there):
                    gone.add(there[place])
                    about = "" if path == "worlds" else "?world=default"
                    assert api.call("DELETE", f"/_sim/{path}/{there[place]}{about}").status == 204
            page = listed(api, path, {"limit": limit, "order": order, "after": page["next"]})
    assert seen == [name for name in at_first if name in seen]
    assert set(at_first) - set(seen) <= gone


@pytest.mark.parametrize("cursor", ["x@", "x@1-", "@-1", "x@y", "@"])
@pytest.mark.parametrize("path", sorted(LEAVING))
def test_a_cursor_that_no_list_gave_is_refused(api: Api, path: str, cursor: str) -> None:
    api.call("GET", f"/_sim/{path}?after={cursor}").problem(400, "invalid_value", "after")
