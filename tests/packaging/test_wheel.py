"""The wheel: what it holds, and that it serves from an empty folder."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import httpx
import pytest

from ..support.processes import ROOT, environment, serving
from ..support.readmes import READMES

RENT = {
    "gpu_model": "RTX 4090",
    "provider_id": "vast-ai",
    "region": "Quebec, CA",
    "model_id": "meta-llama/Llama-3.3-70B-Instruct",
    "docker_image": "vllm/vllm-openai:latest",
}
TEAM_TEST = """
import pytest

@pytest.mark.gpu_sim(scenario="low-credit")
def test_by_name(gpu_sim):
    assert str(gpu_sim.balance) == "0.100000"

@pytest.mark.gpu_sim(scenario="mine.yaml", profile="documented")
def test_by_file(gpu_sim):
    assert gpu_sim.seed == 8
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", str(ROOT), "--no-deps", "--quiet", "--wheel-dir", str(folder)]
    subprocess.run([*command, "--disable-pip-version-check"], check=True, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


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


@pytest.mark.parametrize("name", [name for name in READMES if not name.startswith(("README.md", "tests/"))])
def test_the_wheel_holds_every_readme_but_that_of_the_tests(wheel: Path, name: str) -> None:
    inside = "gpu_sim/README.md" if name == "simulator/README.md" else name.removeprefix("simulator/")
    assert (inside if inside.startswith("gpu_sim/") else f"gpu_sim/{inside}") in names(wheel)


def test_the_first_page_is_the_description_of_the_wheel(wheel: Path) -> None:
    (metadata,) = [name for name in names(wheel) if name.endswith(".dist-info/METADATA")]
    with zipfile.ZipFile(wheel) as archive:
        assert READMES["README.md"] in archive.read(metadata).decode()


def test_the_wheel_holds_no_leftovers(wheel: Path) -> None:
    assert not [name for name in names(wheel) if "__pycache__" in name or name.endswith((".pyc", ".ruff.toml"))]
    assert not [name for name in names(wheel) if "/tests/" in name or "/.hypothesis/" in name]


def test_the_installed_command_rents_a_gpu_from_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / "venv"
    venv.create(place, with_pip=True)
    binaries = place / ("Scripts" if os.name == "nt" else "bin")
    install = [str(binaries / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, f"{wheel}[contract]"], check=True)
    empty = tmp_path / "empty"
    empty.mkdir()
    env = environment()
    env.pop("PYTHONPATH", None)
    with serving(tmp_path / "ready.json", program=[str(binaries / "gpu-sim")], cwd=empty, env=env) as server:
        headers = {"authorization": f"Bearer {server.ready['token']}"}
        with httpx.Client(base_url=server.url, headers=headers) as client:
            assert client.get("/v1/gpu/offers").json()["count"] == 79
            rented = client.post("/v1/gpu/rent", json=RENT)
            assert (rented.status_code, rented.json()["status"]) == (201, "provisioning")
            assert client.get("/openapi.json").status_code == 200
            assert client.get("/docs/swagger-ui-bundle.js").status_code == 200
        verify = [str(binaries / "gpu-sim"), "verify", "--url", server.url, "--token", server.ready["token"]]
        result = subprocess.run(
            [*verify, "--only", "F3,F12,A21"], cwd=empty, env=env, capture_output=True, text=True, check=False
        )
        assert (result.returncode, result.stdout.splitlines()[-1]) == (0, "3 clauses: 3 held"), result
        assert server.stop()[0] == 0
    team = tmp_path / "team"
    team.mkdir()
    (team / "test_it.py").write_text(TEAM_TEST)
    (team / "mine.yaml").write_text("scenario: 1\nname: mine\nextends: calm\nseed: 8\n")
    pytest_run = [str(binaries / "python"), "-m", "pytest", "-W", "error", "--strict-markers", "-p", "no:cacheprovider"]
    tested = subprocess.run(pytest_run, cwd=team, env=env, capture_output=True, text=True, check=False)
    assert (tested.returncode, "2 passed" in tested.stdout) == (0, True), tested
    assert list(empty.iterdir()) == []
    checks = ["scenarios", "schema", "check calm"]
    for arguments in checks:
        subprocess.run(
            [str(binaries / "gpu-sim"), *arguments.split()], check=True, cwd=empty, env=env, capture_output=True
        )
