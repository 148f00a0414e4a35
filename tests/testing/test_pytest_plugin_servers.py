"""The pytest plugin on a server: a running one, and one that is gone, absent or silent."""

import socket

import httpx
import pytest
from gpu_sim import load_scenario, serve_in_thread
from gpu_sim.testing.server import READY_SECONDS_MAX

from ..support.plugin_project import PluginProject, run_tests


def test_a_server_that_goes_away_is_told_of_in_a_sentence_and_only_where_it_is_asked(project: PluginProject) -> None:
    server = """
    import gpu_sim

    @pytest.fixture(scope="session")
    def server():
        manager = gpu_sim.serve_in_thread(gpu_sim.load_scenario("calm"))
        return manager, manager.__enter__()

    @pytest.fixture(scope="session")
    def gpu_sim_server(server):
        from gpu_sim.testing.server import running_server
        with running_server(server[1].url, admin_token=None) as asked:
            yield asked

    def test_before(gpu_sim, server):
        server[0].__exit__(None, None, None)

    def test_after(gpu_sim):
        pass

    def test_another():
        pass
    """
    result = run_tests(project, server)
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["the world of this test cannot be made: http://127.0.0.1:* cannot be asked: *"])
    assert "Traceback" not in result.stdout.str()


def test_a_running_server_is_used_and_left_as_it_was(project: PluginProject) -> None:
    test = """
    def test_it(gpu_sim):
        assert listed(gpu_sim) == 200
        assert gpu_sim.base_url == "{url}"
        assert gpu_sim.world != "default"
    """
    with serve_in_thread(load_scenario("calm")) as server:
        run_tests(project, test.format(url=server.url), "--gpu-sim-url", server.url).assert_outcomes(passed=1)
        run_tests(project, test.format(url=server.url), GPU_SIM_URL=server.url).assert_outcomes(passed=1)
        worlds = httpx.get(f"{server.url}/_sim/worlds").json()["data"]
    assert [world["name"] for world in worlds] == ["default"]


def test_a_server_that_is_not_there_is_an_error(project: PluginProject) -> None:
    result = run_tests(project, "\n    def test_it(gpu_sim):\n        pass\n", "--gpu-sim-url", "http://127.0.0.1:1")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["--gpu-sim-url: http://127.0.0.1:1 cannot be asked: *"])


def test_a_server_that_is_silent_is_an_error_soon_and_asked_once(project: PluginProject) -> None:
    # The limit is the product's, but shorter: the whole of it passes.
    project.write("conftest.py", "from gpu_sim.testing import server\n\nserver.READY_SECONDS_MAX /= 10\n")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        tests = "\n    def test_one(gpu_sim):\n        pass\n\n    def test_two(gpu_sim):\n        pass\n"
        result = run_tests(project, tests, GPU_SIM_URL=url)
        silent.setblocking(False)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines([f"GPU_SIM_URL: {url} did not answer within 0.5 s"] * 2)
    assert "Traceback" not in result.stdout.str()


def test_a_silent_server_is_given_five_seconds() -> None:
    assert READY_SECONDS_MAX == 5.0
