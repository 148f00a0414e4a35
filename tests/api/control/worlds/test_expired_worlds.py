"""Worlds with a `ttl`: calls keep them, and without one they are deleted as by `DELETE`."""

import asyncio
from typing import Any

import pytest
from gpu_sim.worlds.worlds import EXPIRED_KEPT

from ....support.asgi import ALICE, Api
from ....support.manual_clock import ManualClock, live_by
from ..test_worlds import WORLDS, created


@pytest.fixture
def wall() -> ManualClock:
    return ManualClock()


def short_lived(api: Api, wall: ManualClock, **wanted: Any) -> str:
    """The token of a new world `w`, which lives ten minutes of this clock without a call."""
    made = created(api, **({"name": "w", "scenario": "calm", "ttl": "10m"} | wanted))
    live_by(wall, api.worlds.by_name[made["world"]])
    token: str = made["tokens"]["alice"]
    return token


def sweep(api: Api) -> list[str]:
    """Delete what has expired; the names of the worlds that are left."""
    api.runner.run(api.worlds.drop_expired())
    return list(api.worlds.by_name)


def test_a_world_without_a_call_for_its_ttl_is_gone_as_if_deleted(api: Api, wall: ManualClock) -> None:
    token = short_lived(api, wall)
    world = api.worlds.by_name["w"]
    assert [each["ttl"] for each in api.get(WORLDS)["data"]] == [None, "10m"]
    wall.goes(599.999)
    assert sweep(api) == ["default", "w"]
    wall.goes(0.001)
    assert sweep(api) == ["default"]
    assert world.is_dropped
    assert api.worlds.keyring.is_orphan(token)
    api.call("GET", "/v1/gpu/offers", token=token).refused(401, "invalid_token")
    api.call("GET", "/_sim/clock", token=None)  # there is one world again: nobody has to say which
    gone = api.call("GET", "/_sim/clock?world=w").problem(404, "world_not_found", "world")
    assert gone["detail"] == 'no world "w": it was deleted as no call came for 10m (its ttl)'


def test_what_is_said_of_an_expired_world_is_not_said_of_a_later_one(api: Api, wall: ManualClock) -> None:
    short_lived(api, wall)
    wall.goes(600)
    sweep(api)
    short_lived(api, wall)
    assert api.call("DELETE", f"{WORLDS}/w").status == 204
    assert api.call("GET", "/_sim/clock?world=w").problem(404, "world_not_found", "world")["detail"] == 'no world "w"'


def test_the_worlds_that_have_expired_are_not_remembered_for_ever(api: Api, wall: ManualClock) -> None:
    api.worlds._expired.update({f"old-{number}": "" for number in range(EXPIRED_KEPT)})
    short_lived(api, wall)
    wall.goes(600)
    sweep(api)
    assert len(api.worlds._expired) == EXPIRED_KEPT
    assert [*api.worlds._expired][-1] == "w"


@pytest.mark.parametrize(
    ("path", "by_token"),
    [
        ("/v1/gpu/offers", True),
        ("/v1/gpu/rentals/none", True),
        ("/v1/nothing", True),
        ("/_sim/clock", True),
        ("/_sim/worlds", True),
        ("/_sim/clock?world=w", False),
        ("/_sim/ready?world=w", False),
        ("/_sim/health?world=w", False),
        ("/_sim/events?world=w&after=1000000", False),
    ],
)
def test_any_call_about_it_lets_it_live_on_whatever_the_answer(
    api: Api, wall: ManualClock, path: str, by_token: bool
) -> None:
    token = short_lived(api, wall)
    wall.goes(599)
    api.call("GET", path, token=token if by_token else None)
    wall.goes(599)
    assert sweep(api) == ["default", "w"]
    wall.goes(1)
    assert sweep(api) == ["default"]


@pytest.mark.parametrize("path", ["/v1/gpu/offers", "/_sim/worlds", "/_sim/clock", "/_sim/metrics", "/openapi.json"])
def test_calls_about_other_things_do_not(api: Api, wall: ManualClock, path: str) -> None:
    short_lived(api, wall)
    wall.goes(599)
    assert api.call("GET", path, token=ALICE).status == 200
    wall.goes(1)
    assert sweep(api) == ["default"]


def test_it_lives_while_a_request_is_under_way(api: Api, wall: ManualClock) -> None:
    token = short_lived(api, wall)
    slow = (("x-sim", "delay=60s"),)

    async def go() -> None:
        asked = asyncio.create_task(api.send("GET", "/v1/gpu/offers", token=token, headers=slow))
        await asyncio.sleep(0)
        wall.goes(3_600)
        await api.worlds.drop_expired()
        assert "w" in api.worlds.by_name
        asked.cancel()  # as where the client has gone
        await asyncio.wait([asked])

    api.runner.run(go())
    wall.goes(599)
    assert sweep(api) == ["default", "w"]
    wall.goes(1)
    assert sweep(api) == ["default"]


def test_it_lives_while_a_stream_of_its_events_is_read(api: Api, wall: ManualClock) -> None:
    token = short_lived(api, wall)
    accepts = (("accept", "text/event-stream"),)

    async def go() -> None:
        stream = asyncio.create_task(api.send("GET", "/_sim/events", token=token, headers=accepts))
        while not api.worlds.by_name["w"].watchers:
            await asyncio.sleep(0)
        wall.goes(3_600)
        await api.worlds.drop_expired()
        assert "w" in api.worlds.by_name
        stream.cancel()
        await asyncio.wait([stream])

    api.runner.run(go())
    wall.goes(600)
    assert sweep(api) == ["default"]


def test_the_call_that_makes_a_world_counts_for_it_and_no_longer_for_its_own(api: Api, wall: ManualClock) -> None:
    first = short_lived(api, wall)
    created(api, name="second", ttl="10m")
    created_by_first = api.call("POST", WORLDS, {"name": "third", "ttl": "1h"}, token=first)
    assert created_by_first.status == 201
    lives = {name: world.time_to_live for name, world in api.worlds.by_name.items()}
    assert [name for name, life in lives.items() if life is not None and life._calls] == []
    assert [None if life is None else life.ms for life in lives.values()] == [None, 600_000, 600_000, 3_600_000]


def test_a_call_that_comes_while_another_world_is_deleted_is_in_time(
    api: Api, wall: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    short_lived(api, wall)
    token = short_lived(api, wall, name="second")
    drop = api.worlds.drop

    async def slow_drop(world: Any) -> None:
        await drop(world)
        assert (await api.send("GET", "/v1/gpu/offers", token=token)).status == 200

    monkeypatch.setattr(api.worlds, "drop", slow_drop)
    wall.goes(600)
    assert sweep(api) == ["default", "second"]


def test_where_a_call_must_say_its_world_it_is_told_which_there_are(api: Api) -> None:
    created(api, name="first-test")
    detail = api.call("GET", "/_sim/clock", token=None).problem(400, "world_required", "world")["detail"]
    assert detail == (
        "there is more than one world, default, first-test: say which with ?world= or with the bearer token of an "
        "account of it"
    )
    for number in range(20):
        created(api, name=f"test-{number}")
    detail = api.call("GET", "/_sim/clock", token=None).problem(400, "world_required", "world")["detail"]
    assert "default, first-test, test-0, " in detail
    assert ", test-7 and 12 more, which GET /_sim/worlds lists: say which" in detail
