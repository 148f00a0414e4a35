"""The control plane of a running server as the command line calls it: snapshots saved and loaded."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from gpu_sim import load_scenario, serve_in_thread
from gpu_sim.client.connection import ControlConnection, ServerRefused, ServerUnreachable
from gpu_sim.client.control_client import ControlClient
from gpu_sim.server.serving import Ready

from ..support.processes import run


@pytest.fixture(scope="module")
def server() -> Iterator[Ready]:
    """A server on the calm scenario."""
    with serve_in_thread(load_scenario("calm")) as ready:
        yield ready


def clock(url: str, *, token: str | None = None, world: str | None = None) -> Any:
    """The clock of the world meant."""
    with closing(ControlClient(ControlConnection(url, token=token), world)) as control:
        return json.loads(control.call("GET", "clock"))


def test_a_call_answers_with_the_body(server: Ready) -> None:
    assert clock(server.url, token=server.token)["mode"] == "manual"
    assert clock(server.url + "/", world="default")["world"] == "default"


def test_a_client_of_a_world_means_that_world(server: Ready) -> None:
    with closing(ControlClient(ControlConnection(server.url))) as control:
        made = json.loads(control.call("POST", "worlds", {"name": "other"}))["world"]
        assert json.loads(control.of_world(made).call("GET", "clock"))["world"] == "other"
        control.call("DELETE", "worlds/other")


def test_a_token_that_no_world_knows_is_refused(server: Ready) -> None:
    with pytest.raises(ServerRefused, match=r"answered 40[14]: "):
        clock(server.url, token="unknown")


def test_a_refusal_says_why(server: Ready) -> None:
    with pytest.raises(ServerRefused, match='answered 404: world: no world "nowhere"'):
        clock(server.url, world="nowhere")


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "nonsense", "http://127.0.0.1:1", "http://127.0.0.1:port"])
def test_a_server_that_is_not_there_cannot_be_asked(url: str) -> None:
    with pytest.raises(ServerUnreachable, match=r"cannot be asked|no http address"):
        clock(url)


def test_a_snapshot_is_saved_and_loaded(server: Ready, tmp_path: Path) -> None:
    file = tmp_path / "world.json"
    where = ["--url", server.url, "--token", server.token]
    saved = run("snapshot", "save", str(file), *where)
    assert saved.returncode == 0, saved.stderr
    with closing(ControlClient(ControlConnection(server.url, token=server.token))) as control:
        control.call("POST", "clock/advance", {"by": "5m"})
    loaded = run("snapshot", "load", str(file), *where)
    assert loaded.returncode == 0, loaded.stderr
    assert clock(server.url, token=server.token)["now"] == "2026-01-01T00:00:00.000Z"
    assert json.loads(file.read_bytes())["snapshot"] == 3


def test_a_damaged_snapshot_is_not_loaded(server: Ready, tmp_path: Path) -> None:
    file = tmp_path / "world.json"
    file.write_text("{}")
    ended = run("snapshot", "load", str(file), "--url", server.url)
    assert ended.returncode == 1
    assert "400" in ended.stderr


def test_without_a_server_a_snapshot_cannot_be_tried(tmp_path: Path) -> None:
    ended = run("snapshot", "save", str(tmp_path / "world.json"), "--url", "http://127.0.0.1:1")
    assert ended.returncode == 2
    assert "cannot be asked" in ended.stderr
    assert list(tmp_path.iterdir()) == []
