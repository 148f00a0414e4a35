"""The file of a sweep's results: each run once, whatever is tried again."""

import re
from pathlib import Path

import pytest
from gpu_sim.experiments.sweeps.results_file import ResultsFile, ResultsUnusable, Row

ROW = Row("k1", b'{"a":"1"}', 1, b'{"total.cost_micros":5}')
OTHER = Row("k2", b'{"a":"1"}', 2, b'{"total.cost_micros":6}')


def test_rows_stay_and_come_back_by_settings_and_seed(tmp_path: Path) -> None:
    """Whatever the order in which they came."""
    with ResultsFile(tmp_path / "r.db", "s", "v") as file:
        file.add([OTHER])
        file.add([ROW])
        assert (file.has("k1"), file.has("k3"), len(file)) == (True, False, 2)
    with ResultsFile(tmp_path / "r.db", "s", "v") as file:
        assert list(file.rows()) == [ROW, OTHER]


def test_an_equal_row_is_the_same_one_and_an_unequal_one_is_an_error(tmp_path: Path) -> None:
    """Of the batch that has it nothing is added."""
    with ResultsFile(tmp_path / "r.db", "s", "v") as file:
        file.add([ROW])
        file.add([ROW])
        with pytest.raises(ResultsUnusable, match=re.escape("the run k1 (seed 1) has another result")):
            file.add([OTHER, Row("k1", ROW.settings, 1, b"{}")])
        assert list(file.rows()) == [ROW]


@pytest.mark.parametrize(("scenario", "version", "said"), [("t", "v", "scenario s, not of t"), ("s", "w", "version v")])
def test_a_file_of_another_scenario_or_version_is_refused_untouched(
    tmp_path: Path, scenario: str, version: str, said: str
) -> None:
    """To the byte."""
    path = tmp_path / "r.db"
    with ResultsFile(path, "s", "v") as file:
        file.add([ROW])
    before = path.read_bytes()
    with pytest.raises(ResultsUnusable, match=said):
        ResultsFile(path, scenario, version)
    assert path.read_bytes() == before


def test_what_is_no_file_of_results_is_refused_untouched(tmp_path: Path) -> None:
    """Text, or a database of something else."""
    text = tmp_path / "text"
    text.write_text("settings,seed\n" * 100)
    with pytest.raises(ResultsUnusable, match="not a database"):
        ResultsFile(text, "s", "v")
    assert text.read_text() == "settings,seed\n" * 100
    with pytest.raises(ResultsUnusable, match="unable to open"):
        ResultsFile(tmp_path / "no" / "folder", "s", "v")
