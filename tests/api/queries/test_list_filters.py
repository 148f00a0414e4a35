"""The filters of each list, alone and together, and what is told of the items that they leave out."""

import asyncio
from typing import Any

import pytest
from gpu_sim.api.queries.list_queries import ENTRY_TYPES, EVENT_TYPES
from gpu_sim.worlds.retention import Retention

from ...support.asgi import BOB, RENT, Api, scenario
from ...support.builders import market, offer

TEXAS = RENT | {"region": "Texas, US"}
LISTS = ("events", "ledger", "rentals", "requests", "accounts", "worlds", "market", "faults", "market/acts")
NUMBERED = ("events", "ledger", "rentals", "requests")


@pytest.fixture
def api(runner: asyncio.Runner) -> Api:
    """A server with four rentals, an hour apart: Alice's is interrupted, Bob's are ended, provisioning and running."""
    api = Api(runner, scenario(market=market(offer(), offer("Texas, US"))))
    rental_id = api.rent()
    api.call("POST", f"/_sim/rentals/{rental_id}/interrupt")
    api.advance("1h")
    api.delete(api.rent(token=BOB), token=BOB)
    api.advance("1h")
    third = api.call("POST", "/v1/gpu/rent", TEXAS, token=BOB).json()["rental_id"]
    api.call("POST", f"/_sim/rentals/{third}/transition", {"to": "running", "hold": True})
    api.advance("1h")
    fourth = api.call("POST", "/v1/gpu/rent", TEXAS, token=BOB).json()["rental_id"]
    api.call("POST", f"/_sim/rentals/{fourth}/transition", {"to": "running"})
    return api


def ids(api: Api) -> list[str]:
    """The ids of all rentals, oldest first."""
    return [rental["rental_id"] for rental in api.get("/_sim/rentals")["data"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=terminated", [1, 2]),
        ("status=provisioning,running", [3, 4]),
        ("status=provisioning&status=terminated", [1, 2, 3]),
        ("account=bob", [2, 3, 4]),
        ("account=alice,bob", [1, 2, 3, 4]),
        ("termination_reason=interrupted", [1]),
        ("termination_reason=interrupted,deleted&account=bob", [2]),
        ("region=texas,%20us", [3, 4]),
        ("provider=vast-ai&gpu_model=rtx+4090&region=Quebec,+CA", [1, 2]),
        ("since=2026-01-01T01:00:00Z", [2, 3, 4]),
        ("since=2026-01-01T01:00:00.001Z", [3, 4]),
        ("since=1h", [3, 4]),
        ("since=0s", [4]),
        ("since=9d", [1, 2, 3, 4]),
        ("since=2030-01-01T00:00:00Z", []),
        ("since=2h&status=terminated&order=desc", [2]),
        ("order=desc", [4, 3, 2, 1]),
        ("order=desc&account=bob&limit=2", [4, 3]),
        ("after=2", [3, 4]),
        ("after=2&order=desc", [1]),
        ("after=99", []),
        ("after=99&order=desc&limit=1", [4]),
    ],
)
def test_rentals(api: Api, query: str, expected: list[int]) -> None:
    known = ids(api)
    found = [rental["rental_id"] for rental in api.get(f"/_sim/rentals?{query}")["data"]]
    assert [known.index(rental_id) + 1 for rental_id in found] == expected


def test_rentals_by_their_ids(api: Api) -> None:
    first, second, third, _ = ids(api)
    for query, expected in [
        (f"rental_id={third}", [third]),
        (f"rental_id={third},{first}", [first, third]),
        (f"rental_id={third}&account=alice", []),
        (f"after={third}&order=desc", [second, first]),
    ]:
        listed = api.get(f"/_sim/rentals?{query}")
        assert [rental["rental_id"] for rental in listed["data"]] == expected


@pytest.mark.parametrize(
    ("query", "types"),
    [
        ("type=rental_created", ["rental_created"] * 4),
        ("type=rental_terminated,hold_placed&account=alice", ["hold_placed", "rental_terminated"]),
        ("type=gpus_returned", ["gpus_returned"]),
        ("account=alice", None),
        ("since=1h&type=rental_created&type=rental_running", ["rental_created", "rental_created", "rental_running"]),
        ("since=3h&account=alice&type=account_created", ["account_created"]),
        ("type=act_started", []),
        ("type=rental_running&order=desc&limit=1", ["rental_running"]),
    ],
)
def test_events(api: Api, query: str, types: list[str] | None) -> None:
    found = api.get(f"/_sim/events?{query}")["data"]
    if types is not None:
        assert [event["type"] for event in found] == types
    if "account=alice" in query:
        assert {event["account"] for event in found} == {"alice"}


