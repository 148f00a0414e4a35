"""Event streams: their messages, where they begin and end, and when a reader is cut off."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from gpu_sim import serve_in_thread
from gpu_sim.api.control.event_stream import EVENTS_BEHIND_MAX, HEARTBEAT_SECONDS
from gpu_sim.core.kernel.quantities import Factor
from gpu_sim.core.scenario.catalog import CatalogSpec, Generate
from gpu_sim.core.scenario.market_settings import MarketSettings, PriceSettings
from gpu_sim.core.scenario.scenario import AccountSpec
from gpu_sim.worlds import world as world_module

from ...support import loopback
from ...support.asgi import BOB, RENT, START, Answer, Api, scenario
from ...support.manual_clock import ShortSlice
from ...support.stream_reader import PATIENCE, Reader, opened, run, streams_of
from ...support.wire_client import AUTHORIZED, connect

EVENTS = "/_sim/events"
STREAM = [("accept", "text/event-stream")]
BUSY = MarketSettings(catalog=CatalogSpec(Generate(50)), prices=PriceSettings(activity=Factor(5_000_000)))


def test_the_limits_are_15_seconds_and_10_000_events() -> None:
    assert (HEARTBEAT_SECONDS, EVENTS_BEHIND_MAX) == (15, 10_000)


def test_what_happens_is_sent_as_it_is_listed(api: Api) -> None:
    async def act(api: Api) -> None:
        before = api.world.simulation.events_total
        reader = Reader(api, EVENTS)
        await reader.started()
        assert (reader.status, reader.read) == (200, b"")
        assert reader.headers[b"content-type"] == b"text/event-stream"
        assert reader.headers[b"connection"] == b"close"
        assert reader.headers[b"x-sim-now"] == START.encode()
        assert b"content-length" not in reader.headers
        await api.send("POST", "/v1/gpu/rent", RENT)
        await reader.until(2)
        await api.send("POST", "/_sim/clock/advance", {"by": "3h"})
        listed = (await api.send("GET", f"{EVENTS}?after={before}")).json()["data"]
        await reader.until(len(listed))
        assert [json.loads(block["data"]) for block in reader.blocks] == listed
        assert [block["event"] for block in reader.blocks] == [event["type"] for event in listed]
        assert reader.events == [event["seq"] for event in listed]
        assert {"rental_created", "rental_running", "rental_settled"} <= {event["type"] for event in listed}
        await reader.leave()

    run(api, act)


@pytest.mark.parametrize("accept", ["text/event-stream", "text/html, Text/Event-Stream;q=0.9", "a/b,text/event-stream"])
def test_who_accepts_a_stream_gets_one(api: Api, accept: str) -> None:
    assert api.call("GET", EVENTS, headers=[("accept", accept)]).header("content-type") == "text/event-stream"


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/*", ""])
def test_who_does_not_gets_a_list(api: Api, accept: str) -> None:
    answer = api.call("GET", EVENTS, headers=[("accept", accept)])
    assert answer.header("content-type") == "application/json"
    assert answer.json()["data"]


def ids(answer: Answer) -> list[int]:
    """The numbers of the events in a stream that has ended."""
    return [int(line[4:]) for line in answer.body.decode().split("\n") if line.startswith("id: ")]


def test_a_stream_begins_after_the_event_that_was_seen_last(api: Api) -> None:
    api.rent()
    total = api.world.simulation.events_total
    everything = list(range(1, total + 1))
    for query, headers, expected in [
        ("", [], []),
        ("?after=0", [], everything),
        ("?after=2", [], everything[2:]),
        (f"?after={total}", [], []),
        ("", [("last-event-id", "3")], everything[3:]),
        ("?after=1", [("last-event-id", "4")], everything[4:]),
    ]:
        assert ids(api.call("GET", EVENTS + query, headers=[*STREAM, *headers])) == expected, (query, headers)


@pytest.mark.parametrize(
    ("query", "headers", "code", "param"),
    [
        ("", [("last-event-id", "x")], "invalid_value", "Last-Event-ID"),
        ("", [("last-event-id", "-1")], "invalid_value", "Last-Event-ID"),
        ("", [("last-event-id", "")], "invalid_value", "Last-Event-ID"),
        ("", [("last-event-id", "99")], "invalid_value", "Last-Event-ID"),
        ("?after=1", [("last-event-id", "\xb2")], "invalid_value", "Last-Event-ID"),
        ("?after=99", [], "invalid_value", "after"),
        ("?after=x", [], "invalid_value", "after"),
        ("?limit=5", [], "unknown_parameter", "limit"),
        ("?world=x", [], "world_not_found", "world"),
    ],
)
def test_a_beginning_that_is_none_is_refused(
    api: Api, query: str, headers: list[tuple[str, str]], code: str, param: str
) -> None:
    answer = api.call("GET", EVENTS + query, headers=[*STREAM, *headers])
    answer.problem(404 if param == "world" else 400, code, param)


def test_a_long_history_is_sent_whole_however_far_behind_the_reader_is(runner: asyncio.Runner) -> None:
    api, streams = streams_of(runner, behind_max=10)

    async def act(api: Api) -> None:
        for _ in range(250):
            await api.send("POST", "/_sim/accounts/alice/credit", {"amount": "1"})
        reader = Reader(api, f"{EVENTS}?after=0")
        await reader.until(254)
        assert reader.events == list(range(1, 255))
        assert streams.open == 1
        await reader.leave()

    run(api, act)
    assert (streams.open, streams.dropped_total) == (0, 0)


def test_silence_is_broken_by_a_comment_with_the_time(runner: asyncio.Runner) -> None:
    api, _ = streams_of(runner, heartbeat_seconds=0)

    async def act(api: Api) -> None:
        reader = Reader(api, EVENTS)
        await reader.until(3)
        assert reader.read.startswith(f": now {START}\n\n".encode() * 3)
        await reader.leave()

    run(api, act)


def test_a_head_of_a_stream_is_no_stream(api: Api) -> None:
    answer = api.call("HEAD", EVENTS, headers=STREAM)
    assert (answer.status, answer.body, answer.header("content-type")) == (200, b"", "text/event-stream")


def test_streams_are_of_their_world(api: Api) -> None:
    api.add_world("other", scenario(accounts=(AccountSpec("carol", "si_test_carol"),)))

    async def act(api: Api) -> None:
        here, there = Reader(api, EVENTS), Reader(api, f"{EVENTS}?world=other")
        await here.started()
        await there.started()
        await api.send("POST", "/_sim/accounts/carol/credit?world=other", {"amount": "1"})
        await there.until(1)
        assert here.read == b""
        await here.leave()
        await there.leave()

    run(api, act)


def test_a_stream_sees_an_advance_while_it_runs(runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world_module, "Slice", ShortSlice)
    api = Api(runner, scenario(market=BUSY, journal="full"))

    async def act(api: Api) -> None:
        reader = Reader(api, EVENTS)
        await reader.started()
        advance = asyncio.create_task(api.send("POST", "/_sim/clock/advance", {"by": "2d"}))
        await reader.until(50)
        assert not advance.done()
        during = Reader(api, EVENTS)
        await during.started()
        assert not advance.done()
        await advance
        total = api.world.simulation.events_total
        await reader.until(total - 4)
        assert reader.events == list(range(5, total + 1))
        await reader.leave()
        await during.leave()

    run(api, act)


def stop(api: Api) -> Awaitable[Any]:
    api.worlds.stop()
    return asyncio.sleep(0)


def drop(api: Api) -> Awaitable[Any]:
    del api.worlds.by_name["default"]
    api.world.notify()
    return asyncio.sleep(0)


@pytest.mark.parametrize(
    "end", [lambda api: api.send("POST", "/_sim/reset"), stop, drop], ids=["reset", "stop", "drop"]
)
def test_a_stream_ends_with_what_it_is_of(runner: asyncio.Runner, end: Callable[[Api], Awaitable[Any]]) -> None:
    api, streams = streams_of(runner)

    async def act(api: Api) -> None:
        reader = Reader(api, EVENTS)
        await opened(streams)
        await end(api)
        await reader.end()
        assert reader.read == b""

    run(api, act)
    assert (streams.open, streams.dropped_total, api.world.watchers) == (0, 0, [])


def test_a_client_that_goes_away_leaves_nothing_behind(runner: asyncio.Runner) -> None:
    api, streams = streams_of(runner)

    async def act(api: Api) -> None:
        readers = [Reader(api, EVENTS) for _ in range(5)]
        await opened(streams, 5)
        assert len(api.world.watchers) == 5
        for reader in readers:
            await reader.leave()

    run(api, act)
    assert (streams.open, api.world.watchers) == (0, [])


def test_a_client_that_goes_away_while_it_is_waited_for_leaves_nothing_behind(runner: asyncio.Runner) -> None:
    api, streams = streams_of(runner)

    async def act(api: Api) -> None:
        reader = Reader(api, EVENTS)
        await reader.started()
        reader.reads.clear()
        await api.send("POST", "/v1/gpu/rent", RENT)
        await asyncio.sleep(0)
        leaving = asyncio.create_task(reader.leave())
        await opened(streams, 0)
        reader.reads.set()
        await leaving

    run(api, act)
    assert (streams.open, api.world.watchers) == (0, [])


def test_a_server_that_cannot_wait_cuts_streams_off(runner: asyncio.Runner) -> None:
    api, streams = streams_of(runner)

    async def act(api: Api) -> None:
        reader = Reader(api, EVENTS)
        await reader.started()
        reader.ended.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader.ended

    run(api, act)
    assert (streams.open, api.world.watchers) == (0, [])


@pytest.mark.parametrize(("behind", "is_dropped"), [(10, False), (11, True)])
def test_a_reader_that_falls_too_far_behind_is_dropped_with_a_notice(
    runner: asyncio.Runner, behind: int, is_dropped: bool
) -> None:
    api, streams = streams_of(runner, behind_max=10)

    async def act(api: Api) -> None:
        reader = Reader(api, EVENTS)
        await reader.started()
        reader.reads.clear()
        await api.send("POST", "/_sim/accounts/alice/credit", {"amount": "1"})
        await asyncio.sleep(0)  # the stream now waits for its reader with one event in hand
        for _ in range(behind):
            await api.send("POST", "/_sim/accounts/alice/credit", {"amount": "1"})
        reader.reads.set()
        if is_dropped:
            await reader.end()
            assert reader.events == [5]
            assert reader.blocks[-1] == {"event": "dropped", "data": '{"missed":11}'}
        else:
            await reader.until(1 + behind)
            assert reader.events == list(range(5, 6 + behind))
            await reader.leave()

    run(api, act)
    assert (streams.open, streams.dropped_total) == (0, int(is_dropped))
    figures = api.call("GET", "/metrics").body
    assert f"gpu_sim_event_streams_dropped_total {is_dropped:.1f}\n".encode() in figures
    assert b"gpu_sim_event_streams 0.0\n" in figures


@pytest.mark.parametrize("held", [0, 3])
def test_a_reader_whose_events_are_gone_is_dropped(runner: asyncio.Runner, held: int) -> None:
    api, streams = streams_of(runner)
    api.rent()
    total = api.world.simulation.events_total
    api.world.simulation.drop(rentals=0, events=held, lines=held)
    answer = api.call("GET", f"{EVENTS}?after=1", headers=STREAM)
    assert answer.body == b'event: dropped\ndata: {"missed":%d}\n\n' % (total - 1)
    assert streams.dropped_total == 1
    assert ids(api.call("GET", f"{EVENTS}?after={total - held}", headers=STREAM)) == list(
        range(total - held + 1, total + 1)
    )


def test_a_stream_ends_when_its_world_becomes_another(runner: asyncio.Runner) -> None:
    api, streams = streams_of(runner)
    document = api.call("GET", "/_sim/snapshot").body

    async def act(api: Api) -> None:
        reader = Reader(api, EVENTS)
        await opened(streams)
        assert (await api.send("PUT", "/_sim/snapshot", body=document)).status == 200
        await reader.end()

    run(api, act)
    assert streams.open == 0


def test_over_a_socket_a_stream_comes_in_parts_and_goes_on_where_it_was_cut() -> None:
    with serve_in_thread(scenario()) as server, loopback.Client(base_url=server.url, timeout=PATIENCE) as client:
        auth = {"authorization": f"Bearer {BOB}"}
        with client.stream("GET", EVENTS, headers={"accept": "text/event-stream"}) as stream:
            assert (stream.status_code, stream.headers["transfer-encoding"]) == (200, "chunked")
            loopback.post(f"{server.url}/v1/gpu/rent", json=RENT, headers=auth)
            lines = stream.iter_lines()
            assert [next(lines)[:3] for _ in range(3)] == ["id:", "eve", "dat"]
        with client.stream("GET", EVENTS, headers={"accept": "text/event-stream", "last-event-id": "5"}) as stream:
            assert next(stream.iter_lines()) == "id: 6"


def test_over_a_socket_a_stream_ends_with_the_server_at_once() -> None:
    with serve_in_thread(scenario()) as server:
        client = loopback.Client(base_url=server.url, timeout=PATIENCE)
        stream = client.send(
            client.build_request("GET", f"{EVENTS}?after=0", headers={"accept": "text/event-stream"}), stream=True
        )
        lines = stream.iter_lines()
        assert next(lines) == "id: 1"
    assert list(lines)[-1] == ""
    client.close()


@pytest.mark.parametrize("ahead", ["", f"GET /_sim/ready HTTP/1.1\r\n{AUTHORIZED}\r\n"], ids=["alone", "pipelining"])
def test_over_a_socket_a_reader_that_went_away_is_noticed(ahead: str) -> None:
    request = f"GET {EVENTS}?after=0 HTTP/1.1\r\n{AUTHORIZED}accept: text/event-stream\r\n\r\n{ahead}"
    with serve_in_thread(scenario()) as server:
        with connect(server.url) as connection:
            connection.sendall(request.encode())
            assert connection.recv(1) == b"H"
            assert "gpu_sim_event_streams 1.0\n" in loopback.get(f"{server.url}/metrics").text
        for _ in range(1_000):
            if "gpu_sim_event_streams 0.0\n" in loopback.get(f"{server.url}/metrics").text:
                return
    raise AssertionError("the stream is still open")
