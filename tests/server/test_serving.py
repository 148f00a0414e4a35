"""The server as a process: readiness, signals, settings, and the same bytes from two of them."""

import json
import re
import shlex
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from gpu_sim import serve_in_thread
from gpu_sim.core.scenario.scenario import ClockSettings
from gpu_sim.server.serving import DEFAULT_HOST, DEFAULT_PORT, Options, PortUnavailable, listen

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


def health(server: Serving) -> Any:
    """The server's health."""
    return httpx.get(f"{server.url}/_sim/health").json()


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
        answer = httpx.get(command[4], headers={name: value})
        assert (answer.status_code, answer.json()["data"][-1]["gpu_model"]) == (200, "RTX 4090")
        assert [path.name for path in ready_file.parent.iterdir()] == [ready_file.name]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_with_0_though_a_connection_is_open(ready_file: Path, number: int) -> None:
    with serving(ready_file, "--scenario", "calm") as server, httpx.Client() as client:
        assert client.get(f"{server.url}/_sim/ready").status_code == 200
        code, _, err = server.stop(number)
        assert (code, err) == (0, "")


def test_a_signal_ends_the_server_with_0_though_a_request_is_half_sent(ready_file: Path) -> None:
    with serving(ready_file, "--scenario", "calm") as server:
        host, port = server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(b"POST /v1/gpu/rent HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\n12")
            httpx.get(f"{server.url}/_sim/ready")
            code, _, err = server.stop()
    assert (code, err) == (0, "")


def test_after_a_signal_nobody_listens(ready_file: Path) -> None:
    with serving(ready_file, "--scenario", "calm") as server:
        server.stop()
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{server.url}/_sim/ready")


def test_a_taken_port_is_one_line_with_the_port_and_the_remedy() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = run("serve", "--scenario", "calm", "--port", str(port))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert len(ended.stderr.splitlines()) == 1
    assert f"port {port}" in ended.stderr
    assert "--port 0" in ended.stderr


def test_a_ready_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "missing" / "ready.json"
    ended = run("serve", "--scenario", "calm", "--port", "0", "--ready-file", str(file))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"Error: {file} cannot be written: No such file or directory\n"


def test_a_host_that_is_not_ours_is_one_line() -> None:
    ended = run("serve", "--scenario", "calm", "--host", "192.0.2.1", "--port", "0")
    assert (ended.returncode, len(ended.stderr.splitlines())) == (2, 1)
    assert "192.0.2.1" in ended.stderr


def test_requests_are_logged_on_stderr_and_none_is_kept_where_that_is_asked_for(ready_file: Path) -> None:
    with serving(ready_file, "--scenario", "calm", "--log-requests", "--request-log", "0") as server:
        assert httpx.get(f"{server.url}/v1/gpu/offers", headers=AUTH).status_code == 200
        assert httpx.get(f"{server.url}/v1/gpu/rentals/si_test_alice", headers=AUTH).status_code == 404
        assert httpx.get(f"{server.url}/_sim/requests").status_code == 409
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
            assert httpx.get(f"{server.url}/v1/gpu/offers", headers=AUTH).status_code == 200
        assert len(httpx.get(f"{server.url}/_sim/requests").json()["data"]) == 3


def test_a_log_that_nobody_drains_holds_nobody_up(ready_file: Path) -> None:
    path = f"/v1/{'x' * 1_500}"
    flags = ("--scenario", "calm", "--log-requests", "--request-log", "0")
    with serving(ready_file, *flags) as server, httpx.Client(base_url=server.url, headers=AUTH) as client:
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


def test_a_signal_ends_the_server_with_0_though_a_stream_is_open(ready_file: Path) -> None:
    accept = {"accept": "text/event-stream"}
    with (
        serving(ready_file, "--scenario", "calm") as server,
        httpx.stream("GET", f"{server.url}/_sim/events?after=0", headers=accept, timeout=20) as stream,
    ):
        lines = stream.iter_lines()
        assert next(lines) == "id: 1"
        code, _, err = server.stop()
        assert (code, err, list(lines)[-1]) == (0, "", "")


