"""Commands of the extra `market`: without it, and while they run."""

import io
import subprocess
import sys

import pytest
from gpu_sim.cli.progress import progress

from ..support.processes import ROOT, environment


@pytest.mark.parametrize(
    ("missing", "arguments"),
    [
        ("numpy", ["market", "calm"]),
        ("scipy", ["market", "calm"]),
        ("numpy", ["calibrate", "x__r1a_v100_1.json"]),
    ],
)
def test_without_the_extra_it_says_what_to_install(missing: str, arguments: list[str]) -> None:
    program = f"import sys; sys.modules[{missing!r}] = None; from gpu_sim.cli.main import main; main({arguments!r})"
    result = subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment(),
        timeout=240,
    )
    assert result.returncode == 2
    says = f"{missing} is missing: {arguments[0]} needs the extra, pip install 'gpu-market-simulator[market]'"
    assert says in result.stderr


class Screen(io.StringIO):
    """A terminal that somebody watches."""

    def isatty(self) -> bool:
        return True


def test_a_bar_is_shown_to_who_watches_and_full_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, file = Screen(), io.StringIO()
    for stream in (screen, file):
        monkeypatch.setattr(sys, "stderr", stream)
        with progress(40, "days of a market") as on_days:
            on_days(10)
    assert file.getvalue() == ""
    assert "days of a market" in screen.getvalue()
    assert "100%" in screen.getvalue().splitlines()[-1]
