"""The server as a process: readiness, signals, settings, and the same bytes from two of them."""

import json
import os
import re
import shlex
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result
from gpu_sim import serve_in_thread
from gpu_sim.cli.main import main
from gpu_sim.core.kernel.quantities import Factor
from gpu_sim.core.scenario.scenario import ClockSettings
from gpu_sim.server.listening_socket import listen
from gpu_sim.server.serving import DEFAULT_HOST, Options

from ..support import loopback
from ..support.builders import scenario
from ..support.processes import Serving, environment, run, serving
from ..support.scenario_texts import write

AUTH = {"authorization": "Bearer si_test_alice"}
RENT = {
    "gpu_model": "RTX 4090",
    "provider_id": "vast-ai",
    "region": "Quebec, CA",
    "model_id": "meta-llama/Llama-3.3-70B-Instruct",
    "docker_image": "vllm/vllm-openai:latest",
}


@pytest.fixture
def ready_file(tmp_path: Path) -> Path:
    return tmp_path / "ready.json"


def serve_here(*arguments: str, **env: str) -> Result:
    """`gpu-sim serve` in this process, where it is to end before it serves."""
    ours: dict[str, str | None] = {name: None for name in os.environ if name.startswith("GPU_SIM_")}
    return CliRunner().invoke(main, ["serve", *arguments], env=ours | env)


def options_of(monkeypatch: pytest.MonkeyPatch, *arguments: str, **env: str) -> Options:
    """The options that `gpu-sim serve` would serve with."""
    given: list[Options] = []
    monkeypatch.setattr("gpu_sim.server.serving.serve", lambda options, *_: given.append(options))
    assert serve_here(*arguments, **env).exit_code == 0
    return given[0]


def health(server: Serving) -> Any:
    """The server's health."""
    return loopback.get(f"{server.url}/_sim/health").json()


def test_ready_line_ready_file_and_curl_line_agree_and_work(ready_file: Path) -> None:
    with serving(ready_file, "--scenario", "calm", "--seed", "5") as server:
        assert server.ready == {
            "url": server.url,
            "world": "default",
            "seed": 5,
            "token": "si_test_alice",
            "pid": server.process.pid,
        }
        assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d*", server.url)
        assert server.process.stdout is not None
        ready, curl = server.process.stdout.readline(), server.process.stdout.readline()
        assert ready == f"gpu-sim ready: {server.url} world=default seed=5 token=si_test_alice\n"
        command = shlex.split(curl.removeprefix("try: "))
        assert command[:3] == ["curl", "-s", "-H"]
        name, _, value = command[3].partition(": ")
        answer = loopback.get(command[4], headers={name: value})
        assert (answer.status_code, answer.json()["data"][-1]["gpu_model"]) == (200, "RTX 4090")
        assert [path.name for path in ready_file.parent.iterdir()] == [ready_file.name]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_with_0_whatever_is_open(ready_file: Path, number: int) -> None:
    """A connection, a stream and a request of which only half was sent; afterwards nobody listens."""
    half = b"POST /v1/gpu/rent HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\n12"
    accept = {"accept": "text/event-stream"}
    with serving(ready_file, "--scenario", "calm") as server:
        host, port = server.url.removeprefix("http://").split(":")
        with (
            socket.create_connection((host, int(port)), timeout=20) as connection,
            loopback.Client(base_url=server.url, timeout=20) as client,
            client.stream("GET", "/_sim/events?after=0", headers=accept) as stream,
        ):
            connection.sendall(half)
            assert client.get("/_sim/ready").status_code == 200
            lines = stream.iter_lines()
            assert next(lines) == "id: 1"
            code, _, err = server.stop(number)
            assert (code, err, list(lines)[-1]) == (0, "", "")
        assert not ready_file.exists()
        with pytest.raises(httpx.ConnectError):
            loopback.get(f"{server.url}/_sim/ready")


def test_a_taken_port_is_one_line_with_the_port_and_the_remedy() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = serve_here("--scenario", "calm", "--port", str(port))
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert len(ended.stderr.splitlines()) == 1
    assert f"port {port}" in ended.stderr
    assert "--port 0" in ended.stderr


