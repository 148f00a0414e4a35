"""A server that gets a signal while it starts, at the instant that it is ready, and while it ends."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ..support.processes import ROOT, environment

HEAD = """
import os, signal
from gpu_sim.__main__ import main
from gpu_sim.server import serving
from gpu_sim.worlds.worlds import Worlds

def hear_before(owner, name):
    work = getattr(owner, name)

    def hear(*given, **named):
        os.kill(os.getpid(), signal.{number})
        return work(*given, **named)

    setattr(owner, name, hear)

"""
STARTING, RUNNING, READY, ENDING = (
    "hear_before(serving, 'build_app')",
    "hear_before(serving.Server, 'run')",
    "hear_before(serving.Server, 'startup')",
    "hear_before(serving.Server, 'main_loop'); hear_before(serving.Server, 'shutdown'); hear_before(Worlds, 'close')",
)


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("where", "is_ready"), [(STARTING, False), (RUNNING, False), (READY, False), (ENDING, True)])
def test_wherever_a_signal_comes_nothing_is_left_and_none_is_lost(
    tmp_path: Path, where: str, is_ready: bool, number: signal.Signals
) -> None:
    ready, state = tmp_path / "ready.json", tmp_path / "state.db"
    program = HEAD.format(number=number.name) + where + "\nmain()\n"
    options = ["serve", "--scenario", "calm", "--port", "0", "--ready-file", str(ready), "--state", str(state)]
    ended = subprocess.run(
        [sys.executable, "-c", program, *options],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        env=environment(),
    )
    says = (0, "") if is_ready else (128 + number, "broken off\n")
    assert (ended.returncode, ended.stderr) == says
    assert ended.stdout.startswith("gpu-sim ready") == is_ready
    assert {path.name for path in tmp_path.iterdir()} == {"state.db"}
