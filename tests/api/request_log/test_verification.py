"""Verifying while requests are in flight: what is waited for and for how long, and what is said at the end of that."""

import asyncio
from typing import Any

import pytest

from ...support.asgi import Api
from .under_way import (
    CAROL,
    LISTS,
    RENTS,
    REQUESTS,
    VERIFY,
    Act,
    delete,
    forget,
    in_flight,
    reads_slowly,
    reset,
    stop,
    turns,
    two_worlds,
    under_way,
)


@pytest.fixture
def api(runner: asyncio.Runner) -> Api:
    """A server with two worlds."""
    return two_worlds(runner)


async def verified(api: Api, **wanted: Any) -> Any:
    """The code of a verification's refusal, `held` where there is none, and the whole answer."""
    answer = (await api.send("POST", VERIFY, wanted)).json()
    return answer.get("code", "held"), answer


@pytest.mark.parametrize("name", ["wait", "within"])
def test_a_verification_that_waits_too_long_is_refused(api: Api, name: str) -> None:
    refused = api.call("POST", VERIFY, {"match": {}, name: "1m"})
    assert refused.problem(400, "invalid_value", name)["detail"] == f"{name} is at most 30s"


RENT_MATCH = {"operation": "rent_gpu"}
LIST_MATCH = {"operation": "list_offers"}


@pytest.mark.parametrize(
    ("wanted", "code", "detail"),
    [
        ({"match": RENT_MATCH, "exactly": 1}, "held", None),
        ({"match": RENT_MATCH, "exactly": 2}, "not_held", "exactly 2 expected, 1 found"),
        ({"match": RENT_MATCH, "at_most": 0}, "not_held", "exactly 0 expected, 1 found"),
        ({"match": RENT_MATCH}, "held", None),
        ({"match": RENT_MATCH | {"status": 201}, "exactly": 1}, "held", None),
        ({"in_order": [LIST_MATCH, RENT_MATCH]}, "held", None),
    ],
)
def test_what_requests_in_flight_may_change_is_judged_once_they_are_over(
    api: Api, wanted: dict[str, Any], code: str, detail: str | None
) -> None:
    api.call("GET", "/v1/gpu/offers")

    async def look() -> None:
        async with asyncio.TaskGroup() as tasks:
            async with under_way(api, RENTS):
                refused, answer = await verified(api, **wanted, wait="0s")
                assert refused == "still_in_flight"
                assert answer["detail"].endswith("; 1 rent is still being answered")
                assert [request["operation"] for request in answer["in_flight"]["data"]] == ["rent_gpu"]
                waiting = tasks.create_task(verified(api, **wanted))
                await turns()
                assert not waiting.done()
            found, answer = await waiting
            assert (found, answer.get("detail")) == (code, detail)

    api.runner.run(look())


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"match": LIST_MATCH}, "held"),  # another one would not change it
        ({"match": LIST_MATCH, "at_most": 0}, "not_held"),
        ({"match": LIST_MATCH, "exactly": 0}, "not_held"),
        ({"match": RENT_MATCH, "exactly": 0}, "held"),  # none of these is on its way
        ({"match": LIST_MATCH | {"account": "bob"}, "exactly": 0}, "held"),
        ({"match": LIST_MATCH | {"method": "HEAD"}, "at_most": 0}, "held"),
        ({"match": LIST_MATCH | {"body": {"a": 1}}, "at_most": 0}, "held"),
        ({"in_order": [LIST_MATCH]}, "held"),
        ({"in_order": [LIST_MATCH, RENT_MATCH]}, "not_held"),
    ],
)
def test_what_requests_in_flight_cannot_change_is_judged_at_once(api: Api, wanted: dict[str, Any], code: str) -> None:
    api.call("GET", "/v1/gpu/offers")

    async def look() -> None:
        async with under_way(api, LISTS):
            assert (await verified(api, **wanted, wait="30s"))[0] == code

    api.runner.run(look())


def test_a_verification_does_not_wait_for_requests_that_come_later(api: Api) -> None:
    async def look() -> None:
        async with asyncio.TaskGroup() as tasks:
            first, second = asyncio.Event(), asyncio.Event()
            tasks.create_task(reads_slowly(api, CAROL, first))
            body = {"match": LIST_MATCH, "exactly": 1, "wait": "30s"}
            waiting = tasks.create_task(api.send("POST", f"{VERIFY}?world=other", body))
            await turns()
            tasks.create_task(reads_slowly(api, CAROL, second))
            await turns()
            first.set()
            assert (await waiting).json()["held"]
            second.set()

    api.runner.run(look())


def test_what_does_not_hold_yet_has_time_to_come_true(api: Api) -> None:
    async def look() -> None:
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(verified(api, match=LIST_MATCH, exactly=2, within="30s"))
            for _ in range(2):
                await turns()
                assert not waiting.done()
                await api.send("GET", "/v1/gpu/offers")
            found, answer = await waiting
            assert (found, answer["seqs"]) == ("held", [1, 2])

    api.runner.run(look())


def test_what_did_not_come_true_in_time_does_not_hold(api: Api) -> None:
    async def look() -> None:
        found, answer = await verified(api, in_order=[LIST_MATCH], within="5ms")
        assert (found, answer["matched"], answer["in_flight"]["total"]) == ("not_held", 0, 0)

    api.runner.run(look())


def test_what_can_never_come_true_is_not_waited_for(api: Api) -> None:
    api.call("GET", "/v1/gpu/offers")
    refused = api.call("POST", VERIFY, {"match": LIST_MATCH, "exactly": 0, "within": "30s"})
    assert refused.json()["code"] == "not_held"


@pytest.mark.parametrize(
    ("act", "code"),
    [(reset, "not_held"), (forget, "not_held"), (delete, "world_not_found"), (stop, "not_held")],
)
def test_what_ends_the_world_or_its_log_ends_the_wait(api: Api, act: Act, code: str) -> None:
    api.call("GET", "/v1/gpu/offers", token=CAROL)

    async def look() -> None:
        async with asyncio.TaskGroup() as tasks:
            body = {"match": LIST_MATCH, "exactly": 2, "within": "30s"}
            waiting = tasks.create_task(api.send("POST", f"{VERIFY}?world=other", body))
            listing = tasks.create_task(api.send("GET", f"{REQUESTS}?world=other&wait=30s"))
            await turns()
            assert (waiting.done(), listing.done()) == (False, True)
            await act(api)
            assert (await waiting).json()["code"] == code

    api.runner.run(look())


def test_nobody_is_left_waiting(api: Api) -> None:
    async def look() -> None:
        async with under_way(api, LISTS):
            await verified(api, match=LIST_MATCH, wait="5ms")
            await in_flight(api, "wait=5ms")
        assert api.world.watchers == []

    api.runner.run(look())