@pytest.mark.parametrize("path", ["events", "ledger"])
def test_what_concerns_a_rental_is_found_by_its_id(api: Api, path: str) -> None:
    first, second, *_ = ids(api)
    everything = api.get(f"/_sim/{path}?limit=1000")["data"]
    expected = [item for item in everything if item.get("rental_id") in (first, second)]
    assert api.get(f"/_sim/{path}?rental_id={first},{second}")["data"] == expected
    assert api.get(f"/_sim/{path}?rental_id={second}&account=alice")["data"] == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("type=credit_added", [(None, "alice"), (None, "bob")]),
        ("type=rental_settled&account=bob", [(2, "bob")]),
        ("since=2026-01-01T02:00:00Z&type=hold_placed", [(3, "bob"), (4, "bob")]),
        ("type=opening_balance", []),
        ("type=hold_placed&order=desc&limit=1", [(4, "bob")]),
    ],
)
def test_the_ledger(api: Api, query: str, expected: list[tuple[int | None, str]]) -> None:
    known = ids(api)
    found = [(entry["rental_id"], entry["account"]) for entry in api.get(f"/_sim/ledger?{query}")["data"]]
    assert [(None if id_ is None else known.index(id_) + 1, account) for id_, account in found] == expected


def test_accounts_and_offers(api: Api) -> None:
    assert [account["name"] for account in api.get("/_sim/accounts?account=bob")["data"]] == ["bob"]
    assert [account["name"] for account in api.get("/_sim/accounts?order=desc")["data"]] == ["bob", "alice"]
    assert [offer["region"] for offer in api.get("/_sim/market?region=texas,+us")["data"]] == ["Texas, US"]
    assert [offer["region"] for offer in api.get("/_sim/market?order=desc&limit=1")["data"]] == ["Texas, US"]


@pytest.mark.parametrize(
    ("target", "status", "code", "param", "says"),
    [
        ("rentals?status=runing", 400, "invalid_value", "status", 'did you mean "running"?'),
        ("rentals?status=running,", 400, "invalid_value", "status", "between its commas"),
        ("rentals?account=bobb", 404, "account_not_found", "account", 'did you mean "bob"?'),
        ("rentals?rental_id=rent_x", 404, "rental_not_found", "rental_id", 'no rental "rent_x"'),
        ("rentals?provider=vastai", 400, "invalid_value", "provider", 'did you mean "vast-ai"?'),
        ("rentals?after=rent_x", 400, "invalid_value", "after", 'no item "rent_x"'),
        ("rentals?since=yesterday", 400, "invalid_value", "since", "expected an instant"),
        ("events?type=rental_crated", 400, "invalid_value", "type", 'did you mean "rental_created"?'),
        ("events?type=opening_balance", 400, "invalid_value", "type", "is not among"),
        ("events?account=bobb", 404, "account_not_found", "account", 'did you mean "bob"?'),
        ("events?rental_id=rent_x", 404, "rental_not_found", "rental_id", 'no rental "rent_x"'),
        ("events?order=newest", 400, "invalid_value", "order", "is not among asc, desc"),
        ("ledger?type=rental_created", 400, "invalid_value", "type", "is not among"),
        ("ledger?rental_id=rent_x", 404, "rental_not_found", "rental_id", 'no rental "rent_x"'),
        ("accounts?account=bobb", 404, "account_not_found", "account", 'did you mean "bob"?'),
        ("accounts?after=bobb", 400, "invalid_value", "after", 'did you mean "bob"?'),
        ("worlds?world=defaul", 404, "world_not_found", "world", 'did you mean "default"?'),
        ("market?after=vast-ai", 400, "invalid_value", "after", 'no item "vast-ai"'),
        ("market?gpu_model=RTX+490", 400, "invalid_value", "gpu_model", 'did you mean "RTX 4090"?'),
    ],
)
def test_a_filter_that_can_find_nothing_is_refused(
    api: Api, target: str, status: int, code: str, param: str, says: str
) -> None:
    assert says in api.call("GET", f"/_sim/{target}").problem(status, code, param)["detail"]


