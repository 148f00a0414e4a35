"""`gpu-sim serve --state`: what the command line says of it, what a stop and a kill leave, what it refuses."""

import os
import shutil
import signal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from gpu_sim.cli.main import main

from ..support import loopback
from ..support.processes import serving

ALICE = {"authorization": "Bearer si_test_alice"}
RENT = {"gpu_model": "H100", "provider_id": "gcp", "region": "us-central1, US", "model_id": "m", "docker_image": "d"}


def refused(*arguments: str) -> Result:
    """`gpu-sim serve` in this process, where it is to end before it serves."""
    ours = {name: None for name in os.environ if name.startswith("GPU_SIM_")}
    return CliRunner().invoke(main, ["serve", *arguments, "--port", "0"], env=ours)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state file of a server that was stopped, to be copied."""
    folder = tmp_path_factory.mktemp("stopped")
    with serving(folder / "ready.json", "--scenario", "calm", "--state", str(folder / "state.db")) as server:
        server.stop()
    return folder / "state.db"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_server_that_ended_goes_on_with_its_file(tmp_path: Path, number: signal.Signals) -> None:
    arguments = ["--scenario", "calm", "--state", str(tmp_path / "state.db"), "--sync", "full"]
    with serving(tmp_path / "ready.json", *arguments) as server:
        assert server.process.stdout is not None
        line = server.process.stdout.readline()
        assert line.rstrip().endswith(f"token=si_test_alice state={tmp_path}/state.db (of the world default only)")
        rental = loopback.post(f"{server.url}/v1/gpu/rent", json=RENT, headers=ALICE).json()
        made = loopback.post(f"{server.url}/_sim/accounts", json={"name": "carol"}).json()
        loopback.post(f"{server.url}/_sim/worlds", json={"name": "other", "scenario": "calm"}).raise_for_status()
        loopback.post(f"{server.url}/_sim/clock/advance", json={"by": "5m"}, headers=ALICE).raise_for_status()
        journal = loopback.get(f"{server.url}/_sim/journal", headers=ALICE).content
        code, _, _ = server.stop(number)
        assert code == (0 if number == signal.SIGTERM else -signal.SIGKILL)
    (tmp_path / "ready.json").unlink(missing_ok=True)
    with serving(tmp_path / "ready.json", *arguments) as server:
        shown = loopback.get(f"{server.url}/v1/gpu/rentals/{rental['rental_id']}", headers=ALICE).json()
        assert shown["status"] == "running"
        assert loopback.get(f"{server.url}/_sim/clock").json()["now"] == "2026-01-01T00:05:00.000Z"
        assert loopback.get(f"{server.url}/_sim/journal").content == journal
        carol = {"authorization": f"Bearer {made['token']}"}
        assert loopback.get(f"{server.url}/v1/gpu/offers", headers=carol).status_code == 200
        assert [world["name"] for world in loopback.get(f"{server.url}/_sim/worlds").json()["data"]] == ["default"]


def test_a_second_server_on_the_file_is_refused(tmp_path: Path) -> None:
    state = str(tmp_path / "state.db")
    with serving(tmp_path / "ready.json", "--scenario", "calm", "--state", state):
        second = refused("--scenario", "calm", "--state", state)
    assert second.exit_code == 2
    assert "in use by another server" in second.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--scenario", "price-spike"], "a run of another scenario"),
        (["--scenario", "calm", "--seed", "9"], "a run of seed 1, not of 9"),
    ],
)
def test_a_file_of_another_run_is_refused_and_left_as_it_was(
    tmp_path: Path, stopped: Path, arguments: list[str], says: str
) -> None:
    state = Path(shutil.copy(stopped, tmp_path))
    before = state.read_bytes()
    ended = refused(*arguments, "--state", str(state))
    assert (ended.exit_code, ended.stderr.count("\n")) == (2, 1)
    assert says in ended.stderr
    assert state.read_bytes() == before


def test_a_file_that_is_no_state_file_is_refused_in_one_line(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    state.write_text("something else\n" * 1_000)
    ended = refused("--state", str(state))
    assert (ended.exit_code, ended.stderr.count("\n")) == (2, 1)
    assert str(state) in ended.stderr
    assert state.read_text().startswith("something else")


def test_a_log_that_was_cut_short_is_refused_unless_the_loss_is_accepted(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    arguments = ["--scenario", "calm", "--clock", "manual", "--state", str(state)]
    with serving(tmp_path / "ready.json", *arguments) as server:
        for _ in range(3):
            loopback.post(f"{server.url}/_sim/accounts/alice/credit", json={"amount": "1.00"}).raise_for_status()
        server.stop(signal.SIGKILL)
    (tmp_path / "ready.json").unlink()
    log = tmp_path / "state.db-wal"
    log.write_bytes(log.read_bytes()[:-1])
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    ended = refused(*arguments)
    assert (ended.exit_code, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert "the last 1 commit is not there (--accept-loss goes on with what is there)" in ended.stderr
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before
    with serving(tmp_path / "ready.json", *arguments, "--accept-loss") as server:
        entries = loopback.get(f"{server.url}/_sim/ledger").json()["data"]
        code, _, told = server.stop()
    assert sum(entry["kind"] == "credit_added" for entry in entries) == 3  # the first is the balance at the start
    assert code == 0
    assert told.endswith("the last 1 commit is not there: going on with what is there\n")
    assert [file.name for file in tmp_path.iterdir()] == ["state.db"]


def test_a_state_file_behind_a_symbolic_link_is_refused_and_nothing_is_made_at_its_target(tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(tmp_path / "target.db")
    ended = refused("--scenario", "calm", "--state", str(link))
    assert (ended.exit_code, ended.stderr) == (2, f"Error: {link} is a symbolic link: give the file itself\n")
    assert [file.name for file in tmp_path.iterdir()] == ["link.db"]


def test_keep_bounds_what_is_held(tmp_path: Path) -> None:
    with serving(tmp_path / "ready.json", "--scenario", "calm", "--keep", "1") as server, loopback.Client() as client:
        for _ in range(150):
            rental = client.post(f"{server.url}/v1/gpu/rent", json=RENT, headers=ALICE).json()
            client.delete(f"{server.url}/v1/gpu/rentals/{rental['rental_id']}", headers=ALICE).raise_for_status()
        assert len(client.get(f"{server.url}/_sim/rentals?limit=1000").json()["data"]) < 150
        assert client.get(f"{server.url}/_sim/journal").status_code == 410
        figures = client.get(f"{server.url}/metrics").text
    dropped = [line for line in figures.splitlines() if line.startswith("gpu_sim_rentals_dropped ")]
    assert float(dropped[0].split()[-1]) > 0
