"""Calibration as one call: traces in, a market with its scenario and its runs out, nothing written."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from gpu_sim.core.market.availability_rates import CannotCalibrate
from gpu_sim.fidelity.calibration import CalibrationSettings, CannotSimulateHeldOut, HeldOutUnusable, calibrate
from gpu_sim.fidelity.traces.traces import TracesUnusable, write_trace
from gpu_sim.scenario_files.load import parse_scenario

from .known_market import recordings
from .zone_recordings import trace


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """Recordings of three zones over thirty days."""
    folder = tmp_path_factory.mktemp("traces")
    return tuple(write_trace(folder, each) for each in recordings(30)[:3])


class Watching:
    """Somebody who watches the progress, and what was seen."""

    def __init__(self) -> None:
        self.done: dict[str, int] = {}
        self.of: dict[str, int] = {}

    @contextmanager
    def progress(self, steps: int, label: str) -> Iterator[Callable[[int], None]]:
        self.of[label], self.done[label] = steps, 0

        def on_steps(number: int) -> None:
            self.done[label] += number

        yield on_steps


def test_a_market_is_found_and_run_for_each_seed(files: tuple[Path, ...]) -> None:
    watching = Watching()
    found = calibrate(CalibrationSettings(files[:2], "mine", seeds=range(1, 3)), watching.progress)
    assert parse_scenario(found.text, origin="mine", folder=None).name == "mine"
    assert [str(zone.name) for zone in found.market.zones] == ["r1a_v100_1", "r1b_v100_1"]
    assert (len(found.runs), found.held_out, found.is_missed) == (2, None, False)
    assert found.runs[0] != found.runs[1]
    assert watching.done["days of a market"] == watching.of["days of a market"] == 60


def test_zones_held_out_are_judged(files: tuple[Path, ...]) -> None:
    watching = Watching()
    settings = CalibrationSettings(files[:2], "mine", seeds=range(1, 2), against=files[2:])
    found = calibrate(settings, watching.progress)
    assert found.held_out is not None
    assert [str(zone.name) for zone in found.held_out.zones] == ["r1c_v100_1"]
    assert found.is_missed == any(row.verdict == "missed" for row in found.held_out.rows)
    assert watching.done["days of zones held out"] == watching.of["days of zones held out"] == 30


def test_without_seeds_nothing_is_run(files: tuple[Path, ...]) -> None:
    assert calibrate(CalibrationSettings(files[:1], "mine", seeds=range(0))).runs == ()


def test_each_refusal_says_which_traces_it_is_about(files: tuple[Path, ...], tmp_path: Path) -> None:
    turns = write_trace(tmp_path, trace("r5a", np.tile([1, 1, 1, 0, 0, 0], 2_215), 195))
    every_other = write_trace(tmp_path, trace("r5b", np.tile([1, 0], 5_000), 195))
    cases: list[tuple[tuple[Path, ...], tuple[Path, ...], type[Exception]]] = [
        ((tmp_path / "x__r1a_v100_1.json",), (), TracesUnusable),
        ((files[0], files[0]), (), TracesUnusable),
        (files[:1], (tmp_path / "x__r1a_v100_1.json",), HeldOutUnusable),
        (files[:1], files[:1], HeldOutUnusable),
        ((every_other,), (), CannotCalibrate),
        (files[:1], (turns,), CannotSimulateHeldOut),
    ]
    for fitted, against, kind in cases:
        with pytest.raises((TracesUnusable, CannotCalibrate)) as raised:
            calibrate(CalibrationSettings(fitted, "mine", against=against))
        assert type(raised.value) is kind
