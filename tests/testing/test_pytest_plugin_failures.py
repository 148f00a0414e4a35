"""The plugin's report of a failed test, and the secrets that stay out of it."""

import re
import shlex
import sys
from pathlib import Path

import httpx
import pytest
from gpu_sim import load_scenario, serve_in_thread
from gpu_sim.testing import GpuSimServer
from gpu_sim.testing.world_request import WorldRequest

from ..support.plugin_project import FileResult, PluginProject, run_tests
from ..support.processes import serving


def test_a_failure_tells_of_the_world_and_how_to_make_it_again(project: PluginProject, tmp_path: Path) -> None:
    result = run_tests(
        project,
        """
    @pytest.mark.gpu_sim(scenario="price-spike", seed=4, profile="documented")
    def test_it(gpu_sim):
        listed(gpu_sim)
        gpu_sim.advance("90m")
        assert False
    """,
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*- gpu-sim -*",
            "scenario price-spike, seed 4, virtual time 2026-01-01T01:30:00Z",
            "the latest of 1 requests:",
            "  #1 00:00:00 GET /v1/gpu/offers -> 200",
            "this test: pytest test_it.py::test_it",
        ]
    )
    (line,) = (line for line in result.outlines if line.startswith("such a world: "))
    assert line == "such a world: gpu-sim serve --scenario price-spike --seed 4 --clock manual --profile documented"
    with serving(tmp_path / "ready.json", *shlex.split(line)[5:]) as server:
        assert httpx.get(f"{server.url}/_sim/health").json()["seed"] == 4


def not_shipped(file: str, scenario: object) -> pytest.MarkDecorator:
    """A test that fails in a world of this scenario."""
    test = f"""
    @pytest.mark.gpu_sim(scenario={scenario!r}, seed=4, step="5s")
    def test_it(gpu_sim):
        assert False
    """
    return pytest.mark.project(test, name=file, files={"it is.yaml": "scenario: 1\nname: file\nextends: calm\n"})


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("it's mine", marks=not_shipped("test_mine.py", {"name": "it's mine", "extends": "calm"})),
        pytest.param("of-a-test", marks=not_shipped("test_of_a_test.py", "it is.yaml")),
    ],
)
def test_the_line_for_what_is_no_shipped_scenario_makes_a_file_that_can_be_served(
    project: PluginProject, result: FileResult, name: str
) -> None:
    project.write("it is.yaml", "scenario: 1\nname: file\nextends: calm\n")
    (line,) = (line for line in result.lines if line.startswith("such a world: "))
    prepare, _, serve = line.removeprefix("such a world: ").partition(" && ")
    project.run("sh", "-c", prepare)
    program, command, flag, file, *seed = shlex.split(serve)
    assert [program, command, flag, *seed] == ["gpu-sim", "serve", "--scenario", "--seed", "4"]
    made = load_scenario(str(project.path / file))
    assert (made.name, made.clock.mode, made.clock.step) == (name, "manual", 5_000)


@pytest.mark.project(
    "".join(
        f"""
    @pytest.mark.gpu_sim(scenario={{"name": "{name}", "extends": "calm"}})
    def test_{name}(gpu_sim):
        assert False
    """
        for name in ("one", "two")
    )
)
def test_the_line_for_a_document_overwrites_no_file_of_anybodys(result: FileResult) -> None:
    lines = [line for line in result.lines if line.startswith("such a world: ")]
    files = {shlex.split(line.partition("--scenario")[2])[0] for line in lines}
    assert len(files) == 2
    assert all(re.fullmatch(r"gpu-sim-[0-9a-f]{8}\.yaml", file) for file in files)


def test_the_line_for_the_test_works_where_pytest_was_started(project: PluginProject) -> None:
    project.write("pytest.ini", "[pytest]\n")
    project.write("deep/test_it.py", "def test_it(gpu_sim):\n    assert False\n")
    with serve_in_thread(load_scenario("calm")) as server:
        there = f"--gpu-sim-url {server.url}"
        result = PluginProject(project.path / "deep").test("--gpu-sim-url", server.url)
        result.stdout.fnmatch_lines([f"this test: pytest test_it.py::test_it {there}"])
        result = project.test("deep/test_it.py", "--gpu-sim-url", server.url)
    result.stdout.fnmatch_lines([f"this test: pytest deep/test_it.py::test_it {there}"])


