"""`gpu-sim verify` and the server it checks: what of it is closed, who else is there, and what stays behind."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from ..support.processes import GPU_SIM, POLL_SECONDS, POLLS, ROOT, Serving, environment, run, serving, serving_by

TOKEN = "si_test_alice"
ADMIN = "s3cret-of-the-operator"
SECONDS_MAX = 240
CANARIES = (sys.executable, "-m", "tests.canaries.serve")
NAIVE = str(ROOT / "tests" / "canaries" / "naive.py")
NONSENSE = str(ROOT / "tests" / "canaries" / "nonsense.py")

Process = subprocess.Popen[str]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """The simulator on its default scenario."""
    with serving(tmp_path_factory.mktemp("sound") / "ready.json") as server:
        yield server


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a simulator whose control plane asks for a secret: `127.1` is this machine, but no name by which
    the guard knows it."""
    with serving(tmp_path_factory.mktemp("guarded") / "ready.json", "--admin-token", ADMIN) as server:
        yield server.url.replace("127.0.0.1", "127.1")


def options(url: str, *more: str) -> list[str]:
    """The command, few examples."""
    return ["verify", "--url", url, "--token", TOKEN, "--profile", "dev", *more]


def begin(url: str, *more: str) -> Process:
    """A run that goes on meanwhile."""
    command = [*GPU_SIM, *options(url, *more)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=pipe, stderr=pipe, text=True)


def asked(server: Serving, path: str) -> list[dict[str, Any]]:
    """The rows of a list under /_sim."""
    answer = httpx.get(f"{server.url}/_sim/{path}", headers={"authorization": f"Bearer {TOKEN}"})
    return list(answer.json()["data"])


def worlds(server: Serving) -> list[str]:
    """The names of its worlds."""
    return [world["name"] for world in asked(server, "worlds")]


def await_that(process: Process, happens: Callable[[], bool]) -> None:
    """Until it happens while the process runs."""
    for _ in range(POLLS):
        assert process.poll() is None, process.communicate()
        if happens():
            return
        time.sleep(POLL_SECONDS)
    raise AssertionError("it did not happen")


def terminated(process: Process, happens: Callable[[], bool], times: int = 1) -> tuple[int, str, str]:
    """Exit code and output of a run that gets SIGTERM as soon as something has happened, and SIGINT if twice."""
    with process:
        try:
            await_that(process, happens)
            for number in (signal.SIGTERM, signal.SIGINT)[:times]:
                process.send_signal(number)
            out, err = process.communicate(timeout=SECONDS_MAX)
        finally:
            process.kill()
    return process.returncode, out, err


def test_without_the_admin_token_what_needs_the_control_plane_is_not_applicable(guarded: str) -> None:
    result = run(*options(guarded, "--only", "F3,F16"))
    lines = result.stdout.splitlines()
    assert (result.returncode, [line.split()[:2] for line in lines[:2]]) == (0, [["F3", "held"], ["F16", "not"]])
    assert "--admin-token is for that (GET /_sim/health)" in lines[1]


@pytest.mark.parametrize("given", [["--admin-token", ADMIN], []])
def test_with_the_admin_token_it_is_held(guarded: str, given: list[str]) -> None:
    env = environment() if given else environment(GPU_SIM_ADMIN_TOKEN=ADMIN)
    result = run(*options(guarded, "--only", "F17,A23", *given), env=env)
    assert (result.returncode, result.stdout.splitlines()[-1]) == (0, "2 clauses: 2 held")


def test_a_wrong_admin_token_is_told_at_once(guarded: str) -> None:
    result = run(*options(guarded, "--admin-token", "guessed"))
    assert (result.returncode, result.stdout) == (2, "")
    assert "does not take the admin token" in result.stderr
    assert "guessed" not in result.stderr


def test_the_admin_token_is_told_nowhere(tmp_path: Path) -> None:
    file = tmp_path / "junit.xml"
    command = [*CANARIES, "capacity_is_not_returned", "--port", "0", "--admin-token", ADMIN]
    with serving_by(command, tmp_path / "ready.json") as server:
        more = ["--only", "F6", "--admin-token", ADMIN, "--junit", str(file)]
        result, asjson = run(*options(server.url, *more)), run(*options(server.url, *more, "--json"))
    assert (result.returncode, asjson.returncode) == (1, 1)
    assert '-H "x-sim-admin: $ADMIN_TOKEN"' in result.stdout
    assert "TOKEN and ADMIN_TOKEN as given" in result.stdout
    assert ADMIN not in result.stdout + result.stderr + asjson.stdout + file.read_text()


