"""A simulator to check where no server is given: a child process on a free port."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .. import FOLDER

BESIDE = Path(__file__).resolve().parents[len(__package__.split("."))]
"""The folder above the top-level package, from which the simulator can be imported, in a checkout and in a wheel."""
START_SECONDS = 20
"""The longest wait for the start, and for the end: a busy machine takes seconds for either."""
POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Ready:
    """The contents of the ready file."""

    url: str
    token: str


@contextmanager
def running_server(scenario: str, *options: str) -> Iterator[Ready]:
    """Serve one of the suite's scenarios under the manual clock. The server ends with the block."""
    with tempfile.TemporaryDirectory() as folder:
        ready, log = Path(folder, "ready.json"), Path(folder, "log")
        command = [sys.executable, "-m", "gpu_sim", "serve", "--scenario", str(FOLDER / scenario)]
        command += ["--clock", "manual", "--port", "0", "--ready-file", str(ready), *options]
        with log.open("wb") as output:
            process = subprocess.Popen(command, cwd=BESIDE, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield _await_ready(process, ready, log)
        finally:
            process.terminate()
            process.wait(timeout=START_SECONDS)


def _await_ready(process: "subprocess.Popen[bytes]", ready: Path, log: Path) -> Ready:
    give_up = time.monotonic() + START_SECONDS
    while not ready.exists():
        try:
            process.wait(POLL_SECONDS)
        except subprocess.TimeoutExpired:
            if time.monotonic() < give_up:
                continue
        raise RuntimeError(f"the simulator did not start: {log.read_text(encoding='utf-8', errors='replace')}")
    found = json.loads(ready.read_text(encoding="utf-8"))
    return Ready(found["url"], found["token"])
