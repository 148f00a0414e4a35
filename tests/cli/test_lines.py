"""Lines of tables, on a terminal and in a file."""

import io
import sys

import pytest
from gpu_sim.cli.lines import in_color, in_columns, shortened


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


def test_cells_stand_below_each_other() -> None:
    assert list(in_columns([("zone", "up"), ("r1a_v100_1", "5%")])) == ["zone        up", "r1a_v100_1  5%"]


def test_the_last_cell_is_cut_on_a_screen_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    text = "held " * 30
    assert shortened(text, 20) == text.strip()
    monkeypatch.setattr(sys, "stdout", Screen())
    assert shortened(text, 20) == "held " * 9 + "held…"
    assert len(shortened(text, 69)) == 40


@pytest.mark.parametrize("verdict", ["held", "missed", "failed", "differs", "not shown", "not applicable"])
def test_every_verdict_has_its_color(verdict: str) -> None:
    colored = in_color("x", verdict)
    assert colored.startswith("\x1b[")
    assert "x" in colored
