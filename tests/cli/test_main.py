"""The command line: what it prints, what it refuses, exit codes (0 it held, 1 it did not, 2 not to be tried)."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from gpu_sim import Simulation, __version__, serve_in_thread
from gpu_sim.cli.exit_codes import CannotTry
from gpu_sim.cli.main import main
from gpu_sim.core.commands import RentGpu
from gpu_sim.core.scenario.experiment.expectation import in_words
from gpu_sim.scenario_files.load import load_scenario, shipped_scenarios

from ..support.builders import QUIET, scenario
from ..support.processes import ROOT, environment, run

COMMANDS = ("serve", "check", "scenarios", "schema", "replay", "wait", "contract", "market", "calibrate", "run")


def invoke(*arguments: str) -> Result:
    """A command in this process."""
    return CliRunner().invoke(main, [*arguments], env={"GPU_SIM_SCENARIO": None, "GPU_SIM_PORT": None})


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """The journal of a rental that idles to its end."""
    simulation = Simulation(scenario())
    offered = QUIET.offers[0]
    simulation.execute(RentGpu("alice", offered.provider_id, offered.gpu_model, offered.region, 1, "m", "i"))
    simulation.advance(3_600_000)
    file = tmp_path / "journal.ndjson"
    file.write_bytes(b"".join(simulation.journal()))
    return file


def test_an_output_that_takes_nothing_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gpu_sim.cli.lines.click.echo", refuse)
    with pytest.raises(CannotTry, match=r"^the output cannot be written: No space left on device$"):
        main(["check", "calm"], standalone_mode=False)


def test_version_is_told() -> None:
    result = invoke("--version")
    assert (result.exit_code, result.output) == (0, f"gpu-sim, version {__version__}\n")


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_lists_every_command(flag: str) -> None:
    result = invoke(flag)
    assert result.exit_code == 0
    assert all(f"  {name} " in result.output for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_every_option_says_what_it_does(command: str) -> None:
    result = invoke(command, "--help")
    assert result.exit_code == 0
    for parameter in main.commands[command].params:
        assert parameter.param_type_name == "argument" or getattr(parameter, "help", None), parameter.name


def test_no_command_is_a_wrong_use() -> None:
    assert invoke().exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["sevre"], "Did you mean one of: 'serve', 'sweep'?"),
        (["serve", "--scenaro", "calm"], "--scenario"),
        (["serve", "--sed", "1"], "--seed"),
        (["serve", "--seed", "many"], "many"),
        (["serve", "--port", "65536"], "65536"),
        (["serve", "--port", "-1"], "-1"),
        (["serve", "--clock", "fast"], "fast"),
        (["serve", "--clock", "x0"], "x0"),
        (["serve", "--clock", "x1000001"], "x1000001"),
        (["serve", "--clock", "xx"], "xx"),
        (["serve", "--clock", ""], "real, manual or xN"),
        (["serve", "--profile", "short"], "documented"),
        (["serve", "here"], "here"),
        (["serve", "--request-log", "-1"], "-1"),
        (["serve", "--request-log", "100001"], "100001"),
        (["serve", "--log-request", "yes"], "--log-requests"),
        (["wait", "--timeout", "soon"], "soon"),
        (["wait", "--timeout", "30"], "30"),
        (["wait", "--url", "localhost:4780"], "localhost:4780"),
        (["wait", "http://127.0.0.1:4780"], "unexpected"),
        (["check"], "FILE"),
        (["replay"], "FILE"),
        (["replay", "no-such-file"], "no-such-file"),
    ],
)
def test_a_wrong_use_is_refused_with_what_is_meant(arguments: list[str], says: str) -> None:
    refused = invoke(*arguments)
    assert refused.exit_code == 2
    assert says in refused.output
    assert "Traceback" not in refused.output


@pytest.mark.parametrize("command", ["serve --port 0 --scenario", "check"])
def test_an_unknown_scenario_is_refused_with_the_nearest_name(command: str) -> None:
    refused = invoke(*command.split(), "clam")
    assert refused.exit_code == 2
    assert 'did you mean "calm"?' in refused.output


@pytest.mark.parametrize("name", ["x" * 300, f"{'x' * 300}.yaml", f"{'x/' * 3_000}y"])
def test_a_name_longer_than_the_system_takes_is_refused_as_any_other(name: str) -> None:
    refused = invoke("check", name)
    assert refused.exit_code == 2
    assert isinstance(refused.exception, SystemExit)
    assert refused.output.startswith("Error: ")


def test_check_accepts_every_shipped_scenario_by_name_and_file() -> None:
    for name, path in shipped_scenarios().items():
        for given in (name, str(path)):
            checked = invoke("check", given)
            assert (checked.exit_code, checked.output) == (0, f"{given}: scenario {name} is fine\n")


def test_check_names_every_problem_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("scenario: 1\nname: wrong\nextends: calm\naccounts:\n  - {name: alice, blance: '1'}\n")
    checked = invoke("check", str(file))
    assert checked.exit_code == 1
    assert f"{file}:5:" in checked.output
    assert 'did you mean "balance"?' in checked.output


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"{", b"- 1", b"scenario: 2\nname: x\n", b"!!python/object:os.system {}"]
)
def test_check_refuses_what_is_no_scenario(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "no.yaml"
    file.write_bytes(content)
    checked = invoke("check", str(file))
    assert checked.exit_code == 1
    assert "Traceback" not in checked.output
    assert str(file) in checked.output


def test_scenarios_are_listed_with_what_to_expect() -> None:
    listed = invoke("scenarios")
    assert listed.exit_code == 0
    for name in shipped_scenarios():
        described = load_scenario(name)
        assert f"{name}\n    {' '.join(described.description.split())}\n" in listed.output
        assert f"    Expect: {in_words(described.expect)}\n" in listed.output


def test_the_schema_is_a_json_schema() -> None:
    printed = invoke("schema")
    assert printed.exit_code == 0
    schema = json.loads(printed.output)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_a_journal_that_agrees_is_told_so(journal: Path) -> None:
    replayed = invoke("replay", str(journal))
    events = len(journal.read_bytes().splitlines()) - 3
    assert (replayed.exit_code, replayed.output) == (0, f"{journal}: the replay agrees, {events} events\n")


def test_a_tampered_journal_is_told_with_its_first_differing_line(journal: Path) -> None:
    lines = journal.read_text().splitlines(keepends=True)
    number = next(number for number, line in enumerate(lines, 1) if "hold_placed" in line)
    lines[number - 1] = lines[number - 1].replace("71750", "71751")
    journal.write_text("".join(lines))
    replayed = invoke("replay", str(journal))
    assert replayed.exit_code == 1
    first, recorded, again = replayed.output.splitlines()
    assert first == f"{journal}: the replay differs first in line {number}"
    assert "71751" in recorded
    assert "71750" in again


@pytest.mark.parametrize("cut", [-2, 3])
def test_a_journal_that_lacks_a_line_differs(journal: Path, cut: int) -> None:
    lines = journal.read_text().splitlines(keepends=True)
    del lines[cut]
    journal.write_text("".join(lines))
    assert invoke("replay", str(journal)).exit_code == 1


@pytest.mark.parametrize("content", [b"", b"\n", b"{}\n{}\n", b"no journal\nat all\n", b"\xff\xfe\n\xff\n"])
def test_what_is_no_journal_could_not_be_tried(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "no.ndjson"
    file.write_bytes(content)
    replayed = invoke("replay", str(file))
    assert replayed.exit_code == 2
    assert f"{file}: line 1: " in replayed.output


def test_wait_ends_with_0_once_the_server_is_ready() -> None:
    with serve_in_thread(scenario()) as server:
        waited = invoke("wait", "--url", server.url, "--timeout", "1m")
    assert (waited.exit_code, waited.output) == (0, f"{server.url} is ready\n")


def test_wait_ends_with_1_where_no_server_came_in_time() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        waited = invoke("wait", "--url", url, "--timeout", "0s")
    assert (waited.exit_code, waited.stdout) == (1, "")
    assert waited.stderr.startswith(f"{url} is not ready: ")


def test_python_m_gpu_sim_is_the_same_command() -> None:
    ended = run("--version")
    assert (ended.returncode, ended.stdout) == (0, f"gpu-sim, version {__version__}\n")


def test_errors_go_to_stderr_and_are_one_line() -> None:
    ended = run("check", "clam")
    assert (ended.returncode, ended.stdout, len(ended.stderr.splitlines())) == (2, "", 1)


def test_the_version_is_that_of_the_project() -> None:
    assert f'\nversion = "{__version__}"\n' in (ROOT / "pyproject.toml").read_text()


HEARS = """
import os, signal, sys
from gpu_sim.__main__ import main
import gpu_sim.scenario_files.load as load

