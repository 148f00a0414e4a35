"""Worlds on a server that others use: kept alive while the run goes on, and gone soon after one that was killed."""

import subprocess
import sys
import threading
from collections.abc import Mapping

import pytest
from gpu_sim import load_scenario, serve_in_thread
from gpu_sim.client.connection import ServerUnreachable
from gpu_sim.client.control_client import ControlClient
from gpu_sim.notation import parse_duration
from gpu_sim.server import expiry
from gpu_sim.testing import heartbeat, world
from gpu_sim.testing.heartbeat import BEAT_SECONDS, WORLD_TTL, Heartbeat

from ..support import loopback
from ..support.plugin_project import STRICT, PluginProject
from ..support.processes import environment


class Called(ControlClient):
    """A server that notes for which worlds it is called, and whose answers come only at times."""

    def __init__(self, world: str | None = None, calls: "list[str | None] | None" = None) -> None:
        self.world = world
        self.calls = [] if calls is None else calls
        self.enough = threading.Event()
        self.is_closed = False

    def of_world(self, world: str) -> "Called":
        called = Called(world, self.calls)
        called.enough = self.enough
        return called

    def call(self, method: str, path: str, body: object = None, query: Mapping[str, str] | None = None) -> bytes:
        self.calls.append(self.world)
        if all(self.calls.count(world) >= 3 for world in ("first", "second")):
            self.enough.set()
        raise ServerUnreachable("it is busy")

    def close(self) -> None:
        self.is_closed = True


def test_each_world_is_called_for_until_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 0.001)
    server = Called()
    beats = Heartbeat(server)
    beats.add("first")
    beats.add("second")
    assert server.enough.wait(60)
    beats.remove("first")
    beats.remove("never there")
    beats.close()
    assert {*server.calls} == {"first", "second"}
    assert server.is_closed
    assert "gpu-sim-heartbeat" not in {thread.name for thread in threading.enumerate()}


def test_signs_of_life_come_much_more_often_than_a_world_needs_them() -> None:
    assert parse_duration(WORLD_TTL) >= 10 * BEAT_SECONDS * 1_000


def test_a_server_that_others_use_is_told_how_long_to_keep_a_world() -> None:
    with serve_in_thread(load_scenario("calm")) as server, world(url=server.url) as sim:
        shown = loopback.get(f"{server.url}/_sim/worlds").json()["data"]
        assert [(each["name"], each["ttl"]) for each in shown] == [("default", None), (sim.world, WORLD_TTL)]
    with world() as sim:
        assert [each["ttl"] for each in loopback.get(f"{sim.base_url}/_sim/worlds").json()["data"]] == [None, None]


def test_a_run_that_is_killed_leaves_nothing_on_the_server(
    project: PluginProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiry, "PAUSE_SECONDS", 0.01)
    project.write("conftest.py", "from gpu_sim.testing import server\n\nserver.WORLD_TTL = '1s'\n")
    project.write(
        "test_it.py", "import threading\n\ndef test_it(gpu_sim):\n    print(gpu_sim.world, flush=True)\n    input()\n"
    )
    with serve_in_thread(load_scenario("calm")) as server, loopback.Client(base_url=server.url) as client:
        command = [sys.executable, "-m", "pytest", *STRICT, "-s", "--gpu-sim-url", server.url]
        env = environment(PYTHONPATH="", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
        with subprocess.Popen(
            command, cwd=project.path, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as run:
            assert run.stdout is not None
            assert any("world-1" in line for line in run.stdout)
            run.kill()
        while len(client.get("/_sim/worlds").json()["data"]) > 1:
            pass
        assert client.post("/_sim/clock/advance", json={"by": "1m"}).json()["world"] == "default"
