"""Send SIGINT or SIGTERM to the commands at random instants, and hold them to a clean end:
`python -m tests.commands.signals --trials 200 --seed 1`.

The exit code is a right one and nothing is told but that; no file is half written, no process or temporary file left;
a state file goes on with the same journal; on a server that was verified no world or rental is left.
"""

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
from gpu_sim.core.scenario.scenario import ClockSettings
from gpu_sim.scenario_files.load import load_scenario
from gpu_sim.worlds.worlds import Worlds

from ..support import loopback
from ..support.processes import Serving, run, serving
from .clean_ends import Trial, Unclean, carry_out, expect, is_json, is_xml, nothing_left_on, pages, whole

ALICE = {"authorization": "Bearer si_test_alice"}
LATEST = 1.1
"""The latest instant of a signal, as a share of the time that the command takes undisturbed."""
SCENARIO, MANUAL = "calm", ClockSettings(mode="manual")
SERVE = ("serve", "--scenario", SCENARIO, "--clock", "manual", "--port", "0")
SERVED_SECONDS = 1.0
"""The time in which a server that is ready may get its signal."""


class Bench:
    """The server, journal, snapshot, traces and state files that the trials use."""

    def __init__(self, folder: Path, server: Serving) -> None:
        self.folder = folder
        self.server = server
        self.journal, self.snapshot, self.traces = folder / "journal", folder / "snapshot", folder / "traces"
        self.states = [folder / "stopped.db", folder / "killed.db"]
        self.recorded: dict[Path, bytes] = {}

    def fill(self) -> None:
        """Make the files."""
        for state, number in zip(self.states, (signal.SIGTERM, signal.SIGKILL), strict=True):
            with serving(self.folder / "ready.json", *SERVE[1:], "--state", str(state)) as server:
                for each in range(40):
                    ok(loopback.post(f"{server.url}/v1/gpu/rent", headers=ALICE, json=offered(server, each)))
                    ok(loopback.post(f"{server.url}/_sim/clock/advance", json={"by": "30m"}))
                self.recorded[state] = loopback.get(f"{server.url}/_sim/journal").content
                server.stop(number)
            (self.folder / "ready.json").unlink(missing_ok=True)
        self.journal.write_bytes(self.recorded[self.states[0]])
        made = run("snapshot", "save", str(self.snapshot), "--url", self.server.url)
        assert made.returncode == 0, made
        made = run(*market(self.traces), "--jobs", "1", "--seeds", "1")
        assert made.returncode in (0, 1), made


def ok(answer: httpx.Response) -> None:
    """Hold an answer to be a success."""
    assert answer.is_success, answer.text


def offered(server: Serving, number: int) -> dict[str, str]:
    """A rent of some offer."""
    rows = loopback.get(f"{server.url}/v1/gpu/offers", headers=ALICE).json()["data"]
    row = rows[number % len(rows)]
    names = {name: row[name] for name in ("gpu_model", "provider_id", "region")}
    return {**names, "model_id": f"m/{number}", "docker_image": "d"}


def market(out: Path) -> list[str]:
    """A short run of a market."""
    options = ["--days", "3", "--no-fleets", "--out", str(out), "--export", str(out / "traces")]
    return ["market", "nine-zones", *options]


# The commands


def serve(bench: Bench, folder: Path) -> Trial:
    """Starting, with or without a state file; serving rents; stopping."""
    state = random.Random(folder.name).choice([None, *bench.states])
    ready, file = folder / "ready.json", folder / "state.db"
    acknowledged: list[str] = []
    more: list[str] = []
    if state is not None:
        for each in state.parent.glob(f"{state.name}*"):
            shutil.copy(each, folder / each.name.replace(state.name, file.name))
        more = ["--state", str(file)]

    def is_over() -> None:
        expect(not ready.exists(), "the ready file is left")
        if state is not None:
            check_state(file, bench.recorded[state], acknowledged)

    return Trial(
        "serve",
        [*SERVE, *more, "--ready-file", str(ready)],
        interrupted=lambda number, out: (0,) if "ready" in out else (128 + number,),
        looks=[is_over],
        starts=lambda: threading.Thread(target=rent_on, args=(ready, acknowledged), daemon=True).start(),
    )


def rent_on(ready: Path, acknowledged: list[str]) -> None:
    """Rent again and again, once a server is ready and until it is gone."""
    until = time.monotonic() + 60
    while not ready.exists() and time.monotonic() < until:
        time.sleep(0.01)
    with suppress(OSError, ValueError, KeyError, httpx.HTTPError, AssertionError):
        found = json.loads(ready.read_text())
        body = {"gpu_model": "RTX 4090", "provider_id": "vast-ai", "region": "Quebec, CA", "docker_image": "d"}
        for number in range(10_000):
            rented = loopback.post(
                f"{found['url']}/v1/gpu/rent", headers=ALICE, json=body | {"model_id": f"x/{number}"}
            )
            acknowledged.append(rented.json()["rental_id"])
            loopback.delete(f"{found['url']}/v1/gpu/rentals/{acknowledged[-1]}", headers=ALICE)


def check_state(file: Path, recorded: bytes, acknowledged: list[str]) -> None:
    """Look that a state file opens, with the journal that it had and what was acknowledged since."""
    worlds = Worlds()
    world = worlds.open(file, load_scenario(SCENARIO), clock=MANUAL)
    try:
        found = b"".join(world.journal())
    finally:
        worlds.close()
    before = recorded.splitlines(keepends=True)[:-1]  # without the line about its end
    expect(found.startswith(b"".join(before)), "the state file has lost a part of its journal")
    lost = [rental for rental in acknowledged if rental.encode() not in found]
    expect(not lost, f"acknowledged and lost: {lost}")


