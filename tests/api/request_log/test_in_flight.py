"""Requests in flight: which there are, whose they are, and what is known of them."""

import asyncio

import pytest

from ...support.asgi import ALICE, RENT, Api
from .under_way import (
    CAROL,
    LISTS,
    RENTING,
    RENTS,
    REQUESTS,
    Act,
    delete,
    forget,
    in_flight,
    reads_slowly,
    reset,
    sends_slowly,
    stop,
    turns,
    two_worlds,
    under_way,
)


@pytest.fixture
def api(runner: asyncio.Runner) -> Api:
    """A server with two worlds."""
    return two_worlds(runner)


def test_a_request_is_in_flight_until_it_is_in_the_log(api: Api) -> None:
    async def look() -> None:
        assert await in_flight(api) == {"total": 0, "data": []}
        async with under_way(api, (*RENTS,), headers=[("idempotency-key", "k"), ("x-request-id", "mine")]):
            listed = (await api.send("GET", REQUESTS)).json()
            assert (listed["data"], listed["total"]) == ([], 0)
            (request,) = listed["in_flight"]["data"]
            assert request.pop("duration_ms") >= 0
            assert request == {
                "since": "2026-01-01T00:00:00.000Z",
                "account": "alice",
                "operation": "rent_gpu",
                "method": "POST",
                "path": RENTING,
                "query": "",
                "fault": None,
                "rental_id": None,
                "provider_id": RENT["provider_id"],
                "gpu_model": RENT["gpu_model"],
                "region": RENT["region"],
                "request_id": "mine",
                "idempotency_key": "k",
            }
        listed = (await api.send("GET", REQUESTS)).json()
        assert (listed["total"], listed["in_flight"]) == (1, {"total": 0, "data": []})

    api.runner.run(look())


@pytest.mark.parametrize(
    ("query", "operations"),
    [
        ("", ["rent_gpu", "list_offers", "get_rental"]),
        ("operation=rent_gpu", ["rent_gpu"]),
        ("operation=terminate_rental", []),
        ("account=bob", []),
        ("status=409&error=offer_unavailable", ["rent_gpu", "list_offers", "get_rental"]),
        ("gpu_model=RTX%204090", ["rent_gpu"]),
        ("provider=gcp", []),
        ("rental=rent_x", ["rent_gpu", "get_rental"]),
        ("rental=rent_y", ["rent_gpu"]),
        ("limit=0", ["rent_gpu", "list_offers", "get_rental"]),
    ],
)
def test_filters_leave_those_that_may_pass_them(api: Api, query: str, operations: list[str]) -> None:
    async def look() -> None:
        async with under_way(api, RENTS, LISTS, ("GET", "/v1/gpu/rentals/rent_x")):
            found = await in_flight(api, query)
            assert [request["operation"] for request in found["data"]] == operations
            assert found["total"] == len(operations)

    api.runner.run(look())


def test_of_many_100_are_shown_and_all_are_counted(api: Api) -> None:
    async def look() -> None:
        async with under_way(api, *[LISTS] * 101):
            found = await in_flight(api)
            assert (found["total"], len(found["data"])) == (101, 100)

    api.runner.run(look())


def test_each_world_has_its_own(api: Api) -> None:
    async def look() -> None:
        async with under_way(api, LISTS):
            assert (await in_flight(api, "world=other"))["total"] == 0

    api.runner.run(look())


@pytest.mark.parametrize(
    ("token", "world", "account"),
    [(CAROL, "other", "carol"), ("si_nobody", "default", None), (ALICE, "default", "alice")],
)
def test_a_request_whose_body_is_still_coming_is_where_its_token_leads(
    api: Api, token: str, world: str, account: str | None
) -> None:
    sent = asyncio.Event()

    async def look() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(sends_slowly(api, token, sent))
            await turns()
            for name in ("default", "other"):
                found = await in_flight(api, f"world={name}&gpu_model=H100")
                assert [request["account"] for request in found["data"]] == ([account] if name == world else [])
            sent.set()
            await turns()
            assert (await in_flight(api, f"world={world}"))["total"] == 0

    api.runner.run(look())


def test_an_answer_that_the_client_does_not_take_is_still_being_given(api: Api) -> None:
    async def look() -> None:
        async with asyncio.TaskGroup() as tasks:
            taken = asyncio.Event()
            tasks.create_task(reads_slowly(api, CAROL, taken))
            await turns()
            assert [request["account"] for request in (await in_flight(api, "world=other"))["data"]] == ["carol"]
            taken.set()

    api.runner.run(look())


def test_a_list_waits_for_requests_that_may_pass_its_filters(api: Api) -> None:
    async def look() -> None:
        async with asyncio.TaskGroup() as tasks:
            async with under_way(api, LISTS):
                assert (await in_flight(api, "wait=30s&operation=rent_gpu"))["total"] == 0
                waiting = tasks.create_task(api.send("GET", f"{REQUESTS}?wait=30s"))
                await turns()
                assert not waiting.done()
            listed = (await waiting).json()
            assert ([request["seq"] for request in listed["data"]], listed["in_flight"]["total"]) == ([1], 0)

    api.runner.run(look())


def test_a_list_waits_no_longer_than_it_is_told(api: Api) -> None:
    async def look() -> None:
        async with under_way(api, LISTS):
            assert (await in_flight(api, "wait=5ms"))["total"] == 1

    api.runner.run(look())


@pytest.mark.parametrize(
    ("query", "says"),
    [("wait=31s", "wait is at most 30s"), ("wait=soon", "a duration such as"), ("wait=", "needs a value")],
)
def test_a_wait_that_cannot_be_is_refused(api: Api, query: str, says: str) -> None:
    assert says in api.call("GET", f"{REQUESTS}?{query}").problem(400, "invalid_value", "wait")["detail"]


@pytest.mark.parametrize("act", [reset, forget, delete, stop])
def test_what_ends_the_world_or_its_log_ends_the_wait_of_a_list(api: Api, act: Act) -> None:
    async def look() -> None:
        async with asyncio.TaskGroup() as tasks:
            taken = asyncio.Event()
            tasks.create_task(reads_slowly(api, CAROL, taken))
            listing = tasks.create_task(api.send("GET", f"{REQUESTS}?world=other&wait=30s"))
            await turns()
            assert not listing.done()
            await act(api)
            assert (await listing).json()["in_flight"]["total"] == 1
            taken.set()

    api.runner.run(look())
