"""`gpu-sim verify` and the server it checks: what of it is closed, who else is there, and what stays behind."""

import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from gpu_sim import load_scenario, serve_in_thread
from gpu_sim.server.serving import Ready

from ..canaries.nonsense import nonsense
from ..support import loopback
from ..support.processes import environment, serving, serving_by
from .forked_commands import run_forked, running

TOKEN = "si_test_alice"
ADMIN = "s3cret-of-the-operator"
SECONDS_MAX = 120
CANARIES = (sys.executable, "-m", "tests.canaries.serve")


@pytest.fixture(scope="module")
def sound() -> Iterator[Ready]:
    """The simulator on its default scenario."""
    with serve_in_thread(load_scenario("default")) as server:
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


def asked(url: str, path: str) -> list[dict[str, Any]]:
    """The rows of a list under /_sim."""
    answer = loopback.get(f"{url}/_sim/{path}", headers={"authorization": f"Bearer {TOKEN}"})
    return list(answer.json()["data"])


def worlds(url: str) -> list[str]:
    """The names of its worlds."""
    return [world["name"] for world in asked(url, "worlds")]


def test_without_the_admin_token_what_needs_the_control_plane_is_not_applicable(guarded: str) -> None:
    result = run_forked(*options(guarded, "--only", "F3,F16"))
    lines = result.stdout.splitlines()
    assert (result.returncode, [line.split()[:2] for line in lines[:2]]) == (0, [["F3", "held"], ["F16", "not"]])
    assert "--admin-token is for that (GET /_sim/health)" in lines[1]


@pytest.mark.parametrize("given", [["--admin-token", ADMIN], []])
def test_with_the_admin_token_it_is_held(guarded: str, given: list[str]) -> None:
    env = environment() if given else environment(GPU_SIM_ADMIN_TOKEN=ADMIN)
    result = run_forked(*options(guarded, "--only", "F17,A23", *given), env=env, few_examples=True)
    assert (result.returncode, result.stdout.splitlines()[-1]) == (0, "2 clauses: 2 held")


def test_a_wrong_admin_token_is_told_at_once(guarded: str) -> None:
    result = run_forked(*options(guarded, "--admin-token", "guessed"))
    assert (result.returncode, result.stdout) == (2, "")
    assert "does not take the admin token" in result.stderr
    assert "guessed" not in result.stderr


def test_the_admin_token_is_told_nowhere(tmp_path: Path) -> None:
    file = tmp_path / "junit.xml"
    command = [*CANARIES, "capacity_is_not_returned", "--port", "0", "--admin-token", ADMIN]
    with serving_by(command, tmp_path / "ready.json") as server:
        more = ["--only", "F6", "--admin-token", ADMIN, "--junit", str(file)]
        result, asjson = run_forked(*options(server.url, *more)), run_forked(*options(server.url, *more, "--json"))
    assert (result.returncode, asjson.returncode) == (1, 1)
    assert '-H "x-sim-admin: $ADMIN_TOKEN"' in result.stdout
    assert "TOKEN and ADMIN_TOKEN as given" in result.stdout
    assert ADMIN not in result.stdout + result.stderr + asjson.stdout + file.read_text()


