"""Worlds that several tests share: the fixtures of a class, a module and the session, and fixtures of one's own."""

import pytest

from ..support.plugin_project import FileResult, PluginProject, run_tests


@pytest.mark.project(
    """
    pytestmark = pytest.mark.gpu_sim(scenario="low-credit", seed=4)

    @pytest.fixture(scope="module")
    def fleet(gpu_sim_module):
        return gpu_sim_module

    def test_first(fleet, gpu_sim_module, gpu_sim):
        assert fleet is gpu_sim_module
        assert (fleet.seed, str(fleet.balance)) == (4, "0.100000")
        assert gpu_sim.world != fleet.world
        fleet.advance("1h")
        assert listed(fleet) == 200

    def test_second(fleet, gpu_sim):
        assert [request.status for request in fleet.requests] == [200]
        assert (f"{fleet.now:%H:%M}", f"{gpu_sim.now:%H:%M}") == ("01:00", "00:00")
        assert fleet.token != gpu_sim.token
    """
)
def test_a_module_may_share_a_world_as_its_pytestmark_says(result: FileResult) -> None:
    assert result.outcomes == {"passed": 2}


@pytest.mark.project(
    """
    pytestmark = pytest.mark.gpu_sim(seed=4, scenario="low-credit")
    SEEN = []

    class TestShared:
        pytestmark = pytest.mark.gpu_sim(seed=5)

        @pytest.mark.parametrize("number", range(2))
        def test_it(self, gpu_sim_class, number):
            gpu_sim_class.advance("1h")
            assert gpu_sim_class.now.hour == number + 1
            SEEN.append((gpu_sim_class.world, gpu_sim_class.seed, str(gpu_sim_class.balance)))

    class TestOther:
        def test_it(self, gpu_sim_class):
            SEEN.append((gpu_sim_class.world, gpu_sim_class.seed, str(gpu_sim_class.balance)))

    def test_outside(gpu_sim_class, gpu_sim):
        assert gpu_sim_class.world != gpu_sim.world
        shared, again, other = SEEN
        assert shared == again
        assert shared[1:] == (5, "0.100000")
        assert other[0] != shared[0]
        assert other[1:] == (4, "0.100000")
    """
)
def test_a_class_may_share_a_world_as_its_marker_says(result: FileResult) -> None:
    assert result.outcomes == {"passed": 4}


def test_a_session_shares_a_world_of_calm_unless_it_has_a_fixture_of_its_own(project: PluginProject) -> None:
    text = """
    import pytest

    pytestmark = pytest.mark.gpu_sim(scenario="low-credit")

    def test_it(gpu_sim_session):
        assert (str(gpu_sim_session.balance), gpu_sim_session.now.hour) == ({}, {})
        gpu_sim_session.advance("1h")
    """
    project.write("test_one.py", text.format("'100.000000'", 0))
    project.write("test_two.py", text.format("'100.000000'", 1))
    project.write("deep/test_three.py", text.format("'0.100000'", 0))
    own = """
    import pytest

    @pytest.fixture(scope="package")
    def gpu_sim_session(gpu_sim_server):
        with gpu_sim_server.world("low-credit") as sim:
            yield sim
    """
    project.write("deep/conftest.py", own)
    project.test("test_one.py", "test_two.py", "deep").assert_outcomes(passed=3)


@pytest.mark.project(
    """
    pytestmark = pytest.mark.gpu_sim(scenario={"name": "x", "extends": "clam"})

    def test_it(gpu_sim_module):
        pass
    """
)
def test_a_shared_world_that_cannot_be_made_is_told_in_a_sentence(result: FileResult) -> None:
    assert result.outcomes == {"errors": 1}
    result.shown.fnmatch_lines(['the world of this test cannot be made: *did you mean "calm"?*'])


@pytest.mark.project(
    """
    @pytest.mark.gpu_sim(seed=5)
    def test_unheeded(gpu_sim_module):
        pass

    @pytest.mark.gpu_sim(seed=5)
    def test_heeded(gpu_sim_module, gpu_sim):
        assert gpu_sim.seed == 5

    @pytest.mark.gpu_sim(seed=5)
    class TestAll:
        def test_it(self, gpu_sim_module):
            pass
    """
)
def test_a_marker_that_no_world_of_its_test_heeds_is_refused(result: FileResult) -> None:
    assert result.outcomes == {"errors": 1, "passed": 2}
    result.shown.fnmatch_lines(["*the marker of a test is not heeded by gpu_sim_module: put it where that is shared*"])


@pytest.mark.project(
    """
    @pytest.fixture
    def checked(gpu_sim, gpu_sim_module):
        yield
        assert False

    def test_nobody_knows(gpu_sim_session):
        pass

    def test_without():
        assert False

    class TestLast:
        def test_it(self, checked, gpu_sim_class):  # with this one the module ends as well, and the session
            listed(gpu_sim_class)
            listed(gpu_sim_class)
    """
)
def test_a_failure_tells_of_the_worlds_that_its_test_shares_and_of_no_other(result: FileResult) -> None:
    assert result.outcomes == {"passed": 2, "failed": 1, "errors": 1}
    titles = [line for line in result.lines if line.startswith("- gpu-sim")]
    assert sorted(titles) == ["- gpu-sim -", "- gpu-sim, gpu_sim_class -", "- gpu-sim, gpu_sim_module -"]
    result.shown.fnmatch_lines(["- gpu-sim, gpu_sim_class -", "*", "the latest of 2 requests:"])
    assert not [line for line in result.lines if "nothing more is known" in line]


@pytest.mark.project(
    """
    RENT = b'''{
        "gpu_model": "RTX 4090", "provider_id": "vast-ai", "region": "Quebec, CA", "model_id": "m", "docker_image": "d"
    }'''

    def test_leaks(gpu_sim_module):
        headers = {"authorization": "Bearer " + gpu_sim_module.token, "content-type": "application/json"}
        url = gpu_sim_module.base_url + "/v1/gpu/rent"
        assert urllib.request.urlopen(urllib.request.Request(url, RENT, headers)).status == 201

    def test_is_told(gpu_sim_module, gpu_sim):
        assert len(gpu_sim_module.report().problems) == 1
        assert gpu_sim.report().problems == ()
    """
)
def test_the_report_of_a_shared_world_is_on_all_that_share_it(result: FileResult) -> None:
    assert result.outcomes == {"passed": 2}


def test_the_journals_of_a_failed_test_are_one_for_each_of_its_worlds(project: PluginProject) -> None:
    tests = "\n    def test_it(gpu_sim, gpu_sim_module):\n        gpu_sim_module.credit(1)\n        assert False\n"
    run_tests(project, tests, "--gpu-sim-journal", "journals").assert_outcomes(failed=1)
    assert len([*(project.path / "journals").iterdir()]) == 2


def test_workers_share_no_world(project: PluginProject) -> None:
    tests = """
    import os

    @pytest.mark.parametrize("number", range(8))
    def test_it(gpu_sim_session, number, record_property):
        record_property("world", gpu_sim_session.base_url + " " + gpu_sim_session.world)
    """
    result = run_tests(project, tests, "-p", "xdist", "-n", "2", "--junitxml=report.xml")
    result.assert_outcomes(passed=8)
    assert len(set((project.path / "report.xml").read_text().split('name="world" value="')[1:])) >= 2