def test_settings_come_from_the_environment(ready_file: Path) -> None:
    env = environment(
        GPU_SIM_SCENARIO="calm",
        GPU_SIM_SEED="11",
        GPU_SIM_CLOCK="x0.001",
        GPU_SIM_PROFILE="documented",
        GPU_SIM_PORT="0",
        GPU_SIM_ALLOW_HOST="sim.test other.test",
        GPU_SIM_ADMIN_TOKEN="s3cret",
        GPU_SIM_REQUEST_LOG="1",
        GPU_SIM_LOG_REQUESTS="1",
    )
    with serving(ready_file, env=env) as server:
        seen = health(server)
        assert (seen["worlds"][0]["scenario"], seen["seed"]) == ("calm", 11)
        assert (seen["clock"]["mode"], seen["clock"]["speed"]) == ("scaled", 0.001)
        assert list(httpx.post(f"{server.url}/v1/gpu/rent", json=RENT, headers=AUTH).json()) == ["rental_id", "status"]
        for host, status in (("other.test", 200), ("evil.test", 403)):
            assert httpx.get(f"{server.url}/_sim/clock", headers={"host": host}).status_code == status
        admin = {"host": "evil.test", "x-sim-admin": "s3cret"}
        assert httpx.get(f"{server.url}/_sim/clock", headers=admin).status_code == 200
        assert httpx.get(f"{server.url}/v1/gpu/offers", headers=AUTH).status_code == 200
        assert [request["seq"] for request in httpx.get(f"{server.url}/_sim/requests").json()["data"]] == [2]
        _, _, err = server.stop()
        assert [json.loads(line)["operation"] for line in err.splitlines()] == ["rent_gpu", "list_offers"]


def test_a_flag_beats_the_environment_which_beats_the_scenario(ready_file: Path) -> None:
    env = environment(
        GPU_SIM_SCENARIO="default", GPU_SIM_SEED="11", GPU_SIM_CLOCK="manual", GPU_SIM_PROFILE="documented"
    )
    flags = ("--scenario", "calm", "--seed", "12", "--profile", "extended")
    with serving(ready_file, *flags, env=env) as server:
        seen = health(server)
        assert (seen["worlds"][0]["scenario"], seen["seed"], seen["clock"]["mode"]) == ("calm", 12, "manual")
        assert len(httpx.post(f"{server.url}/v1/gpu/rent", json=RENT, headers=AUTH).json()) > 2


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [("GPU_SIM_SEED", "many", "many"), ("GPU_SIM_CLOCK", "fast", "fast"), ("GPU_SIM_PORT", "99999", "99999")],
)
def test_a_setting_of_the_environment_that_cannot_be_is_refused(name: str, value: str, says: str) -> None:
    ended = run("serve", env=environment(**{name: value}))
    assert ended.returncode == 2
    assert says in ended.stderr


def test_off_loopback_the_control_plane_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("gpu_sim.server.serving.is_loopback", asked.append)
    with serve_in_thread(scenario()) as server:
        assert httpx.get(f"{server.url}/_sim/health").status_code == 403
        token = {"authorization": f"Bearer {server.token}"}
        assert httpx.get(f"{server.url}/v1/gpu/offers", headers=token).status_code == 200
    assert asked == ["127.0.0.1"]


def played(server: Serving) -> bytes:
    """The journal after a few commands at manual times."""
    with httpx.Client(base_url=server.url, headers=AUTH) as client:
        rented = [client.post("/v1/gpu/rent", json=RENT).json()["rental_id"] for _ in range(3)]
        client.post("/_sim/clock/advance", json={"by": "10m"})
        client.post(f"/_sim/rentals/{rented[0]}/touch")
        client.get("/v1/gpu/offers?gpu_model=H100")
        client.delete(f"/v1/gpu/rentals/{rented[1]}")
        client.post("/_sim/accounts/alice/credit", json={"amount": "0.000001"})
        client.post("/_sim/accounts", json={"name": "bob"})
        client.post("/_sim/clock/advance", json={"by": "3d"})
        return client.get("/_sim/journal").content


def test_two_processes_under_other_hash_seeds_give_the_same_bytes(tmp_path: Path) -> None:
    journals = []
    for number in ("0", "4711"):
        env = environment(PYTHONHASHSEED=number)
        ready_file = tmp_path / f"{number}.json"
        with serving(ready_file, "--scenario", "calm", "--clock", "manual", env=env) as server:
            calm = played(server)
        scenario_file = tmp_path / "busy.yaml"
        clock = "clock: {mode: manual, start: 2026-01-01T00:00:00Z}"
        scenario_file.write_text(f"scenario: 1\nname: busy\nextends: default\n{clock}\njournal: full\n")
        assert not ready_file.exists()  # it is there only while the server is
        with serving(ready_file, "--scenario", str(scenario_file), env=env) as server:
            journals.append((calm, played(server)))
    assert journals[0] == journals[1]
    assert all(len(journal.splitlines()) > 10 for journal in journals[0])


