"""A server of the worlds of tests in a process of its own, for where a thread will not do: begun, and the program."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread, Timer

from ..client.connection import ServerUnreachable

START_SECONDS_MAX = 60.0
"""A process that does not serve by then ends itself: whoever waits for it must not wait for ever."""
END_SECONDS_MAX = 10.0
"""It has that long to end when it is told to, far more than it takes; then it is killed."""

_SOURCE_ROOT = Path(__file__).parents[2]
# The folder of the tests is not searched for modules (-P): one may be named like one of ours or of Python's own.
_PROGRAM = "import sys; sys.path.append(sys.argv[1]); from gpu_sim.testing.server_process import main; main()"


@contextmanager
def server_process(reason: str) -> Iterator[str]:
    """The address of a server in a process of its own, until the block ends; it ends with this process in any case.
    Raises ServerUnreachable where it does not start, with the `reason` for which it is not in a thread."""
    command = [sys.executable, "-P", "-c", _PROGRAM, str(_SOURCE_ROOT)]
    try:
        # A session of its own: ^C in a terminal is for the tests, which then end the server.
        process = subprocess.Popen(  # noqa: S603  # Python itself, with a program of ours
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
    except OSError as error:
        raise _not_started(reason, str(error)) from None
    with process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().decode().strip()
            if not url:
                raise _not_started(reason, f"it ended with code {process.wait()}, and stderr may say why")
            yield url
        finally:
            _end(process)


def _not_started(reason: str, error: str) -> ServerUnreachable:
    return ServerUnreachable(
        f"no server could be started in a process of its own ({reason}): {error}; start one with `gpu-sim serve` and "
        "name it by --gpu-sim-url or GPU_SIM_URL"
    )


def _end(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(END_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()


def main() -> None:
    """Serve on a free loopback port, print the address, and end when stdin does."""
    from ..exit_signals import BrokenOff  # noqa: PLC0415  # only the process that serves needs it
    from ..scenario_files.load import load_scenario  # noqa: PLC0415  # only the process that serves needs it
    from ..server.serving import Options, Ready, serve  # noqa: PLC0415  # only the process that serves needs it

    Thread(target=_end_with_stdin, daemon=True).start()
    overdue = Timer(START_SECONDS_MAX, os._exit, (1,))
    overdue.daemon = True
    overdue.start()

    def announce(ready: Ready) -> None:
        overdue.cancel()
        sys.stdout.write(f"{ready.url}\n")
        sys.stdout.flush()

    with suppress(BrokenOff):  # nobody waits for it any more
        serve(Options(scenario=load_scenario("calm"), port=0), announce)


def _end_with_stdin() -> None:
    """End this process once the one that started it closes the pipe, or is gone, however it ended."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
