"""The pytest plugin in other people's tests: what it offers, what it refuses, and what it says when a test fails."""

import re
from fnmatch import fnmatch
from pathlib import Path

import httpx
import pytest
from gpu_sim import load_scenario, serve_in_thread

from ..support.plugin_project import TEST, FileResult, PluginProject, run_tests

RENTERS = Path(__file__).parents[1] / "renters"


@pytest.mark.project(
    """
    @pytest.mark.parametrize("number", range(3))
    def test_it(gpu_sim, number):
        assert listed(gpu_sim) == 200
        assert len(gpu_sim.requests) == 1
        gpu_sim.advance("1h")
        assert f"{gpu_sim.now:%H:%M}" == "01:00"
    """
)
def test_each_test_has_a_world_of_its_own(result: FileResult) -> None:
    assert result.outcomes == {"passed": 3}


@pytest.mark.project(
    """
    pytestmark = pytest.mark.gpu_sim(scenario="low-credit", seed=4)

    def test_module(gpu_sim):
        assert (gpu_sim.seed, str(gpu_sim.balance)) == (4, "0.100000")

    @pytest.mark.gpu_sim(seed=5)
    def test_nearer(gpu_sim):
        assert (gpu_sim.seed, str(gpu_sim.balance)) == (5, "0.100000")
    """
)
def test_a_marker_says_which_world_and_a_nearer_one_has_the_last_word(result: FileResult) -> None:
    assert result.outcomes == {"passed": 2}


@pytest.mark.project(
    """
    @pytest.mark.gpu_sim(scenario="mine.yaml")
    def test_it(gpu_sim):
        assert (gpu_sim.seed, str(gpu_sim.balance)) == (77, "0.100000")
    """,
    name="deep/test_beside.py",
    files={"deep/mine.yaml": "scenario: 1\nname: mine\nextends: low-credit\nseed: 77\n"},
)
def test_a_scenario_may_be_a_file_beside_the_test(result: FileResult) -> None:
    assert result.outcomes == {"passed": 1}


IMPOSSIBLE = {
    "scenaro='calm'": 'no keyword "scenaro"; did you mean "scenario"?',
    "'calm'": "keywords only",
    "scenario='clam'": 'did you mean "calm"?',
    "scenario={'name': 'x', 'extends': 'calm', 'sed': 1}": 'did you mean "seed"?',
    "scenario=7": "scenario: expected a shipped name, a YAML file or a document, got 7",
    "scenario='missing.yaml'": "cannot be read",
    "seed='one'": "seed: expected a whole number",
    "profile='extendd'": 'did you mean "extended"?',
    "step=5": 'step: expected a duration such as "15m" or a timedelta, got 5',
    "step=timedelta(seconds=-1)": "step: the clock never goes back",
    "step=timedelta(microseconds=1)": "step: whole milliseconds",
    "step=timedelta(days=99_999)": "clock.step: expected a duration",
    "step='five'": "clock.step: expected a duration",
}


@pytest.mark.project(
    "\n    from datetime import timedelta\n"
    + "".join(
        f"\n    @pytest.mark.gpu_sim({marker})\n    def test_{number}(gpu_sim):\n        pass\n"
        for number, marker in enumerate(IMPOSSIBLE)
    )
)
def test_a_world_that_cannot_be_is_an_error_that_names_the_field(result: FileResult) -> None:
    assert result.outcomes == {"errors": len(IMPOSSIBLE)}
    lines = [line for line in result.lines if line.startswith("the world of this test cannot be made: ")]
    assert len(lines) == len(IMPOSSIBLE)
    for says, line in zip(IMPOSSIBLE.values(), lines, strict=True):
        assert says in line
    assert not [line for line in result.lines if "During handling" in line]