def test_a_server_in_a_thread_ends_with_its_block() -> None:
    clock = ClockSettings(mode="manual")
    with serve_in_thread(scenario(), seed=9, clock=clock, profile="documented") as ready:
        seen = httpx.get(f"{ready.url}/_sim/health").json()
        assert (seen["seed"], seen["clock"]["mode"], ready.seed) == (9, "manual", 9)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{ready.url}/_sim/health")


def test_two_servers_in_threads_do_not_share_a_world() -> None:
    with serve_in_thread(scenario(clock=ClockSettings(mode="manual"))) as one, serve_in_thread(scenario()) as two:
        assert one.url != two.url
        assert one.token != two.token
        httpx.post(f"{one.url}/_sim/clock/advance", json={"by": "1d"})
        assert httpx.get(f"{one.url}/_sim/clock").json()["now"] == "2026-01-02T00:00:00.000Z"
        assert (
            httpx.get(f"{two.url}/v1/gpu/offers", headers={"authorization": f"Bearer {one.token}"}).status_code == 401
        )


def test_listening_takes_a_free_port_or_says_why_not() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(PortUnavailable, match=rf"port {port} on 127\.0\.0\.1"):
            listen("127.0.0.1", port)
    with pytest.raises(PortUnavailable, match=r"cannot listen on host\.invalid"):
        listen("host.invalid", DEFAULT_PORT)


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
    refused = run("serve", "--port", "0", "--ready-file", "/dev/null")
    assert refused.returncode == 2
    assert "is no regular file" in refused.stderr
    assert Path("/dev/null").is_char_device()
    link, file = tmp_path / "link.json", tmp_path / "file.json"
    file.write_text("{}")
    link.symlink_to(file)
    with serving(tmp_path / "other.json") as other:
        taken = run("serve", "--port", str(other.ready["url"].rpartition(":")[2]), "--ready-file", str(link))
    assert taken.returncode == 2
    assert link.is_symlink()


def test_worlds_are_made_of_the_scenarios_in_the_folder_given(tmp_path: Path) -> None:
    write(tmp_path, mine="name: mine\nextends: calm\nseed: 8")
    ready_file = tmp_path / "ready.json"
    for arguments, env in (
        (("--scenario-dir", str(tmp_path)), environment()),
        ((), environment(GPU_SIM_SCENARIO_DIR=str(tmp_path))),
    ):
        with serving(ready_file, "--scenario", "calm", *arguments, env=env) as server:
            made = httpx.post(f"{server.url}/_sim/worlds", json={"scenario": "mine.yaml"})
            assert (made.status_code, made.json()["seed"]) == (201, 8)
            deleted = httpx.delete(f"{server.url}/_sim/worlds/{made.json()['world']}")
            assert (deleted.status_code, deleted.content, "content-length" in deleted.headers) == (204, b"", False)
            assert "transfer-encoding" not in deleted.headers
    with serving(ready_file, "--scenario", "calm") as server:
        refused = httpx.post(f"{server.url}/_sim/worlds", json={"scenario": "mine.yaml"})
        assert (refused.status_code, refused.json()["code"]) == (400, "scenario_invalid")
    missing = run("serve", "--port", "0", "--scenario-dir", str(tmp_path / "missing"))
    assert missing.returncode == 2
    assert "missing" in missing.stderr


def test_the_server_listens_on_loopback_unless_told_otherwise() -> None:
    assert (DEFAULT_HOST, Options(scenario=scenario()).host) == ("127.0.0.1", "127.0.0.1")


def test_an_allowed_host_is_allowed_whatever_its_case_and_port(tmp_path: Path) -> None:
    with serving(tmp_path / "ready.json", "--scenario", "calm", "--allow-host", "Example.test:8080") as server:
        for host, status in (("example.test", 200), ("EXAMPLE.test:1", 200), ("other.test", 403)):
            assert httpx.get(f"{server.url}/_sim/health", headers={"host": host}).status_code == status