def test_a_ready_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "missing" / "ready.json"
    ended = run("serve", "--scenario", "calm", "--port", "0", "--ready-file", str(file))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"Error: {file} cannot be written: No such file or directory\n"


def test_a_host_that_is_not_ours_is_one_line() -> None:
    ended = serve_here("--scenario", "calm", "--host", "192.0.2.1", "--port", "0")
    assert (ended.exit_code, len(ended.stderr.splitlines())) == (2, 1)
    assert "192.0.2.1" in ended.stderr


def test_requests_are_logged_on_stderr_and_none_is_kept_where_that_is_asked_for(ready_file: Path) -> None:
    with serving(ready_file, "--scenario", "calm", "--log-requests", "--request-log", "0") as server:
        assert loopback.get(f"{server.url}/v1/gpu/offers", headers=AUTH).status_code == 200
        assert loopback.get(f"{server.url}/v1/gpu/rentals/si_test_alice", headers=AUTH).status_code == 404
        assert loopback.get(f"{server.url}/_sim/requests").status_code == 409
        code, _, err = server.stop()
    assert code == 0
    lines = [json.loads(line) for line in err.splitlines()]
    assert [(line["account"], line["path"], line["status"]) for line in lines] == [
        ("alice", "/v1/gpu/offers", 200),
        ("alice", "/v1/gpu/rentals/[redacted]", 404),
    ]


def test_a_log_that_nobody_reads_is_no_reason_not_to_serve(ready_file: Path) -> None:
    with serving(ready_file, "--scenario", "calm", "--log-requests") as server:
        assert server.process.stderr is not None
        server.process.stderr.close()
        for _ in range(3):
            assert loopback.get(f"{server.url}/v1/gpu/offers", headers=AUTH).status_code == 200
        assert len(loopback.get(f"{server.url}/_sim/requests").json()["data"]) == 3


def test_a_log_that_nobody_drains_holds_nobody_up(ready_file: Path) -> None:
    path = f"/v1/{'x' * 1_500}"
    flags = ("--scenario", "calm", "--log-requests", "--request-log", "0")
    with serving(ready_file, *flags) as server, loopback.Client(base_url=server.url, headers=AUTH) as client:
        for _ in range(200):  # a pipe takes 64 KiB
            assert client.get(path).status_code == 404
        code, _, err = ended(server)
    assert code == 0
    assert 0 < len(err) < 200 * len(path)


def ended(server: Serving) -> tuple[int, str, str]:
    """As `stop`, but nothing of what the server printed is read before it has ended."""
    server.process.terminate()
    server.process.wait(30)
    return server.stop()


def test_settings_come_from_the_environment(ready_file: Path, tmp_path: Path) -> None:
    write(tmp_path, mine="name: mine\nextends: calm\nseed: 8")
    env = environment(
        GPU_SIM_SCENARIO="calm",
        GPU_SIM_SEED="11",
        GPU_SIM_CLOCK="x0.001",
        GPU_SIM_PROFILE="documented",
        GPU_SIM_PORT="0",
        GPU_SIM_ALLOW_HOST="sim.test Other.test:8080",
        GPU_SIM_ADMIN_TOKEN="s3cret",
        GPU_SIM_KEEP_ALIVE="9",
        GPU_SIM_CORS="http://Localhost:3000 https://dev.test:443",
        GPU_SIM_REQUEST_LOG="1",
        GPU_SIM_LOG_REQUESTS="1",
        GPU_SIM_SCENARIO_DIR=str(tmp_path),
    )
    with serving(ready_file, env=env) as server:
        seen = health(server)
        assert (seen["worlds"][0]["scenario"], seen["seed"]) == ("calm", 11)
        assert (seen["clock"]["mode"], seen["clock"]["speed"]) == ("scaled", 0.001)
        rented = loopback.post(f"{server.url}/v1/gpu/rent", json=RENT, headers=AUTH).json()
        assert list(rented) == ["rental_id", "status"]
        for host, status in (("other.test", 200), ("OTHER.test:1", 200), ("evil.test", 403)):
            assert loopback.get(f"{server.url}/_sim/clock", headers={"host": host}).status_code == status
        admin = {"host": "evil.test", "x-sim-admin": "s3cret"}
        assert loopback.get(f"{server.url}/_sim/clock", headers=admin).status_code == 200
        made = loopback.post(f"{server.url}/_sim/worlds", json={"scenario": "mine.yaml"}).json()
        assert made["seed"] == 8
        assert loopback.delete(f"{server.url}/_sim/worlds/{made['world']}").status_code == 204
        page = AUTH | {"origin": "http://localhost:3000"}
        told = loopback.get(f"{server.url}/v1/gpu/offers", headers=page).headers
        assert (told["access-control-allow-origin"], told["keep-alive"]) == ("http://localhost:3000", "timeout=9")
        assert [request["seq"] for request in loopback.get(f"{server.url}/_sim/requests").json()["data"]] == [2]
        _, _, err = server.stop()
        assert [json.loads(line)["operation"] for line in err.splitlines()] == ["rent_gpu", "list_offers"]