@pytest.mark.parametrize("path", LISTS)
def test_an_unknown_parameter_is_refused_with_those_that_there_are(api: Api, path: str) -> None:
    detail = api.call("GET", f"/_sim/{path}?oder=desc").problem(400, "unknown_parameter", "oder")["detail"]
    assert detail.startswith('no parameter "oder" among world, ')
    assert detail.endswith('; did you mean "order"?')
    assert {"limit", "order", "after"} <= set(detail.split(" among ")[1].split(";")[0].split(", "))


@pytest.mark.parametrize("path", LISTS)
def test_a_list_tells_its_size_and_how_it_goes_on(api: Api, path: str) -> None:
    for number in range(2):
        api.call("POST", "/_sim/accounts", {"name": f"account-{number}"})
        api.call("POST", "/_sim/faults", {"name": f"rule-{number}", "effect": {"respond": 503}, "when": {"after": 9}})
        api.call("POST", "/_sim/market/capacity", {"set": 4, "name": f"act-{number}"})
        api.add_world(f"world-{number}", scenario(accounts=()))
    whole = api.get(f"/_sim/{path}")
    count = len(whole["data"])
    assert count > 1
    assert (whole["total"], whole["has_more"], whole["next"]) == (count, False, None)
    assert list(whole)[:4] == ["data", "total", "has_more", "next"]
    first = api.get(f"/_sim/{path}?limit=1")
    assert (first["data"], first["total"], first["has_more"]) == (whole["data"][:1], count, True)
    assert api.get(f"/_sim/{path}?after={first['next']}")["data"] == whole["data"][1:]
    last = api.get(f"/_sim/{path}?order=desc&limit={count - 1}")
    assert (last["data"], last["total"], last["has_more"]) == (whole["data"][:0:-1], count, True)
    assert api.get(f"/_sim/{path}?order=desc&after={last['next']}")["data"] == whole["data"][:1]
    none = api.get(f"/_sim/{path}?limit=0")
    assert (none["data"], none["total"], none["has_more"], none["next"]) == ([], count, True, None)
    if path in NUMBERED:
        assert (whole["latest"], whole["dropped"]) == (count, 0)


def test_what_dropped_out_is_told(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(), requests_kept=3)
    api.world.retention = Retention(1)
    gone = api.rent(token=BOB)
    api.delete(gone, token=BOB)
    for _ in range(4):
        api.delete(api.rent(token=BOB), token=BOB)
    simulation = api.world.simulation
    listed: dict[str, Any] = {path: api.get(f"/_sim/{path}?limit=1000") for path in NUMBERED}
    assert listed["rentals"]["latest"] == 5
    assert listed["rentals"]["dropped"] == 5 - len(listed["rentals"]["data"]) > 0
    assert listed["requests"]["dropped"] == listed["requests"]["latest"] - 3
    assert (listed["events"]["latest"], listed["events"]["dropped"]) == (
        simulation.events_total,
        simulation.events_dropped,
    )
    assert listed["events"]["total"] == simulation.events_total - simulation.events_dropped
    ledger = listed["ledger"]
    assert ledger["dropped"] == ledger["data"][0]["seq"] > 0
    assert ledger["total"] == len(ledger["data"])
    # A rental that is no longer known may have left events, so that it is no mistake to ask for them.
    assert api.get(f"/_sim/events?rental_id={gone}")["data"] == []
    api.call("GET", f"/_sim/rentals?rental_id={gone}").problem(404, "rental_not_found", "rental_id")
    # The list goes on from where it was, although the rental that it had come to is gone.
    assert [rental["rental_id"] for rental in api.get("/_sim/rentals?after=1")["data"]] == [
        rental["rental_id"] for rental in listed["rentals"]["data"]
    ]


def test_the_opening_balance_is_an_entry_of_no_account(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario())
    api.world.retention = Retention(1)
    for _ in range(4):
        api.delete(api.rent(token=BOB), token=BOB)
    whole = api.get("/_sim/ledger")["data"]
    assert api.get("/_sim/ledger?order=desc")["data"] == whole[::-1]
    assert api.get("/_sim/ledger?type=opening_balance")["data"] == whole[:1]
    assert api.get("/_sim/ledger?account=bob,alice")["data"] == whole[1:]
    assert api.get(f"/_sim/ledger?after={whole[0]['seq']}")["data"] == whole[1:]


def test_the_types_are_those_that_there_are() -> None:
    assert len(set(EVENT_TYPES)) == len(EVENT_TYPES) > len(ENTRY_TYPES) == 4
    assert {"rental_created", "act_started", "offer_left", *ENTRY_TYPES} <= set(EVENT_TYPES)