def test_the_journal_of_a_failure_can_be_kept_and_run_again(project: PluginProject) -> None:
    tests = """
    def test_passes(gpu_sim):
        pass

    @pytest.mark.parametrize("path", ["a/b"])
    def test_fails(gpu_sim, path):
        gpu_sim.credit("1")
        assert False

    def test_ended(gpu_sim):
        gpu_sim.end()
        assert False
    """
    result = run_tests(project, tests, "--gpu-sim-journal", "kept journals")
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["this run of it: *", "no journal: the server answered 404: *"])
    (line,) = (line for line in result.outlines if line.startswith("this run of it: "))
    (file,) = (project.path / "kept journals").iterdir()
    assert re.fullmatch(r"test-fails-a-b--[0-9a-f]{8}\.ndjson", file.name)
    arguments = shlex.split(line.removeprefix("this run of it: "))
    assert arguments == ["gpu-sim", "replay", str(file)]
    replayed = project.run(sys.executable, "-m", "gpu_sim", *arguments[1:])
    assert (replayed.ret, replayed.outlines) == (0, [f"{file}: the replay agrees, 3 events"])


def test_a_failure_in_the_teardown_tells_of_the_world_that_was(project: PluginProject) -> None:
    result = run_tests(
        project,
        """
    @pytest.fixture
    def checked(gpu_sim):
        yield gpu_sim
        assert False

    def test_first(checked):
        listed(checked)

    def test_last(checked):  # with this one the server ends as well
        listed(checked)
        listed(checked)
    """,
    )
    result.assert_outcomes(passed=2, errors=2)
    listed = "GET /v1/gpu/offers -> 200"
    shown = ["*- gpu-sim -*", "*", "the latest of {} requests:", f"  #1 00:00:00 {listed}"]
    result.stdout.fnmatch_lines([line.format(1) for line in shown] + [line.format(2) for line in shown])
    result.stdout.fnmatch_lines([f"  #2 00:00:00 {listed}"])


@pytest.mark.project(
    """
    def test_it(gpu_sim):
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(gpu_sim.base_url + "/v1/gpu/offers")
        assert gpu_sim.report().unauthorized == 0

    def test_after(gpu_sim):
        assert gpu_sim.report().unauthorized == 0
    """
)
def test_requests_without_a_known_token_are_told_of(result: FileResult) -> None:
    assert result.outcomes == {"passed": 1, "failed": 1}
    result.shown.fnmatch_lines(["  #1 00:00:00 GET /v1/gpu/offers -> 401 invalid_token (a token that no world knows)"])


@pytest.mark.project(
    """
    def stray(url):
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(url + "/v1/gpu/offers")

    @pytest.fixture
    def checked(gpu_sim):
        yield gpu_sim
        assert gpu_sim.report().unauthorized == 1

    def test_unasked(gpu_sim):
        stray(gpu_sim.base_url)

    def test_without_a_world(gpu_sim_server):
        stray(gpu_sim_server.url)

    def test_after(gpu_sim):
        assert gpu_sim.report().unauthorized == 0

    def test_in_time(checked):
        stray(checked.base_url)
    """
)
def test_requests_without_a_known_token_are_told_of_by_the_test_of_their_time_alone(result: FileResult) -> None:
    assert result.outcomes == {"passed": 4}


def test_requests_after_its_end_are_not_told_of(gpu_sim_server: GpuSimServer) -> None:
    sim = gpu_sim_server.new_world(WorldRequest())
    gpu_sim_server.retire(sim)
    httpx.get(f"{sim.base_url}/v1/gpu/offers")
    assert sim.report().unauthorized == 0


@pytest.mark.project("\n    def test_it():\n        assert False\n")
def test_a_test_without_a_world_is_told_nothing_of_one(result: FileResult) -> None:
    assert result.outcomes == {"failed": 1}
    assert "- gpu-sim -" not in result.shown.str()


@pytest.mark.parametrize(("url", "token"), [("http://me:hush@127.0.0.1:1", "admin"), ("http://127.0.0.1:1", "hush\n")])
def test_secrets_of_a_running_server_are_not_printed(project: PluginProject, url: str, token: str) -> None:
    test = "\n    def test_it(gpu_sim):\n        pass\n"
    result = run_tests(project, test, "--gpu-sim-url", url, "--showlocals", GPU_SIM_ADMIN_TOKEN=token)
    result.assert_outcomes(errors=1)
    assert "hush" not in result.stdout.str()


@pytest.mark.project(
    """
    import os

    ACCOUNTS = [{"name": "me", "token": os.environ["SECRET"], "balance": "1"}]

    @pytest.mark.gpu_sim(scenario={"name": "own", "extends": "calm", "accounts": ACCOUNTS})
    def test_it(gpu_sim):
        assert gpu_sim.token.startswith("si_")
        assert gpu_sim.accounts() == {}
    """,
    settings={"SECRET": "hush-hush"},
)
def test_tokens_of_accounts_are_not_printed(result: FileResult) -> None:
    assert result.outcomes == {"failed": 1}
    result.shown.fnmatch_lines(["*Account(name='me', token=..., balance=*", "such a world: *"])
    assert not re.findall("hush-hush|si_[0-9a-f]", result.shown.str())