def test_a_flag_beats_the_environment_which_beats_the_scenario(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {
        "GPU_SIM_SCENARIO": "default",
        "GPU_SIM_SEED": "11",
        "GPU_SIM_CLOCK": "x2",
        "GPU_SIM_PROFILE": "documented",
    }
    by_environment = options_of(monkeypatch, **settings)
    assert (by_environment.scenario.name, by_environment.seed, by_environment.profile) == ("default", 11, "documented")
    assert by_environment.clock == ClockSettings(mode="scaled", speed=Factor(2_000_000))
    flags = ("--scenario", "calm", "--seed", "12", "--profile", "extended", "--clock", "real")
    by_flag = options_of(monkeypatch, *flags, **settings)
    assert (by_flag.scenario.name, by_flag.seed, by_flag.profile) == ("calm", 12, "extended")
    assert by_flag.clock == ClockSettings(mode="real")
    with serve_in_thread(by_flag.scenario, seed=by_flag.seed, clock=by_flag.clock, profile=by_flag.profile) as server:
        seen = loopback.get(f"{server.url}/_sim/health").json()
        assert (seen["seed"], seen["clock"]["mode"]) == (12, "real")
        assert len(loopback.post(f"{server.url}/v1/gpu/rent", json=RENT, headers=AUTH).json()) > 2


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [("GPU_SIM_SEED", "many", "many"), ("GPU_SIM_CLOCK", "fast", "fast"), ("GPU_SIM_PORT", "99999", "99999")],
)
def test_a_setting_of_the_environment_that_cannot_be_is_refused(name: str, value: str, says: str) -> None:
    ended = serve_here(**{name: value})
    assert ended.exit_code == 2
    assert says in ended.stderr


def test_off_loopback_the_control_plane_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("gpu_sim.server.serving.is_loopback", asked.append)
    with serve_in_thread(scenario()) as server:
        assert loopback.get(f"{server.url}/_sim/clock").status_code == 403
        token = {"authorization": f"Bearer {server.token}"}
        assert loopback.get(f"{server.url}/v1/gpu/offers", headers=token).status_code == 200
    assert asked == ["127.0.0.1"]


def played(server: Serving, token: str) -> bytes:
    """The journal of a token's world after a few commands at manual times."""
    with loopback.Client(base_url=server.url, headers={"authorization": f"Bearer {token}"}) as client:
        rented = [client.post("/v1/gpu/rent", json=RENT).json()["rental_id"] for _ in range(3)]
        client.post("/_sim/clock/advance", json={"by": "10m"})
        client.post(f"/_sim/rentals/{rented[0]}/touch")
        client.get("/v1/gpu/offers?gpu_model=H100")
        client.delete(f"/v1/gpu/rentals/{rented[1]}")
        client.post("/_sim/accounts/alice/credit", json={"amount": "0.000001"})
        client.post("/_sim/accounts", json={"name": "bob"})
        client.post("/_sim/clock/advance", json={"by": "3d"})
        return client.get("/_sim/journal").content