def test_a_marker_is_judged_also_where_the_test_has_no_world(project: PluginProject) -> None:
    result = run_tests(
        project,
        """
    import sys

    @pytest.fixture
    def costly():
        print("a fixture was made")

    @pytest.mark.gpu_sim(scenaro="calm")
    def test_misspelt(costly):
        pass

    @pytest.mark.gpu_sim("calm")
    class TestAll:
        def test_positional(self):
            pass

    @pytest.mark.gpu_sim(seed="one")
    def test_value():
        pass

    @pytest.mark.gpu_sim(sed=1)
    @pytest.mark.skip(reason="what a project skips takes no world")
    def test_skipped():
        pass

    @pytest.mark.gpu_sim(seed=1)
    def test_sound():
        assert not {"starlette", "uvicorn", "yaml"} & set(sys.modules)
    """,
    )
    result.assert_outcomes(errors=3, passed=1, skipped=1)
    lines = [line for line in result.outlines if line.startswith("the world of this test cannot be made: ")]
    says = ['gpu_sim has no keyword "scenaro"; did you mean "scenario"?', "keywords only", "seed: expected a whole"]
    assert len(lines) == len(says)
    for expected, line in zip(says, lines, strict=True):
        assert expected in line
    assert "a fixture was made" not in result.stdout.str()


@pytest.mark.project(
    """
    import types
    from datetime import UTC, datetime
    from decimal import Decimal

    START = datetime(2027, 1, 1, tzinfo=UTC)
    ACCOUNTS = [types.MappingProxyType({"name": "me", "balance": Decimal("0.01")})]
    WHOLE = {"name": "own", "extends": "calm", "accounts": ACCOUNTS, "clock": {"start": START}}
    ITSELF = {"name": "own", "extends": "calm"}
    ITSELF["accounts"] = [ITSELF]

    @pytest.mark.gpu_sim(scenario=WHOLE)
    def test_whole(gpu_sim):
        assert (gpu_sim.balance, gpu_sim.now) == (Decimal("0.01"), START)
        assert False, "on purpose"

    @pytest.mark.gpu_sim(scenario={"name": "own", "seed": object()})
    def test_object(gpu_sim):
        pass

    @pytest.mark.gpu_sim(scenario=ITSELF)
    def test_itself(gpu_sim):
        pass

    @pytest.mark.gpu_sim(scenario={"name": "\\ud800"})
    def test_no_text(gpu_sim):
        pass

    @pytest.mark.gpu_sim(scenario={"name": "own", "extends": "calm", "tags": {1, 2}})
    def test_set(gpu_sim):
        pass
    """
)
def test_a_document_may_have_any_values_that_can_be_sent(result: FileResult) -> None:
    assert result.outcomes == {"failed": 1, "errors": 4}
    result.shown.fnmatch_lines(["scenario own (a document), seed *", "such a world: *"])
    lines = [line for line in result.lines if line.startswith("the world of this test cannot be made: ")]
    says = ["<object object at *> is no JSON value", "the document contains itself", "surrogates not allowed", "tags"]
    assert len(lines) == len(says)
    for expected, line in zip(says, lines, strict=True):
        assert fnmatch(line, f"*{expected}*")


def test_a_world_that_a_test_ended_itself_is_fine(project: PluginProject) -> None:
    tests = """
    def test_ended(gpu_sim):
        gpu_sim.end()
        gpu_sim.end()

    def test_deleted(gpu_sim):
        url = f"{gpu_sim.base_url}/_sim/worlds/{gpu_sim.world}"
        urllib.request.urlopen(urllib.request.Request(url, method="DELETE")).close()

    def test_after(gpu_sim):
        assert listed(gpu_sim) == 200

    def test_told(gpu_sim):
        gpu_sim.end()
        assert False
    """
    with serve_in_thread(load_scenario("calm")) as server:
        result = run_tests(project, tests, "--gpu-sim-url", server.url)
        worlds = httpx.get(f"{server.url}/_sim/worlds").json()["data"]
    result.assert_outcomes(passed=3, failed=1)
    assert [world["name"] for world in worlds] == ["default"]
    result.stdout.fnmatch_lines(["scenario calm, seed *; nothing more is known: the server answered 404: *"])


