"""A few trials of the harness that does a thousand: `python -m tests.commands.damage`."""

from pathlib import Path
from random import Random

import pytest
from gpu_sim.worlds.state_files.state_reader import StateReader

from . import damage


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder to work in."""
    (tmp_path / "damaged").mkdir()
    return tmp_path


def test_no_damaged_file_is_accepted_with_other_contents(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(damage, "SHAPES", damage.SHAPES[:3])
    counted = damage.run(60, 11, folder, served_every=0)
    assert counted.total() == 60
    assert sum(number for (_, found), number in counted.items() if found == "refused") > 30


def test_a_damage_that_is_not_noticed_is_found_and_can_be_repeated(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(damage, "SHAPES", damage.SHAPES[1:3])
    monkeypatch.setattr(StateReader, "check_rows", lambda _: None)
    with pytest.raises(damage.Wrong, match=r"^--seed 11 --trials \d+: "):
        damage.run(200, 11, folder, served_every=0)


@pytest.mark.parametrize("name", sorted(damage.damages(Path())))
def test_each_kind_of_damage_changes_the_files(folder: Path, name: str) -> None:
    samples = [damage.sample(folder / f"{kill}.db", 60, 5, kill=kill, luck=Random(3)) for kill in (True, False)]
    kind = damage.damages(folder)[name]
    killed, closed = samples
    made = [kind(*pair, Random(seed)) for pair in ((killed, closed), (closed, killed)) for seed in range(3)]
    assert sum(files not in (killed.files, closed.files) for files in made) > 3  # a value may be the one that was there


@pytest.mark.slow
def test_serve_refuses_in_one_line_what_is_refused_in_process(folder: Path) -> None:
    assert damage.run(12, 5, folder, served_every=4).total() == 12