def test_two_processes_under_other_hash_seeds_give_the_same_bytes(ready_file: Path) -> None:
    """In a world in which nothing moves by itself and in one in which everything does."""
    clock = {"mode": "manual", "start": "2026-01-01T00:00:00Z"}
    busy = {"name": "busy", "extends": "default", "clock": clock, "journal": "full"}
    journals = []
    for number in ("0", "4711"):
        with serving(ready_file, "--scenario", "calm", env=environment(PYTHONHASHSEED=number)) as server:
            made = loopback.post(f"{server.url}/_sim/worlds", json={"scenario": busy, "seed": 1}).json()
            journals.append([played(server, token) for token in ("si_test_alice", made["tokens"]["alice"])])
    assert journals[0] == journals[1]
    assert all(len(journal.splitlines()) > 10 for journal in journals[0])


def test_a_server_in_a_thread_ends_with_its_block() -> None:
    clock = ClockSettings(mode="manual")
    with serve_in_thread(scenario(), seed=9, clock=clock, profile="documented") as ready:
        seen = loopback.get(f"{ready.url}/_sim/health").json()
        assert (seen["seed"], seen["clock"]["mode"], ready.seed) == (9, "manual", 9)
    with pytest.raises(httpx.ConnectError):
        loopback.get(f"{ready.url}/_sim/health")


def test_two_servers_in_threads_do_not_share_a_world() -> None:
    with serve_in_thread(scenario(clock=ClockSettings(mode="manual"))) as one, serve_in_thread(scenario()) as two:
        assert one.url != two.url
        assert one.token != two.token
        loopback.post(f"{one.url}/_sim/clock/advance", json={"by": "1d"})
        assert loopback.get(f"{one.url}/_sim/clock").json()["now"] == "2026-01-02T00:00:00.000Z"
        headers = {"authorization": f"Bearer {one.token}"}
        assert loopback.get(f"{two.url}/v1/gpu/offers", headers=headers).status_code == 401


def test_a_signal_during_a_long_advance_ends_it_where_it_is(tmp_path: Path) -> None:
    with serving(tmp_path / "ready.json", "--clock", "manual") as server, ThreadPoolExecutor(1) as pool:
        url = f"{server.url}/_sim/clock/advance"
        advanced = pool.submit(httpx.post, url, json={"by": "3650d"}, timeout=60)
        for _ in range(1_000):
            if health(server)["clock"]["now"] != "2026-01-01T00:00:00.000Z":
                break
        code, _, err = server.stop()
        assert (code, err) == (0, "")
        assert (advanced.result().status_code, advanced.result().json()["code"]) == (409, "not_reached")


def test_a_ready_file_takes_the_place_of_nothing_but_a_file(tmp_path: Path) -> None:
    refused = serve_here("--port", "0", "--ready-file", "/dev/null")
    assert refused.exit_code == 2
    assert "is no regular file" in refused.stderr
    assert Path("/dev/null").is_char_device()
    link, file = tmp_path / "link.json", tmp_path / "file.json"
    file.write_text("{}")
    link.symlink_to(file)
    with listen("127.0.0.1", 0) as taken:
        refused = serve_here("--port", str(taken.getsockname()[1]), "--ready-file", str(link))
    assert refused.exit_code == 2
    assert link.is_symlink()


def test_a_folder_of_scenarios_is_taken_if_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = options_of(monkeypatch, "--scenario", "calm", "--scenario-dir", str(tmp_path))
    assert given.scenario_dir == tmp_path
    missing = serve_here("--port", "0", "--scenario-dir", str(tmp_path / "missing"))
    assert missing.exit_code == 2
    assert "missing" in missing.stderr


def test_an_answer_without_a_body_has_no_length_either() -> None:
    with serve_in_thread(scenario()) as server:
        made = loopback.post(f"{server.url}/_sim/worlds", json={})
        deleted = loopback.delete(f"{server.url}/_sim/worlds/{made.json()['world']}")
        assert (deleted.status_code, deleted.content, "content-length" in deleted.headers) == (204, b"", False)
        assert "transfer-encoding" not in deleted.headers


def test_without_a_folder_no_file_is_taken_for_a_scenario() -> None:
    with serve_in_thread(scenario()) as server:
        refused = loopback.post(f"{server.url}/_sim/worlds", json={"scenario": "mine.yaml"})
        assert (refused.status_code, refused.json()["code"]) == (400, "scenario_invalid")


def test_the_server_listens_on_loopback_unless_told_otherwise() -> None:
    assert (DEFAULT_HOST, Options(scenario=scenario()).host) == ("127.0.0.1", "127.0.0.1")
