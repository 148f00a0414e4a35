"""The request log on the control plane: filters, and verifying what clients did."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from gpu_sim.api.request_log.logged_request import LoggedRequest
from gpu_sim.api.request_log.request_match import Match, Mismatch
from gpu_sim.api.transport import InjectedDisconnect
from gpu_sim.core.scenario.scenario import AccountSpec

from ...support.asgi import ALICE, BOB, RENT, Answer, Api, scenario

REQUESTS = "/_sim/requests"
VERIFY = "/_sim/requests/verify"
MEMBERS = ("matched", "seqs", "dropped", "in_flight", "nearest")


@pytest.fixture
def api(api: Api) -> Api:
    """A server with logged requests: 1 offers, 2 rent by Alice, 3 rent by Bob, 4 GET, 5 DELETE, 6 an unknown rental,
    7 without a token."""
    api.call("GET", "/v1/gpu/offers")
    rental_id = api.rent(headers=[("idempotency-key", "k")])
    api.rent(token=BOB)
    api.rental(rental_id)
    api.delete(rental_id)
    api.call("GET", "/v1/gpu/rentals/rent_x")
    api.call("GET", "/v1/gpu/offers", token=None)
    return api


def seqs(api: Api, query: str) -> list[int]:
    """The numbers of the requests that a query finds."""
    return [request["seq"] for request in api.get(f"{REQUESTS}?{query}")["data"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [1, 2, 3, 4, 5, 6, 7]),
        ("operation=rent_gpu", [2, 3]),
        ("operation=list_offers", [1, 7]),
        ("account=bob", [3]),
        (f"token={BOB}", [3]),
        (f"token={BOB}&account=bob", [3]),
        ("status=404", [6]),
        ("status=2xx", [1, 2, 3, 4, 5]),
        ("status=4xx", [6, 7]),
        ("status=0", []),
        ("fault=lost", []),
        ("rental=rent_x", [6]),
        ("rental_id=rent_x", [6]),
        ("since=2026-01-01T00:00:00Z", [1, 2, 3, 4, 5, 6, 7]),
        ("since=2026-01-01T00:00:00.001Z", []),
        ("since=1d", [1, 2, 3, 4, 5, 6, 7]),
        ("order=desc&limit=2", [7, 6]),
        ("order=desc&after=3", [2, 1]),
        ("order=desc&operation=rent_gpu", [3, 2]),
        ("operation=list_offers&status=200&account=alice", [1]),
        ("limit=2", [1, 2]),
        ("limit=0", []),
        ("after=5", [6, 7]),
        ("after=2&limit=1&operation=rent_gpu", [3]),
        ("after=7", []),
    ],
)
def test_filters_and_windows(api: Api, query: str, expected: list[int]) -> None:
    assert seqs(api, query) == expected


def test_requests_of_a_rental_are_found_by_its_id(api: Api) -> None:
    rental_id = api.get(REQUESTS)["data"][1]["rental_id"]
    assert seqs(api, f"rental={rental_id}") == [2, 4, 5]


def test_a_fault_that_was_injected_is_found_by_its_rule(api: Api) -> None:
    rule = {"name": "lost", "on": {"operation": "rent_gpu"}, "effect": {"lose_response": True}}
    api.call("POST", "/_sim/faults", rule)
    with pytest.raises(InjectedDisconnect):
        api.call("POST", "/v1/gpu/rent", RENT, token=BOB)
    api.call("GET", "/v1/gpu/offers", headers=[("x-sim", "respond=503")])
    (lost,) = api.get(f"{REQUESTS}?fault=lost&status=0")["data"]
    assert (lost["seq"], lost["operation"], lost["account"], lost["status"]) == (8, "rent_gpu", "bob", 0)
    assert lost["rental_id"] in api.world.simulation.rentals.by_id
    (asked,) = api.get(f"{REQUESTS}?fault=header")["data"]
    assert (asked["seq"], asked["status"]) == (9, 503)
    verified = api.call("POST", VERIFY, {"match": {"fault": "lost", "status": 0}, "exactly": 1})
    assert verified.json()["seqs"] == [8]


@pytest.mark.parametrize(
    ("query", "status", "code", "param", "hint"),
    [
        ("operation=rent_gpuu", 400, "invalid_value", "operation", 'did you mean "rent_gpu"?'),
        ("status=4x", 400, "invalid_value", "status", "4xx"),
        ("account=alic", 404, "account_not_found", "account", 'did you mean "alice"?'),
        ("token=si_nobody", 400, "invalid_value", "token", "no account"),
        (f"token={BOB}&account=alice", 400, "invalid_value", "token", "no account"),
        ("rental=rent_x&rental_id=rent_x", 400, "invalid_value", "rental", "give one of them"),
        ("limit=-1", 400, "invalid_value", "limit", "whole"),
        ("after=x", 400, "invalid_value", "after", "whole"),
        ("operatoin=x", 400, "unknown_parameter", "operatoin", 'did you mean "operation"?'),
    ],
)
def test_what_cannot_be_asked_for_is_refused(
    api: Api, query: str, status: int, code: str, param: str, hint: str
) -> None:
    assert hint in api.call("GET", f"{REQUESTS}?{query}").problem(status, code, param)["detail"]


def test_the_token_of_another_world_is_none_of_this(api: Api) -> None:
    api.add_world("other", scenario(accounts=(AccountSpec("carol", "si_test_carol"),)))
    api.call("GET", f"{REQUESTS}?token=si_test_carol").problem(400, "invalid_value", "token")
    api.call("GET", f"{REQUESTS}?token=si_test_carol&world=other", token=None)


def test_a_full_ring_says_what_dropped_out(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(), requests_kept=3)
    for _ in range(5):
        api.call("GET", "/v1/gpu/offers")
    listed = api.get(REQUESTS)
    assert [request["seq"] for request in listed["data"]] == [3, 4, 5]
    assert (listed["total"], listed["latest"], listed["dropped"]) == (3, 5, 2)
    verified = api.call("POST", VERIFY, {"match": {}, "exactly": 3})
    assert verified.json() == {"held": True, "matched": 3, "seqs": [3, 4, 5], "dropped": 2}


def test_what_is_verified_is_judged_by_the_requests_that_are_kept(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(), requests_kept=2)
    api.rent()
    for _ in range(2):
        api.call("GET", "/v1/gpu/offers")
    rent = {"operation": "rent_gpu"}
    assert api.call("POST", VERIFY, {"match": rent, "exactly": 0}).json()["dropped"] == 1
    problem = api.call("POST", VERIFY, {"in_order": [rent]}).problem(409, "not_held", more=MEMBERS)
    assert problem["dropped"] == 1


def test_without_a_ring_nothing_is_said(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(), requests_kept=0)
    api.rent()
    api.call("GET", REQUESTS).problem(409, "request_log_off")
    api.call("POST", VERIFY, {"match": {}, "at_most": 0}).problem(409, "request_log_off")


HELD: list[tuple[dict[str, Any], list[int]]] = [
    ({"match": {}}, [1, 2, 3, 4, 5, 6, 7]),
    ({"match": {"operation": "rent_gpu"}}, [2, 3]),
    ({"match": {"operation": "rent_gpu"}, "exactly": 2}, [2, 3]),
    ({"match": {"operation": "rent_gpu"}, "at_least": 2, "at_most": 2}, [2, 3]),
    ({"match": {"operation": "rent_gpu"}, "at_most": 3}, [2, 3]),
    ({"match": {"account": "carol"}, "at_most": 0}, []),
    ({"match": {"status": "5xx"}, "exactly": 0}, []),
    ({"match": {"status": 500}, "at_least": 0}, []),
    ({"match": {"account": None}}, [7]),
    ({"match": {"method": "DELETE", "fault": None}}, [5]),
    ({"match": {"idempotency_key": "k", "body": {"gpu_model": "RTX 4090"}}}, [2]),
    ({"match": {"body": {"gpu_model": "RTX 4090", "region": "Quebec, CA"}, "status": "2xx"}}, [2, 3]),
    ({"in_order": [{"operation": "rent_gpu"}, {"operation": "terminate_rental", "status": 200}]}, [2, 5]),
    ({"in_order": [{}, {}, {}]}, [1, 2, 3]),
    ({"in_order": [{"operation": "list_offers"}, {"operation": "list_offers"}]}, [1, 7]),
]


@pytest.mark.parametrize(("body", "expected"), HELD)
def test_what_holds_is_confirmed_with_its_requests(api: Api, body: dict[str, Any], expected: list[int]) -> None:
    verified = api.call("POST", VERIFY, body)
    assert verified.status == 200, verified.body
    assert verified.json() == {"held": True, "matched": len(expected), "seqs": expected, "dropped": 0}


NOT_HELD: list[tuple[dict[str, Any], list[int], str]] = [
    ({"match": {"account": "carol"}}, [], "at least 1 expected, 0 found"),
    ({"match": {"operation": "rent_gpu"}, "exactly": 1}, [2, 3], "exactly 1 expected, 2 found"),
    ({"match": {"operation": "rent_gpu"}, "at_least": 3}, [2, 3], "at least 3 expected, 2 found"),
    ({"match": {"operation": "rent_gpu"}, "at_most": 1}, [2, 3], "at most 1 expected, 2 found"),
    (
        {"in_order": [{"operation": "terminate_rental"}, {"operation": "rent_gpu"}]},
        [5],
        "2 requests in this order expected, only the first 1 found",
    ),
    ({"in_order": [{"status": 500}, {}]}, [], "2 requests in this order expected, only the first 0 found"),
]


@pytest.mark.parametrize(("body", "expected", "detail"), NOT_HELD)
def test_what_does_not_hold_is_a_conflict(api: Api, body: dict[str, Any], expected: list[int], detail: str) -> None:
    problem = api.call("POST", VERIFY, body).problem(409, "not_held", more=MEMBERS)
    assert (problem["detail"], problem["matched"], problem["seqs"]) == (detail, len(expected), expected)


def nearest(api: Api, body: dict[str, Any]) -> list[tuple[int, list[dict[str, Any]]]]:
    """The numbers of the nearest requests of a failed verification, each with its mismatches."""
    problem = api.call("POST", VERIFY, body).problem(409, "not_held", more=MEMBERS)
    return [(request["seq"], request["mismatches"]) for request in problem["nearest"]]


def test_the_nearest_requests_come_first_with_the_reasons_why_not(api: Api) -> None:
    found = nearest(api, {"match": {"operation": "rent_gpu", "account": "bob", "body": {"gpu_model": "H100"}}})
    assert [seq for seq, _ in found] == [3, 2, 1, 4, 5]
    assert found[0][1] == [{"field": "body.gpu_model", "expected": "H100", "actual": "RTX 4090"}]
    assert found[1][1] == [
        {"field": "account", "expected": "bob", "actual": "alice"},
        {"field": "body.gpu_model", "expected": "H100", "actual": "RTX 4090"},
    ]
    assert [mismatch["field"] for mismatch in found[2][1]] == ["operation", "account", "body.gpu_model"]


def test_the_nearest_requests_are_shown_whole(api: Api) -> None:
    problem = api.call("POST", VERIFY, {"match": {"status": 500}}).json()
    listed = api.get(REQUESTS)["data"]
    for request in problem["nearest"]:
        del request["mismatches"]
        assert request in listed


def test_where_too_many_match_the_nearest_are_others(api: Api) -> None:
    found = nearest(api, {"match": {"status": "2xx"}, "exactly": 1})
    assert [seq for seq, _ in found] == [6, 7]


def test_what_came_in_another_order_is_nearest(api: Api) -> None:
    found = nearest(api, {"in_order": [{"operation": "terminate_rental"}, {"operation": "get_rental", "status": 200}]})
    assert found[0] == (4, [{"field": "seq", "expected": "above 5", "actual": 4}])
    assert found[1] == (6, [{"field": "status", "expected": 200, "actual": 404}])


def test_no_more_than_100_numbers_are_shown(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario())
    for _ in range(101):
        api.call("GET", "/v1/gpu/offers")
    verified = api.call("POST", VERIFY, {"match": {}, "exactly": 101}).json()
    assert (verified["matched"], verified["seqs"]) == (101, list(range(1, 101)))


@pytest.mark.parametrize(
    ("body", "code", "param", "hint"),
    [
        ({}, "invalid_value", None, "either match or in_order"),
        ({"match": {}, "in_order": [{}]}, "invalid_value", None, "either match or in_order"),
        ({"in_order": []}, "invalid_value", None, "at least one"),
        ({"in_order": [{}], "exactly": 1}, "invalid_value", None, "go with match"),
        ({"match": {}, "exactly": 1, "at_most": 1}, "invalid_value", None, "alone"),
        ({"match": {}, "at_least": -1}, "invalid_value", None, "at least 0"),
        ({"match": {}, "at_least": 2, "at_most": 1}, "invalid_value", None, "above"),
        ({"match": {}, "at_laest": 2}, "unknown_field", "at_laest", 'did you mean "at_least"?'),
        ({"match": {"operatoin": "x"}}, "unknown_field", "operatoin", 'did you mean "operation"?'),
        ({"in_order": [{}, {"acount": "x"}]}, "unknown_field", "acount", 'did you mean "account"?'),
        ({"match": {"operation": "rent"}}, "invalid_value", "match.operation", "is not among"),
        ({"in_order": [{"operation": "get_rentals"}]}, "invalid_value", "in_order[0].operation", '"get_rental"?'),
        ({"match": {"status": "4x"}}, "invalid_value", "match", "4xx"),
        ({"match": {"status": 1.5}}, "invalid_value", "match.status", "int"),
        ({"match": {"body": []}}, "invalid_value", "match.body", "object"),
        ({"match": []}, "invalid_value", "match", "object"),
    ],
)
def test_what_cannot_be_verified_is_refused(
    api: Api, body: dict[str, Any], code: str, param: str | None, hint: str
) -> None:
    assert hint in api.call("POST", VERIFY, body).problem(400, code, param)["detail"]


def test_reading_and_verifying_change_nothing(api: Api) -> None:
    before = api.get(REQUESTS)
    with api.unchanged():
        api.call("POST", VERIFY, {"match": {}})
        api.call("POST", VERIFY, {"match": {"status": 500}})
    assert api.get(REQUESTS) == before


def test_long_values_and_many_mismatches_are_shown_in_part(api: Api) -> None:
    body = {f"field-{number:03d}": "x" * 30 for number in range(300)} | {"a" * 300: "b"}
    for request in api.call("POST", VERIFY, {"match": {"path": "p" * 100_000, "body": body}}).json()["nearest"]:
        assert len(request["mismatches"]) == 20
        assert request["mismatches"][0]["expected"] == "p" * 256 + "…"


@pytest.mark.parametrize("wanted", [{"match": {"status": 500}}, {"in_order": [{"status": 500}]}])
def test_requests_are_compared_in_turns_with_other_requests(
    runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch, wanted: dict[str, Any]
) -> None:
    api = Api(runner, scenario())
    for _ in range(400):
        api.call("GET", "/v1/gpu/offers")
    compared: list[int] = []
    turns: list[int] = []
    mismatches = Match.mismatches

    def noted(match: Match, request: LoggedRequest) -> list[Mismatch]:
        compared.append(request.seq)
        return mismatches(match, request)

    monkeypatch.setattr(Match, "mismatches", noted)

    async def count_turns() -> None:
        while True:
            turns.append(len(compared))
            await asyncio.sleep(0)

    async def both() -> Answer:
        counting = asyncio.create_task(count_turns())
        answer = await api.send("POST", VERIFY, wanted)
        counting.cancel()
        return answer

    assert runner.run(both()).status == 409
    turns.append(len(compared))
    assert max(then - before for before, then in pairwise(turns)) <= 100


def test_the_body_of_a_match_has_a_limit(api: Api) -> None:
    fits = {"x": "y" * (16_384 - 8)}
    assert api.call("POST", VERIFY, {"match": {"body": fits}}).status == 409
    for wanted in ({"match": {"body": {"x": fits["x"] + "y"}}}, {"in_order": [{"body": {"xx": fits["x"]}}]}):
        refused = api.call("POST", VERIFY, wanted)
        assert "at most 16384 bytes" in refused.problem(400, "invalid_value", refused.json()["param"])["detail"]


def test_other_requests_are_served_while_a_long_log_is_read(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario())
    for _ in range(500):
        api.call("POST", "/v1/gpu/rent", RENT, token=None)
    order: list[str] = []

    async def finished(name: str, method: str, path: str, content: Any = None) -> Any:
        answer = await api.send(method, path, content, token=ALICE)
        order.append(name)
        return answer.json()

    async def both() -> Any:
        long = asyncio.create_task(finished("verify", "POST", VERIFY, {"match": {}, "exactly": 500, "wait": "0s"}))
        await asyncio.sleep(0)
        await finished("offers", "GET", "/v1/gpu/offers")
        return await long

    verified = runner.run(both())
    assert order == ["offers", "verify"]
    assert verified["matched"] == 500
