"""The server deletes expired worlds by itself, and goes on with that whatever happens."""

import asyncio

import pytest
from gpu_sim import load_scenario, serve_in_thread
from gpu_sim.server import expiry
from gpu_sim.worlds.worlds import Worlds

from ..support import loopback


def test_a_server_deletes_a_world_that_nobody_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "PAUSE_SECONDS", 0.01)
    with serve_in_thread(load_scenario("calm")) as server, loopback.Client(base_url=server.url) as client:
        assert client.post("/_sim/worlds", json={"name": "w", "ttl": "1s"}).status_code == 201
        assert [world["name"] for world in client.get("/_sim/worlds").json()["data"]] == ["default", "w"]
        while len(client.get("/_sim/worlds").json()["data"]) > 1:
            pass  # asking for the list is no call about the world
        assert "no call came for 1s" in client.get("/_sim/clock?world=w").json()["detail"]


def test_a_look_that_fails_is_logged_and_the_next_one_comes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(expiry, "PAUSE_SECONDS", 0)
    worlds = Worlds()
    looks = 0

    async def fail_first() -> None:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise RuntimeError("a bug")

    monkeypatch.setattr(worlds, "drop_expired", fail_first)

    async def go() -> None:
        task = asyncio.create_task(expiry.delete_expired_worlds(worlds))
        while looks < 3:
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(go())
    assert [record.message for record in caplog.records] == ["worlds that have expired were not all deleted"]