@pytest.mark.parametrize("few_examples", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_two_runs_at_once_do_not_disturb_each_other(sound: Ready, few_examples: bool) -> None:
    command = options(sound.url, "--only", "F16,A11,A23")
    with running(*command, few_examples=few_examples) as one, running(*command, few_examples=few_examples) as other:
        result = [one.ended(), other.ended()]
    assert [each.returncode for each in result] == [0, 0], result
    assert [each.stdout.splitlines()[-1] for each in result] == ["3 clauses: 3 held"] * 2
    assert worlds(sound.url) == ["default"]


def test_sigterm_leaves_no_world_behind(sound: Ready) -> None:
    command = options(sound.url, "--profile", "deep", "--only", "F16")
    with running(*command, awaiting="POST /_sim/reset") as machine:
        machine.until_it_waits()
        assert len(worlds(sound.url)) > 1
        machine.send_signal(signal.SIGTERM)
        ended = machine.ended()
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "interrupted" in ended.stderr
    assert worlds(sound.url) == ["default"]


def test_sigterm_leaves_no_rental_behind(sound: Ready) -> None:
    """It comes while the suite waits for an answer about the rental that it has made."""
    stuck = {"name": "stuck", "on": {"operation": "get_rental"}, "effect": {"hang": "30s"}}
    loopback.post(f"{sound.url}/_sim/faults", params={"world": "default"}, json=stuck).raise_for_status()
    command = options(sound.url, "--profile", "live", "--only", "F12", "--allow-spend", "1")
    with running(*command, awaiting="GET /v1/gpu/rentals/") as renting:
        renting.until_it_waits()
        renting.send_signal(signal.SIGTERM)
        ended = renting.ended()
    loopback.delete(f"{sound.url}/_sim/faults/stuck", params={"world": "default"}).raise_for_status()
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "interrupted (spent: $0." in ended.stderr
    assert [rental["status"] for rental in asked(sound.url, "rentals")] == ["terminated"]


RENTS = ("--profile", "live", "--only", "F10", "--allow-spend", "1")


def test_broken_off_while_it_rents_it_waits_for_the_answer_and_deletes() -> None:
    with nonsense() as service:
        service.may_answer_rents.clear()
        with running(*options(service.url, *RENTS)) as renting:
            assert service.is_asked_to_rent.wait(SECONDS_MAX)
            renting.send_signal(signal.SIGTERM)
            service.may_answer_rents.set()
            ended = renting.ended()
    assert ended == (2, "", "Error: interrupted (spent: $0.100000)\n")
    assert service.asked[-2:] == ["POST /v1/gpu/rent", "DELETE /v1/gpu/rentals/r1"]


def test_broken_off_twice_while_it_rents_it_tells_what_may_be_left() -> None:
    """No answer has come yet, and so no id by which to delete what the service may have made."""
    with nonsense() as service:
        service.may_answer_rents.clear()
        with running(*options(service.url, *RENTS)) as renting:
            assert service.is_asked_to_rent.wait(SECONDS_MAX)
            for number in (signal.SIGTERM, signal.SIGINT):
                renting.send_signal(number)
            ended = renting.ended()
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "interrupted; F10: no rental_id came by which a rental could be deleted" in ended.stderr
    assert "(spent: $0.100000)" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.slow
def test_what_two_requests_at_once_bring_about_is_caught_again_and_again(tmp_path: Path) -> None:
    command = [*CANARIES, "parallel_deletes_capture_twice", "--port", "0"]
    with serving_by(command, tmp_path / "ready.json") as server:
        result = [run_forked(*options(server.url, "--only", "A11")) for _ in range(2)]
        assert worlds(server.url) == ["default"]
    assert [(each.returncode, each.stdout.split()[:2]) for each in result] == [(1, ["A11", "failed"])] * 2
    assert all("deletes at once settle once" in each.stdout for each in result)


def test_what_only_differs_fails_neither_the_run_nor_its_junit_file(tmp_path: Path) -> None:
    file = tmp_path / "junit.xml"
    command = [*CANARIES, "names_match_in_one_case_only", "--port", "0"]
    with serving_by(command, tmp_path / "ready.json") as server:
        result = run_forked(*options(server.url, "--only", "A14", "--json", "--junit", str(file)), "--profile", "live")
    [clause] = json.loads(result.stdout)["clauses"]
    assert (result.returncode, clause["verdict"]) == (0, "differs")
    differing = [check for check in clause["checks"] if check["verdict"] == "differs"]
    assert all(check["requests"] for check in differing)
    suite = next(iter(ElementTree.parse(file).getroot()))
    assert (suite.attrib["failures"], suite.attrib["errors"]) == ("0", "0")
    skipped = [str(part.get("message")) for part in suite.iter("skipped")]
    assert len([message for message in skipped if message.startswith("differs: ")]) == len(differing)
