"""Speed over HTTP against a bare ASGI application that answers the same bytes: `python tests/benchmarks/serving.py`.

Server on core 0, wrk on core 1, both under the same uvicorn (uvloop, httptools), in interleaved rounds; the
figures are ratios of requests per second, which is all that carries over to another machine. Request log and
figures are on in all of them; then fault rules are, and a state file. Needs `wrk`.
"""

import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

HERE = Path(__file__).parent
TOKEN = "si_test_alice"
OFFERS = "/v1/gpu/offers"
REPEATED = f"{OFFERS}?gpu_model=H100"


@contextmanager
def process(command: list[str], ready_file: Path) -> Iterator[str]:
    """A server on core 0 that writes its address; ended by its id."""
    running = subprocess.Popen(["taskset", "-c", "0", *command], stdout=subprocess.DEVNULL)
    try:
        for _ in range(200):
            if ready_file.exists():
                break
            time.sleep(0.05)
        yield json.loads(ready_file.read_text())["url"]
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(10)


@contextmanager
def simulator(folder: Path, *options: str) -> Iterator[str]:
    ready = folder / f"simulator{len(options)}.json"
    command = [sys.executable, "-m", "gpu_sim", "serve", "--scenario", "default", "--port", "0", *options]
    with process([*command, "--ready-file", str(ready)], ready) as url:
        yield url


@contextmanager
def bare(folder: Path, answers: Path) -> Iterator[str]:
    ready = folder / "bare.json"
    with process([sys.executable, str(HERE / "bare.py"), str(answers), str(ready)], ready) as url:
        yield url


def wrk(url: str, script: str, seconds: float, folder: Path) -> float:
    """Requests per second of a Lua script's requests, from core 1 over 16 connections."""
    lua = folder / "load.lua"
    lua.write_text(script)
    command = ["taskset", "-c", "1", "wrk", "-t1", "-c16", f"-d{seconds:.0f}s", "-s", str(lua), url]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", printed)
    if bad is not None:
        raise SystemExit(f"{bad[1]} requests failed:\n{printed}")
    found = re.search(r"Requests/sec:\s+([\d.]+)", printed)
    assert found is not None, printed
    return float(found[1])


HEADERS = f'wrk.headers["Authorization"] = "Bearer {TOKEN}"\n'


def get_script(path: str) -> str:
    return f'{HEADERS}request = function() return wrk.format("GET", "{path}") end\n'


NEVER_SEEN = f"""{HEADERS}
local number = 0
request = function()
  number = number + 1
  return wrk.format("GET", "{OFFERS}?max_price=" .. string.format("%d.%06d", number % 9, number))
end
"""

# One connection per thread of a lifecycle: rent, look, end. wrk answers response by response on each connection, but
# runs one Lua state per thread, so each lifecycle's id is kept by connection through a queue of ids.
LIFECYCLE = f"""{HEADERS}
wrk.headers["Content-Type"] = "application/json"
local body = '{{"gpu_model":"H100 NVL","provider_id":"runpod","region":"Kansas, US","model_id":"m","docker_image":"d"}}'
local to_get, to_end = {{}}, {{}}
request = function()
  if #to_end > 0 then
    return wrk.format("DELETE", "/v1/gpu/rentals/" .. table.remove(to_end))
  end
  if #to_get > 0 then
    local id = table.remove(to_get)
    to_end[#to_end + 1] = id
    return wrk.format("GET", "/v1/gpu/rentals/" .. id)
  end
  return wrk.format("POST", "/v1/gpu/rent", nil, body)
end
response = function(status, headers, body)
  if status == 201 then
    to_get[#to_get + 1] = string.match(body, '"rental_id":"([^"]+)"')
  end
end
"""


def fetch(url: str, path: str, body: bytes | None = None, method: str | None = None) -> bytes:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    request = urllib.request.Request(url + path, body, headers, method=method)
    with urllib.request.urlopen(request) as answer:
        answered: bytes = answer.read()
    return answered


def record(url: str) -> dict[str, str]:
    """The bytes that the simulator answers with, for the bare application to answer with too."""
    body = b'{"gpu_model":"H100 NVL","provider_id":"runpod","region":"Kansas, US","model_id":"m","docker_image":"d"}'
    rented = fetch(url, "/v1/gpu/rent", body)
    rental_id = json.loads(rented)["rental_id"]
    path = f"/v1/gpu/rentals/{rental_id}"
    return {
        "offers": fetch(url, OFFERS).decode(),
        "repeated": fetch(url, REPEATED).decode(),
        "rent": rented.decode(),
        "rental": fetch(url, path, method="DELETE").decode(),
    }


def pid_of(url: str) -> int:
    """The process that listens there."""
    port = int(url.rsplit(":", 1)[1])
    listing = subprocess.run(["ss", "-ltnp"], check=True, capture_output=True, text=True).stdout
    line = next(line for line in listing.splitlines() if f":{port} " in line)
    pid = re.search(r"pid=(\d+)", line)
    assert pid is not None, line
    return int(pid[1])


