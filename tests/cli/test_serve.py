"""`gpu-sim serve`: what it says before it serves."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from gpu_sim.cli.main import main


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("", ""),
        (
            "renters: [{name: ann, jobs: {work: 1h}}]\n",
            "the renters of mine live in gpu-sim run and gpu-sim sweep alone: here are none\n",
        ),
    ],
)
def test_of_renters_it_says_that_they_do_not_live_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, more: str, says: str
) -> None:
    monkeypatch.setattr("gpu_sim.server.serving.serve", lambda *_: None)
    file = tmp_path / "mine.yaml"
    file.write_text(f"name: mine\nextends: calm\n{more}")
    served = CliRunner().invoke(main, ["serve", "--scenario", str(file)])
    assert (served.exit_code, served.stderr) == (0, says)
