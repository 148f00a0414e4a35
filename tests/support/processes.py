"""The command line in processes of its own, ended by their handle."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
GPU_SIM = (sys.executable, "-m", "gpu_sim")
POLLS = 400
POLL_SECONDS = 0.05


class Serving:
    """A server that runs, and what it said when it was ready."""

    def __init__(self, process: subprocess.Popen[str], ready: dict[str, Any]) -> None:
        self.process = process
        self.ready = ready
        self.url: str = ready["url"]

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Send a signal; exit code and all that it printed."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err


def environment(**changed: str) -> dict[str, str]:
    """The environment without settings of ours but these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GPU_SIM_")}
    return kept | changed


def run(*arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    given = environment() if env is None else env
    command = [*GPU_SIM, *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT, timeout=240, env=given)


@contextmanager
def serving(
    ready_file: Path,
    *arguments: str,
    program: Sequence[str] = GPU_SIM,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
) -> Iterator[Serving]:
    """`gpu-sim serve` on a free port unless the arguments say otherwise, until the block ends."""
    port = () if "--port" in arguments else ("--port", "0")
    with serving_by([*program, "serve", *arguments, *port], ready_file, cwd, env) as running:
        yield running


@contextmanager
def serving_by(
    command: Sequence[str], ready_file: Path, cwd: Path = ROOT, env: Mapping[str, str] | None = None
) -> Iterator[Serving]:
    """A command that serves and writes a ready file, until the block ends."""
    command = [*command, "--ready-file", str(ready_file)]
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=environment() if env is None else env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            for _ in range(POLLS):
                if ready_file.exists() or process.poll() is not None:
                    break
                time.sleep(POLL_SECONDS)
            if not ready_file.exists():
                process.kill()
                raise AssertionError(process.communicate())
            yield Serving(process, json.loads(ready_file.read_text()))
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(30)
