"""`gpu-sim verify`: against this simulator, against one with a defect, and where nothing can be tried."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from gpu_sim import load_scenario, serve_in_thread
from gpu_sim.server.serving import Ready

from ..canaries import nonsense
from ..support import loopback
from ..support.processes import ROOT, serving_by
from .forked_commands import Ended, run_forked

TOKEN = "si_test_alice"
CANARY = (sys.executable, "-m", "tests.canaries.serve", "max_price_is_exclusive")


@pytest.fixture(scope="module")
def sound() -> Iterator[Ready]:
    """The simulator on its default scenario, whose market moves."""
    with serve_in_thread(load_scenario("default")) as server:
        yield server


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a simulator with a defect: an offer at exactly the maximum price is left out."""
    with serving_by([*CANARY, "--port", "0"], tmp_path_factory.mktemp("broken") / "ready.json") as server:
        yield server.url


def verify(url: str, *options: str, few_examples: bool = False) -> Ended:
    """The command, few examples."""
    given = ["--url", url, "--token", TOKEN, "--profile", "dev", *options]
    return run_forked("verify", *given, few_examples=few_examples)


def journal(server: Ready) -> bytes:
    """The journal of the world that the token leads to, but for its end."""
    lines = loopback.get(f"{server.url}/_sim/journal", params={"world": "default"}).content.splitlines()
    return b"\n".join(lines[:-1])


@pytest.mark.parametrize("few_examples", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_every_clause_with_a_test_holds_and_nobody_elses_world_is_touched(sound: Ready, few_examples: bool) -> None:
    before = journal(sound)
    result = verify(sound.url, few_examples=few_examples)
    lines = result.stdout.splitlines()
    assert (result.returncode, lines[-1], result.stderr) == (0, "50 clauses: 43 held, 7 not applicable", "")
    assert {line.split()[1] for line in lines[:50]} == {"held", "not"}
    assert lines[0].startswith("F1   held            The API is four endpoints")
    assert journal(sound) == before
    worlds = loopback.get(f"{sound.url}/_sim/worlds").json()["data"]
    assert [world["name"] for world in worlds] == ["default"]


def test_some_clauses_only(sound: Ready) -> None:
    result = verify(sound.url, "--only", "f5,A15")
    assert [line.split()[:2] for line in result.stdout.splitlines()[:2]] == [["F5", "held"], ["A15", "held"]]
    assert result.stdout.splitlines()[-1] == "2 clauses: 2 held"


def test_a_live_service_is_left_alone_unless_spending_is_allowed(sound: Ready) -> None:
    before = journal(sound)
    result = verify(sound.url, "--profile", "live", "--only", "F3,F7")
    assert (result.returncode, result.stdout.splitlines()[0].split()[:2]) == (0, ["F3", "held"])
    assert "not applicable  renting costs money here" in result.stdout
    assert journal(sound) == before


def test_what_may_be_spent_is_spent_on_one_rental_that_is_deleted(sound: Ready) -> None:
    result = verify(sound.url, "--profile", "live", "--only", "F7,F13", "--allow-spend", "1")
    assert result.stdout.splitlines()[-1].startswith("spent: $0.0")
    [rental] = loopback.get(f"{sound.url}/_sim/rentals", params={"world": "default"}).json()["data"]
    assert rental["status"] == "terminated"
    assert (rental["model_id"], rental["docker_image"]) == ("org/model", "image:latest")


def test_the_rental_names_the_model_and_the_image_that_were_asked_for(sound: Ready) -> None:
    named = ["--model-id", "org/tiny", "--docker-image", "registry.example/tiny:1"]
    result = verify(sound.url, "--profile", "live", "--only", "F7", "--allow-spend", "1", *named)
    assert result.returncode == 0
    *_, rental = loopback.get(f"{sound.url}/_sim/rentals", params={"world": "default"}).json()["data"]
    assert (rental["model_id"], rental["docker_image"]) == ("org/tiny", "registry.example/tiny:1")


def test_a_limit_below_the_cheapest_session_rents_nothing(sound: Ready) -> None:
    result = verify(sound.url, "--profile", "live", "--only", "F7,F3", "--allow-spend", "0.000001")
    assert "the cheapest minimum session costs $0.0" in result.stdout
    assert result.stdout.splitlines()[-1] == "spent: $0.000000"


def test_a_defect_is_told_by_clause_with_lines_that_show_it(broken: str) -> None:
    result = verify(broken, "--only", "F5,F3")
    assert result.returncode == 1
    lines = result.stdout.splitlines()
    assert [line.split()[:2] for line in lines[:2]] == [["F3", "held"], ["F5", "failed"]]
    curls = [line.strip() for line in lines if line.strip().startswith("curl")]
    env = {**os.environ, "URL": broken, "TOKEN": TOKEN}
    shown = subprocess.run(["bash", "-c", "\n".join(curls)], check=True, capture_output=True, text=True, env=env).stdout
    assert "max_price=" in curls[-1]
    assert '"count":0' in shown.rpartition("HTTP/1.1 ")[2]


def test_the_verdicts_as_json_and_junit(broken: str, tmp_path: Path) -> None:
    file = tmp_path / "junit.xml"
    result = verify(broken, "--only", "F5,F3", "--json", "--junit", str(file), few_examples=True)
    verdicts: dict[str, Any] = json.loads(result.stdout)
    assert (result.returncode, verdicts["url"], verdicts["profile"], verdicts["simulated"]) == (1, broken, "dev", True)
    assert {clause["id"]: clause["verdict"] for clause in verdicts["clauses"]} == {"F3": "held", "F5": "failed"}
    failed = [check for clause in verdicts["clauses"] for check in clause["checks"] if check["verdict"] == "failed"]
    assert failed
    assert all(check["requests"][-1].startswith("curl") for check in failed)
    suite = next(iter(ElementTree.parse(file).getroot()))
    assert int(suite.attrib["failures"]) == len(failed)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--token", "nobody"], "does not know the token"),
        (["--url", "http://127.0.0.1:1"], "does not answer"),
        (["--url", "nowhere"], "does not answer"),
        (["--only", "F26"], 'no clause "F26": did you mean F'),
        (["--only", "F23"], "nothing here shows F23"),
        (["--profile", "live", "--only", "F16"], "nothing could be tried: needs a hand in reset"),
        (["--only", ""], 'no clause ""'),
        (["--token", "t\u00f6k"], "--token: a token is printable ASCII"),
        (["--junit", "/nowhere/x.xml"], "--junit: /nowhere/x.xml cannot be written: /nowhere is no folder"),
        (["--allow-spend", "nan"], '--allow-spend: "nan" is no amount'),
        (["--allow-spend", "lots"], '--allow-spend: "lots" is no amount'),
        (["--allow-spend", "-1"], '--allow-spend: "-1" is no amount'),
        (["--model-id", "org/tiny"], "--model-id is for the rental that --allow-spend allows"),
        (["--docker-image", "tiny:1"], "--docker-image is for the rental that --allow-spend allows"),
        (["--admin-token", "s\u00f6"], "--admin-token: a token is printable ASCII"),
        (["--profile", "fast"], "'fast' is not one of"),
    ],
)
def test_what_cannot_be_tried_is_said_in_a_line(sound: Ready, options: list[str], says: str) -> None:
    result = verify(sound.url, *options)
    assert (result.returncode, result.stdout) == (2, "")
    assert says in result.stderr