def hear():
    {heard}

load.shipped_scenarios = hear
main()
"""


def hearing(folder: Path, heard: str) -> "subprocess.CompletedProcess[str]":
    """A command in the middle of which something happens, run as `python -m gpu_sim` is."""
    (folder / "hears.py").write_text(HEARS.format(heard=heard))
    command = [sys.executable, "-m", "hears", "scenarios"]
    env = environment(PYTHONPATH=str(folder))
    return subprocess.run(command, check=False, capture_output=True, text=True, env=env, timeout=60)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "swallowed",
    [
        "os.kill(os.getpid(), {number})",
        "exec('hear()', dict(hear=lambda: os.kill(os.getpid(), {number})))",
        "try: os.kill(os.getpid(), {number})\n    finally: raise ImportError('x')",
    ],
)
def test_who_breaks_a_command_off_gets_the_exit_code_of_shells_for_that(
    tmp_path: Path, swallowed: str, number: int
) -> None:
    """Whatever a library has made of the exception."""
    ended = hearing(tmp_path, swallowed.format(number=int(number)))
    assert (ended.returncode, ended.stdout, ended.stderr) == (128 + number, "", "broken off\n")


def test_what_no_signal_has_broken_off_is_told_in_full(tmp_path: Path) -> None:
    ended = hearing(tmp_path, "raise ZeroDivisionError")
    assert (ended.returncode, "ZeroDivisionError" in ended.stderr) == (1, True)
