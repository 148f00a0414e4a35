"""The context managers that give a world to any test framework: one world for a block."""

import asyncio
import unittest
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from gpu_sim import load_scenario, serve_in_thread
from gpu_sim.server.serving import Ready
from gpu_sim.testing import GpuSim, GpuSimServer, ServerRefused, ServerUnreachable, world
from hypothesis import given, settings
from hypothesis import strategies as st

from ..support import loopback
from ..support.scenario_texts import write


@pytest.fixture(autouse=True)
def _no_server_by_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GPU_SIM_URL", "GPU_SIM_ADMIN_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def listed(sim: GpuSim, base_url: str | None = None) -> int:
    """The status of a list of offers."""
    headers = {"authorization": f"Bearer {sim.token}"}
    return loopback.get(f"{base_url or sim.base_url}/v1/gpu/offers", headers=headers).status_code


def worlds_of(server: Ready) -> list[str]:
    """The names of the worlds on a server."""
    return [each["name"] for each in loopback.get(f"{server.url}/_sim/worlds").json()["data"]]


def test_a_world_is_there_for_a_block_and_its_server_with_it() -> None:
    with world() as sim:
        assert type(sim) is GpuSim
        assert listed(sim) == 200
        sim.advance("1h")
        assert [request.status for request in sim.requests] == [200]
        assert sim.report().problems == ()
    with pytest.raises(httpx.ConnectError):
        listed(sim)


def test_a_world_is_as_a_marker_would_say(tmp_path: Path) -> None:
    with world("low-credit", seed=4, profile="documented", step=timedelta(seconds=5)) as sim:
        assert (sim.seed, str(sim.balance)) == (4, "0.100000")
        assert listed(sim) == 200
        assert sim.now.second == 5
    write(tmp_path, mine="name: mine\nextends: low-credit\nseed: 77")
    for scenario in (tmp_path / "mine.yaml", {"name": "d", "extends": "low-credit", "seed": 77}):
        with world(scenario) as sim:
            assert (sim.seed, str(sim.balance)) == (77, "0.100000")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"scenario": 7}, "scenario: expected a shipped name"),
        ({"seed": "one"}, "seed: expected a whole number"),
        ({"profile": "extendd"}, 'did you mean "extended"?'),
        ({"step": 5}, "step: expected a duration"),
    ],
)
def test_an_argument_that_cannot_be_meant_is_named_before_a_server_starts(
    wrong: dict[str, object], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gpu_sim.testing.server.own_server", None)
    with pytest.raises(ValueError, match=told.replace("?", r"\?")), world(**wrong):  # type: ignore[arg-type]  # wrong ones
        pass


def test_what_the_server_turns_down_is_its_refusal() -> None:
    with pytest.raises(ServerRefused, match='did you mean "calm"'), world("clam"):
        pass


def test_two_worlds_in_a_test_know_nothing_of_each_other() -> None:
    with world(seed=1) as first, world(seed=1) as second:
        first.advance("1h")
        assert listed(first) == 200
        assert listed(second, first.base_url) == 401
        assert (first.now.hour, second.now.hour) == (1, 0)
        assert (first.report().unauthorized, second.report().unauthorized) == (1, 0)
        assert second.requests == []


def test_a_world_is_made_on_a_running_server_and_deleted_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_in_thread(load_scenario("calm")) as server:
        with world(url=server.url) as sim:
            assert sim.base_url == server.url
            assert worlds_of(server) == ["default", sim.world]
        assert worlds_of(server) == ["default"]
        monkeypatch.setenv("GPU_SIM_URL", server.url)
        with world() as sim:
            assert sim.base_url == server.url
    with pytest.raises(ServerUnreachable, match="cannot be asked"), world(url="http://127.0.0.1:1"):
        pass


def test_the_admin_token_is_the_one_given_or_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str | None] = []

    class Asked(Exception):
        pass

    def asked(url: str, *, admin_token: str | None) -> None:
        given.append(admin_token)
        raise Asked

    monkeypatch.setattr("gpu_sim.testing.server.running_server", asked)
    monkeypatch.setenv("GPU_SIM_ADMIN_TOKEN", "of the environment")
    for token in (None, "given"):
        with pytest.raises(Asked), world(url="http://there", admin_token=token):
            pass
    assert given == ["of the environment", "given"]


def test_an_exception_takes_the_story_of_the_world_along() -> None:
    with pytest.raises(ZeroDivisionError) as raised, world("low-credit", seed=4) as sim:
        assert 1 / (listed(sim) - 200)
    (note,) = raised.value.__notes__
    assert note.startswith("gpu-sim: scenario low-credit, seed 4, virtual time 2026-01-01T00:00:00Z\n")
    assert "GET /v1/gpu/offers -> 200" in note
    assert "such a world: gpu-sim serve --scenario low-credit --seed 4" in note


def test_a_world_can_be_used_in_a_coroutine() -> None:
    async def rent() -> list[int]:
        with world() as sim:
            headers = {"authorization": f"Bearer {sim.token}"}
            async with loopback.AsyncClient(base_url=sim.base_url, headers=headers) as client:
                answers = await asyncio.gather(*(client.get("/v1/gpu/offers") for _ in range(6)))
            sim.advance("1h")
            return [answer.status_code for answer in answers]

    assert asyncio.run(rent()) == [200] * 6


@given(st.integers(1, 1_000))
@settings(max_examples=20, derandomize=True, database=None, deadline=None)
def test_each_example_of_hypothesis_may_have_a_world_on_the_server_of_the_session(
    gpu_sim_server: GpuSimServer, amount: int
) -> None:
    with gpu_sim_server.world() as sim:
        sim.credit(amount)
        assert sim.balance == 100 + amount


def test_worlds_of_the_sessions_server_end_with_their_blocks(gpu_sim_server: GpuSimServer) -> None:
    with gpu_sim_server.world(seed=1) as first, gpu_sim_server.world(seed=2) as second:
        assert (first.seed, second.seed) == (1, 2)
        assert first.base_url == second.base_url == gpu_sim_server.url
    for sim in (first, second):
        with pytest.raises(ServerRefused, match="no world"):
            sim.advance("1h")


class TestUnittest(unittest.TestCase):
    """A test case without pytest's fixtures."""

    def setUp(self) -> None:
        self.sim = self.enterContext(world(seed=4))

    def test_it_has_a_world(self) -> None:
        assert self.sim.seed == 4
