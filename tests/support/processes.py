"""The command line in processes of its own, ended by their handle."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
GPU_SIM = (sys.executable, "-m", "gpu_sim")
POLL_SECONDS = 0.02
SECONDS_MAX = 240
"""When a process counts as hanging: far more than any takes on a busy machine."""
POLLS = int(SECONDS_MAX / POLL_SECONDS)


class Serving:
    """A server that runs, and what it said when it was ready."""

    def __init__(self, process: subprocess.Popen[str], ready: dict[str, Any]) -> None:
        self.process = process
        self.ready = ready
        self.url: str = ready["url"]

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Send a signal; exit code and all that it printed."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=SECONDS_MAX)
        return self.process.returncode, out, err


def environment(**changed: str) -> dict[str, str]:
    """The environment without settings of ours but these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GPU_SIM_")}
    return kept | changed


def run(*arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    given = environment() if env is None else env
    command = [*GPU_SIM, *arguments]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=ROOT, timeout=SECONDS_MAX, env=given
    )


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
            _until_ready(process, ready_file)
            yield Serving(process, json.loads(ready_file.read_text()))
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(SECONDS_MAX)


def _until_ready(process: subprocess.Popen[str], ready_file: Path) -> None:
    """Wait until the ready file is there, or the process has ended without one."""
    for _ in range(POLLS):
        if ready_file.exists():
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(POLL_SECONDS)
            assert ready_file.exists(), process.communicate()
    process.kill()
    raise AssertionError(process.communicate())
