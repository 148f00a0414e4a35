"""Long lists of the control plane: other requests have their turn meanwhile, and what they do is no trouble."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from gpu_sim.api.control import lists

from ...support.asgi import Answer, Api
from ...support.manual_clock import ShortSlice

LISTS = (
    *("/_sim/events", "/_sim/ledger", "/_sim/rentals", "/_sim/accounts", "/_sim/market", "/_sim/faults"),
    "/_sim/market/acts",
)
BEFORE = 12


@pytest.fixture
def many(api: Api) -> Api:
    """A server with some of everything that is listed."""
    for number in range(BEFORE):
        api.delete(api.rent())
        api.call("POST", "/_sim/accounts", {"name": f"account-{number}"})
        api.call("POST", "/_sim/faults", {"name": f"rule-{number}", "effect": {"respond": 503}, "when": {"after": 99}})
        api.call("POST", "/_sim/market/price", {"multiply": 1})
    return api


def meanwhile(api: Api, target: str, act: Callable[[], Any]) -> tuple[list[Answer], list[str]]:
    """Ask for a list, and after its first turn do something else; the answers, and the order in which they came."""
    order: list[str] = []

    async def call(name: str, awaitable: Any) -> Answer:
        answer: Answer = await awaitable
        order.append(name)
        return answer

    async def both() -> list[Answer]:
        listing = asyncio.create_task(call("list", api.send("GET", target)))
        await asyncio.sleep(0)
        other = await call("other", act())
        return [await listing, other]

    return api.runner.run(both()), order


@pytest.mark.parametrize("target", LISTS)
def test_health_is_answered_while_a_long_list_is_written(
    many: Api, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = many.call("GET", f"{target}?limit=1000")
    monkeypatch.setattr(lists, "Slice", ShortSlice)
    (listed, health), order = meanwhile(many, f"{target}?limit=1000", lambda: many.send("GET", "/_sim/health"))
    assert (listed.status, health.status) == (200, 200)
    assert listed.body == whole.body
    if len(whole.json()["data"]) > 1:  # the market has one offer
        assert order == ["other", "list"]


@pytest.mark.parametrize("target", LISTS)
@pytest.mark.parametrize(
    "change",
    [
        ("POST", "/_sim/accounts", {"name": "zoe"}),
        ("DELETE", "/_sim/faults/rule-3", None),
        ("POST", "/_sim/clock/advance", {"by": "1d"}),
    ],
)
def test_a_list_is_written_to_its_end_whatever_changes_meanwhile(
    many: Api, target: str, change: tuple[str, str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = many.get(f"{target}?limit=1000")["data"]
    monkeypatch.setattr(lists, "Slice", ShortSlice)
    (listed, changed), _ = meanwhile(many, f"{target}?limit=1000", lambda: many.send(*change))
    assert (listed.status, changed.status // 100) == (200, 2)
    assert len(listed.json()["data"]) == len(before)


@pytest.mark.parametrize("target", LISTS)
def test_a_list_begins_anew_where_its_world_is_reset_meanwhile(
    many: Api, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "Slice", ShortSlice)
    (listed, changed), _ = meanwhile(many, f"{target}?limit=1000", lambda: many.send("POST", "/_sim/reset"))
    assert (listed.status, changed.status) == (200, 200)
    assert listed.body == many.call("GET", f"{target}?limit=1000").body


def test_the_events_of_a_long_list_are_written_in_many_turns(many: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    turns = []

    class CountedSlice(ShortSlice):
        def __init__(self) -> None:
            turns.append(self)

    monkeypatch.setattr(lists, "Slice", CountedSlice)
    events = many.get("/_sim/events?limit=1000000")["data"]
    assert len(turns) == len(events) + 1 > BEFORE * 5


FILTERED = ("/_sim/events?account=alice", "/_sim/ledger?type=hold_placed", "/_sim/rentals?status=terminated")


@pytest.mark.parametrize("target", FILTERED)
def test_items_are_filtered_in_turns_with_other_requests(
    many: Api, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where nothing is shown in the end, and whatever is dropped meanwhile."""
    monkeypatch.setattr(lists, "Slice", ShortSlice)
    monkeypatch.setattr(lists, "_LOOKED_AT_PER_TURN", 1)

    async def drop() -> Answer:
        many.world.simulation.drop(rentals=1, events=5, lines=5)
        return await many.send("GET", "/_sim/health")

    for limit in (0, 1000):
        whole = many.get(f"{target}&limit=1000")
        assert whole["total"] >= BEFORE // 2
        (listed, health), order = meanwhile(many, f"{target}&limit={limit}", drop)
        assert (listed.status, health.status, order) == (200, 200, ["other", "list"])
        assert (listed.json()["data"], listed.json()["total"]) == (whole["data"][:limit], whole["total"])
        for _ in range(BEFORE):
            many.delete(many.rent())


def test_a_filtered_list_begins_anew_where_its_world_is_reset_meanwhile(
    many: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "Slice", ShortSlice)
    monkeypatch.setattr(lists, "_LOOKED_AT_PER_TURN", 1)
    target = "/_sim/events?account=alice&type=account_created,hold_placed"
    (listed, _), _ = meanwhile(many, target, lambda: many.send("POST", "/_sim/reset"))
    assert [event["type"] for event in listed.json()["data"]] == ["account_created"]
    # An account that came after the start is gone with the reset, in the middle of a list of what concerns it.
    many.call("POST", "/_sim/accounts", {"name": "zoe"})
    target = "/_sim/events?account=zoe"
    (listed, _), _ = meanwhile(many, target, lambda: many.send("POST", "/_sim/reset"))
    listed.problem(404, "account_not_found", "account")