def resident_mb(url: str) -> float:
    """Resident memory of the server, in MB."""
    pages = int(Path(f"/proc/{pid_of(url)}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


Rule = dict[str, object]


def reset(url: str, rules: Iterable[Rule] = ()) -> None:
    """Begin anew where there is something to begin, under these fault rules; the bare application has nothing."""
    with suppress(urllib.error.HTTPError):
        fetch(url, "/_sim/reset", b"{}")
    for rule in rules:
        fetch(url, "/_sim/faults", json.dumps(rule).encode())


def ratio(
    name: str, floor: float, ours: str, theirs: str, script: str, rounds: int, folder: Path, rules: Iterable[Rule] = ()
) -> None:
    ratios = []
    for _ in range(rounds):
        reset(ours, rules)  # rentals that the round before was cut off in would hold their GPUs
        reset(theirs)
        ratios.append(wrk(ours, script, 3, folder) / wrk(theirs, script, 3, folder))
    shown = ", ".join(f"{value:.2f}" for value in ratios)
    print(f"{name}: {statistics.median(ratios):.2f} (wanted {floor}; rounds {shown})", flush=True)


ABOUT_RENTS: Rule = {"on": {"operation": "rent_gpu"}, "effect": {"lose_response": True}, "when": {"probability": "0%"}}
ABOUT_ALL: Rule = {"on": {"account": "alice"}, "effect": {"delay": "1s"}, "when": {"probability": "0%"}}
"""Neither is ever injected, but what a rule is about it counts, draws for, and writes a line of the journal of."""


def with_faults(ours: str, theirs: str, rounds: int, folder: Path) -> None:
    """Under a rule about rents, then under one about every request as well."""
    for about, rules in (("a rule about rents", [ABOUT_RENTS]), ("rules about all", [ABOUT_RENTS, ABOUT_ALL])):
        ratio(f"offers, {about}", 0.7, ours, theirs, get_script(OFFERS), rounds, folder, rules)
        ratio(f"rent, get, delete, {about}", 0.3, ours, theirs, LIFECYCLE, rounds, folder, rules)


SLOW: Rule = {"delay": "1s"}
NOT_MET: dict[str, Rule] = {
    "of another operation": {"on": {"operation": "rent_gpu"}, "effect": SLOW},
    "of another account": {"on": {"account": "bob"}, "effect": SLOW},
    "of another offer": {"on": {"provider": "gcp"}, "effect": SLOW},
}
"""Delays that no list of offers meets: each has to cost it next to nothing."""


def per_cpu_second(url: str, script: str, folder: Path) -> float:
    """Requests per second of the server's CPU time, which is its rate on a core of its own, also on a busy machine."""
    spent = Path(f"/proc/{pid_of(url)}/schedstat")
    before = int(spent.read_text().split()[0])
    requests = wrk(url, script, 1, folder)  # per second, for one second
    return requests / (int(spent.read_text().split()[0]) - before) * 1e9


def beside_rules(url: str, rounds: int, folder: Path) -> None:
    """The rate of lists under a rule that they do not meet against that without a rule, on one server in turn."""
    for name, rule in NOT_MET.items():
        ratios = []
        for number in range(3 * rounds):
            rates = {}
            # Whoever is second may be the slower one: they take turns at that.
            for ruled in (True, False) if number % 2 else (False, True):
                reset(url)
                fetch(url, "/_sim/accounts", b'{"name": "bob"}')
                if ruled:
                    fetch(url, "/_sim/faults", json.dumps(rule).encode())
                rates[ruled] = per_cpu_second(url, get_script(OFFERS), folder)
            ratios.append(rates[True] / rates[False])
        shown = ", ".join(f"{value:.2f}" for value in ratios)
        print(f"offers, a delay {name}, against no rule: {statistics.median(ratios):.3f} (wanted 0.95; rounds {shown})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--gets", type=int, default=1_000_000, help="GETs to look for growth of memory under")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with simulator(folder) as ours:
            at_start = resident_mb(ours)
            answers = folder / "answers.json"
            answers.write_text(json.dumps(record(ours)))
            with bare(folder, answers) as theirs:
                both = arguments.rounds, folder
                ratio("offers, unfiltered", 0.8, ours, theirs, get_script(OFFERS), *both)
                ratio("offers, repeated filter", 0.8, ours, theirs, get_script(REPEATED), *both)
                ratio("offers, filter never seen", 0.4, ours, theirs, NEVER_SEEN, *both)
                ratio("rent, get, delete", 0.35, ours, theirs, LIFECYCLE, *both)
                with_faults(ours, theirs, *both)
                beside_rules(ours, *both)
            with simulator(folder, "--state", str(folder / "state.db")) as kept:
                ratio("rent, get, delete, with a state file against without", 0.5, kept, ours, LIFECYCLE, *both)
            print(f"resident at start: {at_start:.1f} MB")
        for marker in folder.glob("*.json"):
            marker.unlink()
        with simulator(folder) as ours:
            wrk(ours, get_script(OFFERS), 3, folder)
            before, done = resident_mb(ours), 0.0
            while done < arguments.gets:
                done += 10 * wrk(ours, get_script(OFFERS), 10, folder)
            print(f"resident: {before:.1f} MB, after {done:,.0f} GETs {resident_mb(ours):.1f} MB")


if __name__ == "__main__":
    main()
