"""A market check as one call: settings in, rows and what was written out."""

from pathlib import Path

import numpy as np
import pytest
from gpu_sim import load_scenario
from gpu_sim.fidelity.market_check import FolderUnusable, MarketCheckSettings, check_market
from gpu_sim.fidelity.report.targets import TARGETS
from gpu_sim.fidelity.traces.observation import LookSchedule
from gpu_sim.fidelity.traces.traces import TracesUnusable, write_trace
from gpu_sim.scenario_files.problems import ScenarioError
from msgspec.structs import replace

from .zone_recordings import trace

SETTINGS = MarketCheckSettings(
    scenario=load_scenario("calm"),
    days=2,
    seeds=range(3, 5),
    looked=LookSchedule(195_000, 631_000),
    fleets=False,
    jobs=1,
)


def test_every_statistic_has_a_row_and_nothing_is_written_unasked() -> None:
    check = check_market(SETTINGS)
    assert [row.target for row in check.rows] == list(TARGETS)
    assert (check.page, check.comparison.zones) == (None, None)
    assert check.is_missed == any(row.verdict == "missed" for row in check.rows)
    assert (check.plan.days, check.plan.fleets) == (2, False)


def test_the_settings_say_everything() -> None:
    assert check_market(SETTINGS).rows == check_market(SETTINGS).rows


def test_page_and_traces_are_written_where_it_is_said(tmp_path: Path) -> None:
    check = check_market(replace(SETTINGS, page=tmp_path / "page", export=tmp_path / "traces"))
    assert check.page == tmp_path / "page" / "market.html"
    assert check.page.is_file()
    assert sorted(each.name for each in (tmp_path / "traces").iterdir()) == ["seed-3", "seed-4"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "page"
    for settings in (replace(SETTINGS, page=folder), replace(SETTINGS, export=folder)):
        with pytest.raises(FolderUnusable, match="cannot be written: Not a directory") as raised:
            check_market(settings)
        assert raised.value.folder == folder


def test_what_cannot_be_compared_is_refused_and_nothing_is_made(tmp_path: Path) -> None:
    short = write_trace(tmp_path, trace("us-east-1a", np.array([1, 0]), 195))
    other_gap = write_trace(tmp_path, trace("us-east-1b", np.tile([0, 1, 1], 5_000), 300))
    realistic = replace(SETTINGS, scenario=load_scenario("realistic"), page=tmp_path / "page")
    with pytest.raises(TracesUnusable, match=r"shorter than a day$"):
        check_market(replace(realistic, traces=(short,)))
    with pytest.raises(TracesUnusable, match="different gaps"):
        check_market(replace(realistic, traces=(short, other_gap)))
    with pytest.raises(ScenarioError, match="cannot be read"):
        check_market(replace(realistic, traces=(tmp_path / "x__us-east-1a_v100_1.json",)))
    assert not (tmp_path / "page").exists()
