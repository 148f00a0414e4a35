"""The server of the tests in a process of its own: where it is used, that it ends, and what is told where it fails."""

import subprocess
import sys

import httpx
import pytest
from gpu_sim.testing import ServerUnreachable
from gpu_sim.testing import server_process as module
from gpu_sim.testing.server_process import server_process

from ..support import loopback
from ..support.plugin_project import PluginProject, run_tests
from ..support.processes import environment

GEVENT = """
import threading

patched = set()

def is_module_patched(name):
    return name in patched

def patch_all():
    patched.update(["threading", "socket", "select"])
    threading.Thread.start = refuse

def refuse(thread):
    raise RuntimeError(f"{thread.name} would never give way to others")
"""
"""As gevent does, with a thread that is refused in place of one that hangs."""


@pytest.fixture
def gevent_project(project: PluginProject) -> PluginProject:
    """A project where such a library is installed."""
    project.write("gevent/__init__.py", "")
    project.write("gevent/monkey.py", GEVENT)
    return project


TESTS = """
    import threading

    @pytest.mark.parametrize("number", range(2))
    def test_it(gpu_sim, number):
        assert listed(gpu_sim) == 200
        gpu_sim.advance("1h")
        assert gpu_sim.now.hour == 1
        assert [request.status for request in gpu_sim.requests] == [200]
        assert gpu_sim.report().problems == ()

    @pytest.mark.gpu_sim(scenario={"name": "x", "extends": "low-credit", "seed": 3})
    def test_document(gpu_sim):
        assert (gpu_sim.seed, str(gpu_sim.balance)) == (3, "0.100000")

    def test_without_a_token(gpu_sim):
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(gpu_sim.base_url + "/v1/gpu/offers")
        assert gpu_sim.report().unauthorized == 1

    def test_no_thread_runs_here(gpu_sim):
        assert threading.active_count() == 1
"""


def test_where_threads_are_replaced_the_server_is_a_process_and_all_is_as_ever(gevent_project: PluginProject) -> None:
    gevent_project.write("conftest.py", "from gevent import monkey\n\nmonkey.patch_all()\n")
    run_tests(gevent_project, TESTS).assert_outcomes(passed=5)


def test_threads_may_be_replaced_while_a_test_runs(gevent_project: PluginProject) -> None:
    late = "\n    def test_first(gpu_sim):\n        from gevent import monkey\n        monkey.patch_all()\n"
    run_tests(gevent_project, late + TESTS).assert_outcomes(passed=6)


def test_modules_beside_the_tests_are_not_those_of_the_server(gevent_project: PluginProject) -> None:
    for name in ("uvicorn", "starlette", "secrets_"):
        gevent_project.write(f"{name}.py", "raise RuntimeError('not this one')\n")
    run_tests(gevent_project, TESTS).assert_outcomes(passed=5)


def test_a_process_that_does_not_start_is_told_in_a_sentence(gevent_project: PluginProject) -> None:
    program = (
        "import sys\nfrom gpu_sim.testing import server_process\n\nserver_process._PROGRAM = 'raise SystemExit(3)'\n"
    )
    gevent_project.write("conftest.py", program)
    result = run_tests(gevent_project, "\n    def test_it(gpu_sim):\n        pass\n")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "no server could be started in a process of its own (gevent is installed and may replace the threads of "
            "this one): it ended with code 3, *; start one with `gpu-sim serve` and name it by --gpu-sim-url or "
            "GPU_SIM_URL"
        ]
    )
    assert "Traceback" not in result.stdout.str()


def is_there(url: str) -> bool:
    """True while somebody listens."""
    try:
        return loopback.get(f"{url}/_sim/ready").status_code == 200
    except httpx.TransportError:
        return False


def test_it_serves_until_the_block_ends() -> None:
    with server_process("a reason") as url:
        assert is_there(url)
    assert not is_there(url)


def test_it_ends_with_a_process_that_was_killed() -> None:
    program = (
        "from gpu_sim.testing.server_process import server_process\n"
        "with server_process('a reason') as url:\n    print(url, flush=True)\n    input()\n"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()) as run:
        assert run.stdout is not None
        url = run.stdout.readline().strip()
        assert is_there(url)
        run.kill()
    while is_there(url):
        pass


@pytest.mark.parametrize(
    ("executable", "told"), [("/nowhere/python", "No such file"), ("", "No such file|Permission denied")]
)
def test_a_python_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch, executable: str, told: str) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    with pytest.raises(ServerUnreachable, match=rf"\(a reason\): .*({told})"), server_process("a reason"):
        pass


def test_one_that_takes_too_long_to_start_ends_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    program = "from gpu_sim.testing import server_process as it; it.START_SECONDS_MAX = 0; it.main()"
    monkeypatch.setattr(module, "_PROGRAM", program)
    with pytest.raises(ServerUnreachable, match="it ended with code 1"), server_process("a reason"):
        pass


def test_one_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PROGRAM", "import threading; print('there', flush=True); threading.Event().wait()")
    monkeypatch.setattr(module, "END_SECONDS_MAX", 0.05)
    with server_process("a reason") as url:
        assert url == "there"