def test_two_runs_at_once_do_not_disturb_each_other(sound: Serving) -> None:
    runs = [begin(sound.url, "--only", "F16,A11,A23") for _ in range(2)]
    result = [process.communicate(timeout=SECONDS_MAX) for process in runs]
    assert [process.returncode for process in runs] == [0, 0], result
    assert [out.splitlines()[-1] for out, _ in result] == ["3 clauses: 3 held"] * 2
    assert worlds(sound) == ["default"]


def test_sigterm_leaves_no_world_behind(sound: Serving) -> None:
    run_of_machine = begin(sound.url, "--profile", "deep", "--only", "F16")
    code, out, err = terminated(run_of_machine, lambda: len(worlds(sound)) > 1)
    assert (code, out) == (2, "")
    assert "interrupted" in err
    assert worlds(sound) == ["default"]


def test_sigterm_leaves_no_rental_behind(sound: Serving) -> None:
    """It comes while the suite waits for an answer about the rental that it has made."""
    stuck = {"name": "stuck", "on": {"operation": "get_rental"}, "effect": {"hang": "30s"}}
    httpx.post(f"{sound.url}/_sim/faults", params={"world": "default"}, json=stuck).raise_for_status()
    renting = begin(sound.url, "--profile", "live", "--only", "F12", "--allow-spend", "1")
    code, out, err = terminated(renting, lambda: any(rule["hits"] for rule in asked(sound, "faults")))
    httpx.delete(f"{sound.url}/_sim/faults/stuck", params={"world": "default"}).raise_for_status()
    assert (code, out) == (2, "")
    assert "interrupted (spent: $0." in err
    assert [rental["status"] for rental in asked(sound, "rentals")] == ["terminated"]


@pytest.fixture
def slow_service(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """A service that answers a rent after so many seconds."""
    with ExitStack() as stack:

        def start(seconds: str) -> str:
            command = [sys.executable, NONSENSE, "--port", "0", "--rents-after", seconds]
            return stack.enter_context(serving_by(command, tmp_path / "ready.json")).url

        yield start


def rents(url: str) -> tuple[Process, Callable[[], bool]]:
    """A run that rents, and the question whether it has asked for that."""
    renting = begin(url, "--profile", "live", "--only", "F10", "--allow-spend", "1")
    return renting, lambda: "POST /v1/gpu/rent" in httpx.get(f"{url}/asked").json()


def test_broken_off_while_it_rents_it_waits_for_the_answer_and_deletes(slow_service: Callable[[str], str]) -> None:
    url = slow_service("2")
    code, out, err = terminated(*rents(url))
    assert (code, out) == (2, "")
    assert err == "Error: interrupted (spent: $0.100000)\n"
    sent = [each for each in httpx.get(f"{url}/asked").json() if each != "GET /asked"]
    assert sent[-2:] == ["POST /v1/gpu/rent", "DELETE /v1/gpu/rentals/r1"]


def test_broken_off_twice_while_it_rents_it_tells_what_may_be_left(slow_service: Callable[[str], str]) -> None:
    """No answer has come yet, and so no id by which to delete what the service may have made."""
    code, out, err = terminated(*rents(slow_service("30")), times=2)
    assert (code, out) == (2, "")
    assert "interrupted; F10: no rental_id came by which a rental could be deleted" in err
    assert "(spent: $0.100000)" in err
    assert "Traceback" not in err


def test_what_two_requests_at_once_bring_about_is_caught_again_and_again(tmp_path: Path) -> None:
    command = [*CANARIES, "parallel_deletes_capture_twice", "--port", "0"]
    with serving_by(command, tmp_path / "ready.json") as server:
        result = [run(*options(server.url, "--only", "A11")) for _ in range(2)]
        assert worlds(server) == ["default"]
    assert [(each.returncode, each.stdout.split()[:2]) for each in result] == [(1, ["A11", "failed"])] * 2
    assert all("deletes at once settle once" in each.stdout for each in result)


def test_what_only_differs_fails_neither_the_run_nor_its_junit_file(tmp_path: Path) -> None:
    file = tmp_path / "junit.xml"
    command = [*CANARIES, "names_match_in_one_case_only", "--port", "0"]
    with serving_by(command, tmp_path / "ready.json") as server:
        result = run(*options(server.url, "--only", "A14", "--json", "--junit", str(file)), "--profile", "live")
    [clause] = json.loads(result.stdout)["clauses"]
    assert (result.returncode, clause["verdict"]) == (0, "differs")
    differing = [check for check in clause["checks"] if check["verdict"] == "differs"]
    assert all(check["requests"] for check in differing)
    suite = next(iter(ElementTree.parse(file).getroot()))
    assert (suite.attrib["failures"], suite.attrib["errors"]) == ("0", "0")
    skipped = [str(part.get("message")) for part in suite.iter("skipped")]
    assert len([message for message in skipped if message.startswith("differs: ")]) == len(differing)
