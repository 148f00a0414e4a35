"""A few kills of the harness that does hundreds: `python -m tests.commands.kills`."""

from pathlib import Path

from .kills import run


def test_what_was_acknowledged_outlives_a_kill(tmp_path: Path) -> None:
    counted = run(6, tmp_path, seed=7)
    assert counted["rents acknowledged"] > 10
    assert counted["deletes acknowledged"] > 2
    assert counted["credits acknowledged"] > 2
