"""Commands that get a signal at a random instant, each held to a clean end."""

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from ..support import loopback
from ..support.processes import GPU_SIM, ROOT, Serving, environment

NUMBERS = (signal.SIGINT, signal.SIGTERM)
END_SECONDS_MAX = 90.0
LEFT_SECONDS_MAX = 5.0
"""The longest that a process may outlive its command: one of the multiprocessing module ends only when that has."""
SECOND_SIGNAL = 0.25
"""The share of trials in which a second signal follows within `SECOND_SECONDS_MAX`."""
SECOND_SECONDS_MAX = 0.2
FROM_TERMINAL = 0.5
"""The share of SIGINTs that all processes of a command get, as a terminal sends them."""
BY_ITSELF, TOO_EARLY = "had ended", "did not listen yet"
PYTHON_HAS_NOT_BEGUN = "Fatal Python error: init_import_site"
"""What the interpreter tells of a signal that comes before it runs anybody's code; its exit code is 1 then."""


class Unclean(Exception):
    """A command did not end cleanly. The text says what was wrong."""


@dataclass
class Trial:
    """A command to interrupt in a folder of its own: what ends it well, and what is looked at afterwards."""

    kind: str
    arguments: list[str]
    undisturbed: tuple[int, ...] = (0,)
    """The exit codes without a signal."""
    interrupted: Callable[[int, str], tuple[int, ...]] = lambda number, _: (128 + number,)
    """The exit codes that are right after this signal and this output."""
    looks: list[Callable[[], None]] = field(default_factory=list)
    starts: Callable[[], None] = lambda: None
    """Called when the command has been started."""
    program: Sequence[str] = GPU_SIM


@dataclass(frozen=True)
class Ended:
    """What a trial has come to: the way it ended, and its seconds."""

    how: str
    seconds: float


def expect(holds: object, what: object) -> None:
    """Raises Unclean."""
    if not holds:
        raise Unclean(str(what))


def mask(pid: int, name: str) -> int:
    """A mask of signals of a process, 0 where it has ended: `SigCgt` are those that it handles."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1], 16) for line in lines if line.startswith(f"{name}:")), 0)


def hears(pid: int) -> bool:
    """True if a process handles SIGTERM, which Python does not by itself."""
    return bool(mask(pid, "SigCgt") & (1 << (signal.SIGTERM - 1)))


def session(of: int) -> list[str]:
    """The processes of a session, with their command lines."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text().rpartition(")")[2].split()
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if int(stat[3]) == of and stat[0] != "Z":
            found.append(f"{folder.name} {line}")
    return found