def test_without_the_extra_it_says_what_is_missing() -> None:
    begin = "import sys; sys.modules['httpx'] = None"
    program = f"{begin}; from gpu_sim.cli.main import main; main(['verify', '--token=x'])"
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "httpx is missing: the suite needs the extra, pip install 'gpu-market-simulator[contract]'" in result.stderr


def test_a_service_that_answers_nonsense_is_rented_from_once_and_what_it_rented_is_deleted() -> None:
    """Its rent answers a status that is none: seven clauses ask for the rental's life, and it has only the one."""
    with nonsense.nonsense() as service:
        result = verify(service.url, "--profile", "live", "--only", "F7,F10,F12,F13,A11", "--allow-spend", "1")
    assert result.returncode == 1
    assert result.stdout.splitlines()[-1] == "spent: $0.100000"
    assert [each for each in service.asked if each.startswith(("POST", "DELETE"))] == [
        "POST /v1/gpu/rent",
        "DELETE /v1/gpu/rentals/r1",
    ]


@pytest.mark.parametrize(
    ("rents", "rental", "deleted", "spent"),
    [
        (201, {"rental_id": 17, "status": "provisioning"}, "17", "0.100000"),
        (500, nonsense.WARMING_UP, "r1", "0.100000"),
        (500, {}, None, "0.100000"),
        (206, {}, None, "0.100000"),
        (201, {"id": "r1", "status": "provisioning"}, None, "0.100000"),
        (400, {}, "nothing to delete", "0.000000"),
    ],
)
def test_a_rental_that_may_have_been_made_is_deleted_or_told_of(
    rents: int, rental: object, deleted: str | None, spent: str
) -> None:
    """Also by a service that fails after it has rented, or says so in a way of its own."""
    with nonsense.nonsense(rents, rental) as service:
        result = verify(service.url, "--profile", "live", "--only", "F10", "--allow-spend", "1")
    assert (result.returncode, result.stdout.splitlines()[-1]) == (1, f"spent: ${spent}")
    expected = [f"DELETE /v1/gpu/rentals/{deleted}"] if deleted in ("17", "r1") else []
    assert [each for each in service.asked if each.startswith("DELETE")] == expected
    is_reported = "no rental_id came by which a rental could be deleted: it may still cost money" in result.stdout
    assert is_reported == (deleted is None)


def test_a_rental_that_never_ran_shows_nothing_of_the_minimum(sound: Ready) -> None:
    result = verify(sound.url, "--profile", "live", "--only", "F13,F15", "--allow-spend", "1")
    assert [line.split()[:2] for line in result.stdout.splitlines()[:2]] == [["F13", "held"], ["F15", "not"]]
    assert result.stdout.splitlines()[-1] == "spent: $0.000000"


def test_nothing_is_left_where_it_was_called(sound: Ready, tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "gpu_sim", "verify", "--url", sound.url, "--token", TOKEN, "--only", "F5"]
    command += ["--profile", "dev"]
    subprocess.run(command, cwd=tmp_path, env=env, check=True, capture_output=True)
    assert list(tmp_path.iterdir()) == []


def test_a_service_that_dies_can_not_be_tried_to_its_end(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "tests" / "canaries" / "nonsense.py"), "--dies-after", "9"]
    with serving_by(command, tmp_path / "ready.json") as service:
        result = verify(service.url, "--only", "F3,A13")
    assert (result.returncode, result.stdout) == (2, "")
    assert "cannot be tried to its end" in result.stderr


def test_the_token_is_told_nowhere(tmp_path: Path) -> None:
    file = tmp_path / "junit.xml"
    with nonsense.nonsense() as service:
        result = verify(service.url, "--only", "F2", "--junit", str(file), few_examples=True)
        asjson = verify(service.url, "--only", "F2", "--json", few_examples=True)
    assert result.returncode == 1
    assert "$TOKEN" in result.stdout
    assert TOKEN not in result.stdout + asjson.stdout + file.read_text()
