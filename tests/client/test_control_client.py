"""The control plane of a running server as the command line calls it: snapshots saved and loaded."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator import load_scenario, serve_in_thread
from simulator.client.control_client import Remote, RemoteRefused, Unreachable
from simulator.server import Ready

from ..processes import run


@pytest.fixture(scope="module")
def server() -> Iterator[Ready]:
    """A server on the calm scenario."""
    with serve_in_thread(load_scenario("calm")) as ready:
        yield ready


def test_a_call_answers_with_the_body(server: Ready) -> None:
    assert json.loads(Remote(server.url, token=server.token).call("GET", "/_sim/clock"))["mode"] == "manual"
    assert json.loads(Remote(server.url + "/", world="default").call("GET", "/_sim/clock"))["world"] == "default"


def test_a_refusal_says_why(server: Ready) -> None:
    with pytest.raises(RemoteRefused, match='answered 404: no world "nowhere"'):
        Remote(server.url, world="nowhere").call("GET", "/_sim/clock")


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "nonsense", "http://127.0.0.1:1", "http://127.0.0.1:port"])
def test_a_server_that_is_not_there_cannot_be_asked(url: str) -> None:
    with pytest.raises(Unreachable, match=r"cannot be asked|no http address"):
        Remote(url).call("GET", "/_sim/clock")


def test_a_snapshot_is_saved_and_loaded(server: Ready, tmp_path: Path) -> None:
    file = tmp_path / "world.json"
    where = ["--url", server.url, "--token", server.token]
    saved = run("snapshot", "save", str(file), *where)
    assert saved.returncode == 0, saved.stderr
    remote = Remote(server.url, token=server.token)
    remote.call("POST", "/_sim/clock/advance", b'{"by": "5m"}')
    loaded = run("snapshot", "load", str(file), *where)
    assert loaded.returncode == 0, loaded.stderr
    assert json.loads(remote.call("GET", "/_sim/clock"))["now"] == "2026-01-01T00:00:00.000Z"
    assert json.loads(file.read_bytes())["snapshot"] == 2


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
