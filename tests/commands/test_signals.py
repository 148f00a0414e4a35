"""The command that sends signals at random instants: it finds what is not clean, and commands are."""

import os
import random
import sys
from pathlib import Path

import pytest

from . import clean_ends
from .clean_ends import Trial, Unclean, carry_out, is_json, pages, whole
from .signals import run_trials

PROGRAM = """
import os, signal, subprocess, sys, tempfile
folder, fault = sys.argv[1:]

def hear(number, frame):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if fault == "traceback":
        raise ZeroDivisionError
    if fault == "process":
        subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    if fault == "temporary":
        tempfile.mkstemp()
    if fault == "half":
        open(f"{folder}/out/file", "w").write("{")
    if fault != "untold":
        sys.stderr.write("broken off\\n")
        sys.stderr.flush()
    os._exit(0 if fault == "code" else 128 + number)

signal.signal(signal.SIGINT, hear)
signal.signal(signal.SIGTERM, hear)
open(f"{folder}/listens", "w").close()
while True:
    signal.pause()
"""


def trial(folder: Path, fault: str) -> Trial:
    """A program that hears signals, and then ends with this fault."""
    os.mkfifo(folder / "listens")
    (folder / "out").mkdir()
    return Trial(
        fault,
        [str(folder), fault],
        undisturbed=(7,),  # it never ends by itself
        looks=[whole(folder / "out" / "file", is_json)],
        starts=lambda: (folder / "listens").open().close(),  # waits for the program to open it
        program=(sys.executable, "-c", PROGRAM),
    )


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("traceback", "exit code 1"),
        ("process", "processes were left"),
        ("temporary", "left in the temporary folder"),
        ("half", "file is half written"),
        ("untold", "nothing tells that it was broken off"),
        ("code", "exit code 0"),
    ],
)
def test_an_end_that_is_not_clean_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, says: str
) -> None:
    if fault == "process":
        monkeypatch.setattr(clean_ends, "LEFT_SECONDS_MAX", 0.1)
    with pytest.raises(Unclean) as found:
        carry_out(trial(tmp_path, fault), tmp_path, random.Random(1), 0.0)
    assert says in str(found.value)


def test_a_clean_end_is_clean(tmp_path: Path) -> None:
    ended = carry_out(trial(tmp_path, "none"), tmp_path, random.Random(1), 0.0)
    assert ended.how.startswith("SIG")


def test_half_a_picture_is_found(tmp_path: Path) -> None:
    (tmp_path / "market.html").write_text("<html></html>\n")
    pages(tmp_path)()
    (tmp_path / "prices.png").write_bytes(b"\x89PNG")
    with pytest.raises(Unclean, match=r"prices\.png is half written"):
        pages(tmp_path)()


@pytest.mark.slow
def test_some_commands_end_cleanly(tmp_path: Path) -> None:
    counted = run_trials(8, seed=5, folder=tmp_path)
    assert counted.total() == 8