@pytest.mark.project(
    """
    import asyncio, aiohttp

    @pytest.fixture
    def anyio_backend():
        return "asyncio"

    @pytest.mark.anyio
    async def test_it(gpu_sim):
        headers = {"authorization": "Bearer " + gpu_sim.token}
        async with aiohttp.ClientSession(gpu_sim.base_url, headers=headers) as session:
            async def status():
                async with session.get("/v1/gpu/offers") as answer:
                    return answer.status
            assert await asyncio.gather(*(status() for _ in range(5))) == [200] * 5
            gpu_sim.advance("1m")
            assert len(gpu_sim.requests) == 5
    """,
    options=("-p", "anyio"),
)
def test_a_test_that_is_a_coroutine_can_use_it(result: FileResult) -> None:
    assert result.outcomes == {"passed": 1}


def test_the_plugin_loads_nothing_until_a_fixture_is_used(project: PluginProject) -> None:
    project.write(
        "test_it.py",
        """
        import sys

        def test_it(pytestconfig):
            assert pytestconfig.pluginmanager.has_plugin("gpu_sim")
            assert {name for name in sys.modules if name.partition(".")[0] == "gpu_sim"} == {
                "gpu_sim", "gpu_sim.pytest_plugin"
            }
            assert not {"starlette", "uvicorn", "msgspec", "yaml"} & set(sys.modules)
        """,
    )
    project.test().assert_outcomes(passed=1)


def test_the_marker_is_listed_with_what_it_takes(project: PluginProject) -> None:
    listed = project.test("--markers").stdout.str()
    assert "@pytest.mark.gpu_sim(scenario, seed, profile, step): " in listed


@pytest.mark.parametrize(
    ("workers", "tests"),
    [pytest.param(2, 12, id="few"), pytest.param(4, 400, id="a hundred each", marks=pytest.mark.slow)],
)
def test_workers_run_many_tests_without_meeting(project: PluginProject, workers: int, tests: int) -> None:
    text = """
    import os

    @pytest.mark.parametrize("number", range(TESTS))
    def test_it(gpu_sim, number, record_property):
        assert gpu_sim.requests == []
        assert listed(gpu_sim) == 200
        gpu_sim.credit(number + 1)
        gpu_sim.advance(f"{number}s")
        assert gpu_sim.balance == 101 + number
        assert (gpu_sim.now - gpu_sim.ledger()[0].at).total_seconds() == number
        assert [(request.status, request.account) for request in gpu_sim.requests] == [(200, "alice")]
        assert not gpu_sim.report().problems
        record_property("server", os.environ["PYTEST_XDIST_WORKER"] + " " + gpu_sim.base_url)
    """
    project.write("test_it.py", TEST + text.replace("TESTS", str(tests)))
    result = project.test("-p", "xdist", "-n", str(workers), "--junitxml=report.xml")
    result.assert_outcomes(passed=tests)
    servers = set(re.findall(r'name="server" value="(gw\d) (\S+)"', (project.path / "report.xml").read_text()))
    assert len(servers) == len({worker for worker, _ in servers}) == len({url for _, url in servers}) == workers


def team(client: str) -> pytest.MarkDecorator:
    """A package with this client of the API, and the tests of it."""
    texts = {name: (RENTERS / f"{name}.py").read_text(encoding="utf-8") for name in ("sound", client, "checks")}
    files = {
        "__init__": "",
        "client": f"from .{client} import Renter\n",
        "sound": texts["sound"],
        client: texts[client],
    }
    return pytest.mark.project(
        texts["checks"],
        name=f"{client}_team/test_client.py",
        head="",
        files={f"{client}_team/{name}.py": text for name, text in files.items()},
    )


@pytest.mark.parametrize(
    "caught",
    [
        pytest.param([], id="sound", marks=team("sound")),
        pytest.param(["test_a_job_that_fails_leaves_nothing_running"], id="forgetful", marks=team("forgetful")),
        pytest.param(["test_a_refusal_for_lack_of_credit_is_not_tried_again"], id="stubborn", marks=team("stubborn")),
    ],
)
def test_a_team_catches_the_bugs_of_its_client(result: FileResult, caught: list[str]) -> None:
    passed = 3 - len(caught)
    assert (result.outcomes.get("passed"), result.failed) == (passed, caught)