def carry_out(trial: Trial, folder: Path, luck: random.Random, seconds: float | None) -> Ended:
    """Run a trial's command, with signals at random within so many seconds or, if None, undisturbed. Raises Unclean."""
    temporary = folder / "tmp"
    temporary.mkdir()
    began = time.monotonic()
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        process = subprocess.Popen(
            [*trial.program, *trial.arguments],
            cwd=ROOT,
            env=environment(TMPDIR=str(temporary), MPLCONFIGDIR=str(folder.parent)),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
    trial.starts()
    number, how = luck.choice(NUMBERS), BY_ITSELF
    try:
        if seconds is not None:
            how = interrupt(process, number, luck, seconds)
        code = process.wait(END_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        raise Unclean(f"it did not end within {END_SECONDS_MAX} s of {number.name}") from None
    finally:
        took = time.monotonic() - began
        end_session(process)
    told = (folder / "stderr").read_text(), (folder / "stdout").read_text()
    check_end(trial, code, number, how, *told)
    left = [str(path) for path in temporary.rglob("*")]
    expect(how == TOO_EARLY or not left, f"left in the temporary folder: {left}")
    for look in trial.looks:
        look()
    return Ended(how, took)


def interrupt(process: "subprocess.Popen[bytes]", number: signal.Signals, luck: random.Random, seconds: float) -> str:
    """Wait, then send one signal or two; the way in which the command is to end."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(luck.random() * seconds)
    before = hears(process.pid)
    if process.poll() is not None:
        return BY_ITSELF
    if number == signal.SIGINT and luck.random() < FROM_TERMINAL:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    after = hears(process.pid)
    if luck.random() < SECOND_SIGNAL:
        try:
            process.wait(luck.random() * SECOND_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.send_signal(luck.choice(NUMBERS))
    if not before:
        # Either it did not listen yet, or no longer since its exit code was decided.
        return BY_ITSELF if mask(process.pid, "SigIgn") & (1 << (signal.SIGTERM - 1)) else TOO_EARLY
    return number.name if after else f"{number.name} at the end"


def end_session(process: "subprocess.Popen[bytes]") -> None:
    """See that nothing of a command goes on. Raises Unclean after it has ended what does."""
    until = time.monotonic() + LEFT_SECONDS_MAX
    while (left := session(process.pid)) and process.poll() is not None and time.monotonic() < until:
        time.sleep(0.02)
    if left:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise Unclean(f"processes were left: {left}")


def check_end(trial: Trial, code: int, number: int, how: str, err: str, out: str) -> None:
    """The exit code and what was told."""
    right = trial.interrupted(number, out)
    if how == TOO_EARLY:
        allowed = (*right, *trial.undisturbed, -number, 128 + number)
        if PYTHON_HAS_NOT_BEGUN in err:
            allowed = (*allowed, 1)
    elif how == BY_ITSELF:
        allowed = trial.undisturbed
    elif how.endswith("at the end"):
        allowed = (*right, *trial.undisturbed)
    else:
        allowed = right
    expect(code in allowed, f"exit code {code}, not one of {allowed} ({how}): {err}")
    if how != TOO_EARLY:
        expect("Traceback" not in err and "Exception ignored" not in err, err)
    if code in (128 + signal.SIGINT, 128 + signal.SIGTERM) and how != TOO_EARLY:
        expect(err.split("\n")[-2:] == ["broken off", ""], f"nothing tells that it was broken off: {err}")


def whole(file: Path, is_whole: Callable[[bytes], bool], before: bytes | None = None) -> Callable[[], None]:
    """Look that a file is as it was before, or whole; and that no other is beside it whose name begins with a dot."""

    def look() -> None:
        content = file.read_bytes() if file.exists() else None
        expect(content == before or (content is not None and is_whole(content)), f"{file.name} is half written")
        hidden = [path.name for path in file.parent.glob(".*")] if file.parent.exists() else []
        expect(not hidden, f"left beside {file.name}: {hidden}")

    return look


def pages(folder: Path) -> Callable[[], None]:
    """Look that pictures, page and traces in a folder are whole."""
    ends = {".png": b"IEND\xaeB`\x82", ".html": b"</html>\n", ".json": b"}\n"}

    def look() -> None:
        for path in folder.rglob("*"):
            if path.is_file():
                expect(path.suffix in ends, f"{path} was left")
                expect(path.read_bytes().endswith(ends[path.suffix]), f"{path.name} is half written")

    return look


def is_json(content: bytes) -> bool:
    """True for JSON."""
    try:
        return bool(json.loads(content))
    except ValueError:
        return False


def is_xml(content: bytes) -> bool:
    """True for XML."""
    try:
        ElementTree.fromstring(content)
    except ElementTree.ParseError:
        return False
    return True


def nothing_left_on(server: Serving) -> Callable[[], None]:
    """Look that a server has its own world only, and no rental there that goes on."""

    def look() -> None:
        world = {"authorization": "Bearer si_test_alice"}
        worlds = [each["name"] for each in loopback.get(f"{server.url}/_sim/worlds").json()["data"]]
        rentals = loopback.get(f"{server.url}/_sim/rentals?limit=1000", headers=world).json()["data"]
        going_on = [each["rental_id"] for each in rentals if each["status"] != "terminated"]
        expect((worlds, going_on) == (["default"], []), f"left on the server: {worlds}, {going_on}")

    return look
