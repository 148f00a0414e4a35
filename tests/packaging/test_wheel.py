"""The wheel: what it holds, that it serves from an empty folder, and that it shadows nothing of a project."""

import posixpath
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..support import loopback
from ..support.markdown import links_of
from ..support.processes import ROOT, environment, serving
from ..support.readmes import READMES
from .wheel_environment import build_wheel, environment_with

RENT = {
    "gpu_model": "RTX 4090",
    "provider_id": "vast-ai",
    "region": "Quebec, CA",
    "model_id": "meta-llama/Llama-3.3-70B-Instruct",
    "docker_image": "vllm/vllm-openai:latest",
}
PLUGIN_TEST = """
import pytest
import simulator

@pytest.mark.gpu_sim(scenario="low-credit")
def test_by_name(gpu_sim):
    assert str(gpu_sim.balance) == "0.100000"

@pytest.mark.gpu_sim(scenario="mine.yaml", profile="documented")
def test_by_file(gpu_sim):
    assert gpu_sim.seed == 8

def test_own_package(gpu_sim):
    assert simulator.OWNER == "the project"
    assert gpu_sim.balance == 100
"""
PYTEST = ("-W", "error", "--strict-markers", "-p", "no:cacheprovider", "-p", "no:hypothesispytest")

pytestmark = pytest.mark.slow  # it has to be built and installed


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    return build_wheel(tmp_path_factory.mktemp("wheel"))


def names(wheel: Path) -> list[str]:
    """All files of the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_the_wheel_adds_one_name_to_site_packages(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in names(wheel)}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"gpu_sim"}
    assert len(tops) == 2


@pytest.mark.parametrize(
    "name",
    [
        "py.typed",
        "cli/main.py",
        "core/simulation.py",
        "api/app.py",
        "scenarios/catalog.csv",
        "contract/openapi.yaml",
        "scenarios/replayed-nodes.json",
        "scenarios/replayed-prices.csv",
    ],
)
def test_the_wheel_holds_what_serving_needs(wheel: Path, name: str) -> None:
    assert f"gpu_sim/{name}" in names(wheel)


def test_the_wheel_holds_every_scenario(wheel: Path) -> None:
    shipped = {f"gpu_sim/scenarios/{path.name}" for path in (ROOT / "scenarios").glob("*.yaml")}
    assert len(shipped) >= 9
    assert shipped <= set(names(wheel))


@pytest.mark.parametrize(
    "name", [name for name in READMES if name.startswith(("simulator/gpu_sim/", "scenarios/", "contract/"))]
)
def test_the_wheel_holds_the_readmes_of_all_that_it_holds(wheel: Path, name: str) -> None:
    assert f"gpu_sim/{name.removeprefix('simulator/gpu_sim/')}" in names(wheel)


@pytest.mark.parametrize("name", [name for name in READMES if name.startswith("simulator/gpu_sim/")])
def test_links_between_the_readmes_of_the_package_lead_somewhere_in_the_wheel(wheel: Path, name: str) -> None:
    folder = posixpath.dirname(name.removeprefix("simulator/"))
    held = set(names(wheel))
    for link in links_of(READMES[name]):
        assert not link.path or posixpath.normpath(posixpath.join(folder, link.path)) in held, link.path


def test_the_first_page_is_the_description_of_the_wheel(wheel: Path) -> None:
    (metadata,) = [name for name in names(wheel) if name.endswith(".dist-info/METADATA")]
    with zipfile.ZipFile(wheel) as archive:
        assert READMES["README.md"] in archive.read(metadata).decode()


def test_the_wheel_holds_no_leftovers(wheel: Path) -> None:
    assert not [name for name in names(wheel) if "__pycache__" in name or name.endswith((".pyc", ".ruff.toml"))]
    assert not [name for name in names(wheel) if "/tests/" in name or "/.hypothesis/" in name]


@pytest.fixture(scope="module")
def binaries(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of a virtual environment with the wheel and what the wheel asks for, and nothing else."""
    return environment_with(wheel, "contract", tmp_path_factory.mktemp("installed") / "venv")


@pytest.fixture(scope="module")
def env() -> dict[str, str]:
    """The environment, in which nothing leads to this checkout."""
    return {name: value for name, value in environment().items() if name != "PYTHONPATH"}


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Path]:
    """An empty folder, which is so afterwards too."""
    folder = tmp_path / "empty"
    folder.mkdir()
    yield folder
    assert list(folder.iterdir()) == []


def test_the_installed_command_rents_a_gpu_from_an_empty_folder(
    binaries: Path, env: dict[str, str], empty: Path, tmp_path: Path
) -> None:
    with serving(tmp_path / "ready.json", program=[str(binaries / "gpu-sim")], cwd=empty, env=env) as server:
        headers = {"authorization": f"Bearer {server.ready['token']}"}
        with loopback.Client(base_url=server.url, headers=headers) as client:
            assert client.get("/v1/gpu/offers").json()["count"] == 79
            rented = client.post("/v1/gpu/rent", json=RENT)
            assert (rented.status_code, rented.json()["status"]) == (201, "provisioning")
            assert client.get("/openapi.json").status_code == 200
            assert client.get("/metrics").status_code == 200
            assert client.get("/docs/swagger-ui-bundle.js").status_code == 200
        verify = [str(binaries / "gpu-sim"), "verify", "--url", server.url, "--token", server.ready["token"]]
        verified = subprocess.run(
            [*verify, "--only", "F3,F12,A21"], cwd=empty, env=env, capture_output=True, text=True, check=False
        )
        assert (verified.returncode, verified.stdout.splitlines()[-1]) == (0, "3 clauses: 3 held"), verified
        assert server.stop()[0] == 0


@pytest.mark.parametrize("arguments", ["scenarios", "schema", "check calm", "run cant-be-late"])
def test_the_installed_command_finds_what_is_shipped(
    binaries: Path, env: dict[str, str], empty: Path, arguments: str
) -> None:
    command = [str(binaries / "gpu-sim"), *arguments.split()]
    subprocess.run(command, check=True, cwd=empty, env=env, capture_output=True)


@pytest.mark.parametrize("command", [["python", "-m", "pytest"], ["pytest"]], ids=" ".join)
def test_a_project_with_a_package_simulator_tests_with_the_installed_plugin(
    binaries: Path, env: dict[str, str], tmp_path: Path, command: list[str]
) -> None:
    """`python -m pytest` looks in the project first, plain `pytest` among what is installed while it loads plugins."""
    package = tmp_path / "simulator"
    package.mkdir()
    (package / "__init__.py").write_text('OWNER = "the project"\n')
    (tmp_path / "mine.yaml").write_text("scenario: 1\nname: mine\nextends: calm\nseed: 8\n")
    (tmp_path / "test_it.py").write_text(PLUGIN_TEST)
    command = [str(binaries / command[0]), *command[1:], *PYTEST]
    tested = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert (tested.returncode, "3 passed" in tested.stdout) == (0, True), tested
