"""Streams of some events only: the filters are those of the list, and the numbers are those of all events."""

import asyncio
import json

import pytest

from ...support.asgi import BOB, RENT, Answer, Api, scenario
from ...support.stream_reader import Reader, run, streams_of

EVENTS = "/_sim/events"
STREAM = [("accept", "text/event-stream")]


def sent(answer: Answer) -> list[str]:
    """The events of a stream that has ended, as JSON."""
    return [line.removeprefix("data: ") for line in answer.body.decode().split("\n") if line.startswith("data: ")]


@pytest.fixture
def api(runner: asyncio.Runner) -> Api:
    """A server on which Alice and Bob rent, half an hour apart."""
    api = Api(runner, scenario())
    api.delete(api.rent())
    api.advance("30m")
    api.rent(token=BOB)
    return api


@pytest.mark.parametrize(
    "query",
    [
        "type=rental_created",
        "type=rental_created,hold_placed&account=bob",
        "account=alice&account=bob",
        "since=10m",
        "since=2026-01-01T00:30:00Z&type=rental_created",
        "type=act_started",
    ],
)
def test_a_stream_sends_what_the_list_shows(api: Api, query: str) -> None:
    listed = api.get(f"{EVENTS}?{query}&limit=1000")["data"]
    answer = api.call("GET", f"{EVENTS}?{query}&after=0", headers=STREAM)
    assert [json.loads(event) for event in sent(answer)] == listed


def test_a_filtered_stream_goes_on_after_the_event_that_was_seen_last(api: Api) -> None:
    rental_id = api.get("/_sim/rentals")["data"][0]["rental_id"]
    target = f"{EVENTS}?rental_id={rental_id}"
    first, *rest = sent(api.call("GET", f"{target}&after=0", headers=STREAM))
    seen = [*STREAM, ("last-event-id", str(json.loads(first)["seq"]))]
    assert rest == sent(api.call("GET", target, headers=seen))
    assert sent(api.call("GET", target, headers=STREAM)) == []


def test_since_and_after_both_hold(api: Api) -> None:
    later = api.get(f"{EVENTS}?since=10m")["data"]
    for after, expected in ((0, later), (later[0]["seq"], later[1:])):
        answer = api.call("GET", f"{EVENTS}?since=10m&after={after}", headers=STREAM)
        assert [json.loads(event) for event in sent(answer)] == expected


@pytest.mark.parametrize(
    ("query", "status", "code", "param"),
    [
        ("type=rental_crated", 400, "invalid_value", "type"),
        ("account=bobb", 404, "account_not_found", "account"),
        ("rental_id=rent_x", 404, "rental_not_found", "rental_id"),
        ("since=noon", 400, "invalid_value", "since"),
        ("order=desc", 400, "unknown_parameter", "order"),
    ],
)
def test_a_filter_that_can_find_nothing_is_refused(api: Api, query: str, status: int, code: str, param: str) -> None:
    api.call("GET", f"{EVENTS}?{query}", headers=STREAM).problem(status, code, param)


def test_a_reader_gets_its_events_as_they_happen_and_no_others(api: Api) -> None:
    async def act(api: Api) -> None:
        reader = Reader(api, f"{EVENTS}?account=bob&type=rental_created")
        await reader.started()
        await api.send("POST", "/v1/gpu/rent", RENT)
        await api.send("POST", "/v1/gpu/rent", RENT, token=BOB)
        await reader.until(1)
        (block,) = reader.blocks
        event = json.loads(block["data"])
        assert (event["type"], event["account"], block["id"]) == ("rental_created", "bob", str(event["seq"]))
        await reader.leave()

    run(api, act)


def test_a_stream_since_a_time_that_is_still_to_come_begins_then(api: Api) -> None:
    async def act(api: Api) -> None:
        reader = Reader(api, f"{EVENTS}?since=2026-01-01T02:00:00Z")
        await reader.started()
        await api.send("POST", "/v1/gpu/rent", RENT)
        await api.send("POST", "/_sim/clock/advance", {"to": "2026-01-01T02:00:00Z"})
        await api.send("POST", "/v1/gpu/rent", RENT)
        await reader.until(1)
        assert json.loads(reader.blocks[0]["data"])["at"] == "2026-01-01T02:00:00.000Z"
        await reader.leave()

    run(api, act)


def test_a_heartbeat_says_how_far_the_events_of_others_are(runner: asyncio.Runner) -> None:
    """A reader whose own events are rare goes on from there, and not from events that have long been dropped."""
    api, _ = streams_of(runner, heartbeat_seconds=0)

    async def act(api: Api) -> None:
        reader = Reader(api, f"{EVENTS}?account=bob&after=4")
        await reader.started()
        for _ in range(3):
            await api.send("POST", "/v1/gpu/rent", RENT)
        latest = api.world.simulation.events_total
        while reader.events[-1:] != [latest]:
            await asyncio.sleep(0)
        assert all(block.keys() == {"", "id"} for block in reader.blocks)
        assert reader.blocks[-1][""] == f"now {api.world.now}"
        await reader.leave()

    run(api, act)