def verify(bench: Bench, folder: Path) -> Trial:
    """In worlds of its own, with a JUnit file."""
    options = ["--url", bench.server.url, "--token", "si_test_alice", "--junit", str(folder / "junit" / "it.xml")]
    (folder / "junit").mkdir()
    looks = [nothing_left_on(bench.server), whole(folder / "junit" / "it.xml", is_xml)]
    only = random.Random(folder.name).choice(["F16", "A23,F17", "A11,F12"])
    return Trial(
        "verify",
        ["verify", *options, "--only", only, "--profile", "dev"],
        interrupted=lambda *_: (2,),
        looks=looks,
    )


def verify_spending(bench: Bench, folder: Path) -> Trial:
    """With one rental on the server itself."""
    options = ["--url", bench.server.url, "--token", "si_test_alice", "--profile", "live", "--allow-spend", "1"]
    return Trial(
        "verify --allow-spend",
        ["verify", *options, "--only", "F7,F12,F13"],
        interrupted=lambda *_: (2,),
        looks=[nothing_left_on(bench.server)],
    )


def market_run(bench: Bench, folder: Path) -> Trial:
    """In two processes, with a page and traces."""
    out = folder / "out"
    return Trial("market", [*market(out), "--seeds", "4", "--jobs", "2"], (0, 1), looks=[pages(out)])


def calibrate(bench: Bench, folder: Path) -> Trial:
    """In place of a file that is there."""
    traces = sorted(map(str, (bench.traces / "traces" / "seed-1").iterdir()))[:2]
    file = folder / "out" / "mine.yaml"
    file.parent.mkdir()
    file.write_bytes(b"before")
    options = ["--shape", "shipped", "--seeds", "2", "--output", str(file)]
    looks = [whole(file, lambda content: content.startswith(b"#") and content.endswith(b"\n"), b"before")]
    return Trial("calibrate", ["calibrate", *traces, *options], (0, 1), looks=looks)


def replay(bench: Bench, folder: Path) -> Trial:
    """Of a journal that agrees."""
    return Trial("replay", ["replay", str(bench.journal)])


def save(bench: Bench, folder: Path) -> Trial:
    """Of the server's world."""
    file = folder / "out" / "saved"
    file.parent.mkdir()
    return Trial(
        "snapshot save", ["snapshot", "save", str(file), "--url", bench.server.url], looks=[whole(file, is_json)]
    )


def load(bench: Bench, folder: Path) -> Trial:
    """Into the server's world."""
    return Trial("snapshot load", ["snapshot", "load", str(bench.snapshot), "--url", bench.server.url])


def wait(bench: Bench, folder: Path) -> Trial:
    """For a server that does not come."""
    return Trial("wait", ["wait", "--url", "http://127.0.0.1:9", "--timeout", "2s"], (1,))


KINDS: tuple[Callable[[Bench, Path], Trial], ...] = (
    *(serve, serve, serve, verify, verify, verify_spending, market_run, calibrate),
    *(replay, save, load, wait),
)
"""The commands; those with more to break come more often."""


@contextmanager
def bench_in(folder: Path) -> Iterator[Bench]:
    """A filled bench, whose server ends with the block."""
    with serving(folder / "served.json", "--scenario", SCENARIO, "--clock", "manual") as server:
        bench = Bench(folder, server)
        bench.fill()
        yield bench


def run_trials(trials: int, seed: int, folder: Path, only: str = "") -> Counter[str]:
    """So many trials, after each command was run undisturbed. What was counted. Raises Unclean."""
    luck = random.Random(seed)
    kinds = [kind for kind in KINDS if only in kind.__name__]
    seconds: dict[str, float] = {}
    counted: Counter[str] = Counter()
    with bench_in(folder) as bench:
        for number in range(trials):
            kind, own = luck.choice(kinds), random.Random(luck.random())
            where = folder / f"{number}-{seed}"
            if kind.__name__ not in seconds:
                seconds[kind.__name__] = undisturbed(kind, bench, folder / f"whole-{kind.__name__}")
            where.mkdir()
            trial = kind(bench, where)
            try:
                ended = carry_out(trial, where, own, seconds[kind.__name__] * LATEST)
            except Unclean as error:
                raise Unclean(f"trial {number}, {trial.kind}: {error}") from None
            counted[f"{trial.kind}: {ended.how}"] += 1
            shutil.rmtree(where)
    return counted


def undisturbed(kind: Callable[[Bench, Path], Trial], bench: Bench, where: Path) -> float:
    """The seconds that a command takes; a server the time until it is ready and some more. Raises Unclean."""
    where.mkdir()
    if kind is serve:
        began = time.monotonic()
        with serving(where / "ready.json", *SERVE[1:]):
            return time.monotonic() - began + SERVED_SECONDS
    return carry_out(kind(bench, where), where, random.Random(0), None).seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", metavar="COMMAND", help="those whose name has this in it")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # with the server and the files gone
    with tempfile.TemporaryDirectory() as name:
        try:
            counted = run_trials(arguments.trials, arguments.seed, Path(name), arguments.only)
        except Unclean as error:
            print(f"not clean, again with --trials {arguments.trials} --seed {arguments.seed}: {error}")
            sys.exit(1)
    for what, number in sorted(counted.items()):
        print(f"{what}: {number:,}")
    print(f"{arguments.trials} signals with --seed {arguments.seed}: every end was clean")


if __name__ == "__main__":
    main()
