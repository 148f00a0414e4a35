"""`gpu-sim calibrate`: what it prints and writes, what it refuses, exit codes."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from gpu_sim.cli.main import main
from gpu_sim.core.scenario.availability_shape import Shape
from gpu_sim.fidelity.traces.traces import write_trace
from gpu_sim.scenario_files.load import load_scenario

from ..fidelity.known_market import recordings
from ..fidelity.zone_recordings import trace
from ..support.processes import ROOT


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings of three zones over thirty days, and of one that was always up."""
    folder = tmp_path_factory.mktemp("traces")
    for each in recordings(30)[:3]:
        write_trace(folder, each)
    write_trace(folder, trace("r2a", np.ones(15_000, np.int64), 195))
    return folder


def calibrate(*arguments: object) -> Result:
    """The command in this process."""
    return CliRunner().invoke(main, ["calibrate", *map(str, arguments)])


def test_it_prints_what_it_found_and_writes_a_scenario_that_checks(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "mine.yaml"
    result = calibrate(*sorted(folder.glob("*.json")), "--output", output, "--seeds", 2)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["zone", "available", "recorded", "/h", "really", "/h", "probability"]
    assert lines[4].split() == ["r2a_v100_1", "always", "0%"]
    _, _, recorded, really, probability = lines[1].split()
    assert 0.3 < float(recorded) < float(really) < 2
    assert "the shape is the shipped one" in lines
    assert any(line.startswith("shared and severity are as shipped: to see them takes 30 losses") for line in lines)
    assert "shock_share is as shipped: no trait of traces, but a guard" in lines
    assert any(line.startswith("fano_zone 24h") and "±" in line for line in lines)
    assert lines[-1] == f"{output} is written"
    checked = CliRunner().invoke(main, ["check", str(output)])
    assert checked.output == f"{output}: scenario mine is fine\n"
    offer = load_scenario(str(output)).market.offers[0]
    assert f"{offer.interruption_probability / 10_000:g}%" == f"{float(probability[:-1]):g}%"


def test_the_same_traces_give_the_same_bytes_in_whatever_order(folder: Path, tmp_path: Path) -> None:
    files, output = sorted(folder.glob("*.json")), tmp_path / "mine.yaml"
    first = calibrate(*files, "--output", output, "--seeds", 1), output.read_bytes()
    again = calibrate(*reversed(files), "--output", output, "--seeds", 1), output.read_bytes()
    assert (first[0].output, first[1]) == (again[0].output, again[1])


def test_a_fit_shows_the_shipped_shape_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpu_sim.fidelity.fit.shape_fit.ROUNDS_MAX", 2)
    files = [write_trace(tmp_path, each) for each in recordings(30)]
    result = calibrate(*files, "--output", tmp_path / "five.yaml", "--seeds", 0, "--shape", "fit")
    assert result.exit_code == 0, result.output
    assert "fitted" in result.stdout
    assert ["shock_share", "40%", "40%"] in [line.split() for line in result.stdout.splitlines()]
    shape = load_scenario(str(tmp_path / "five.yaml")).market.interruptions.shape
    assert shape is not None
    assert shape.long > 400_000


def test_zones_that_count_nodes_show_how_many_rentals_fall_together(tmp_path: Path) -> None:
    single = recordings(30)[0]
    file = write_trace(tmp_path, trace("r1a", single.values * 16, single.gap_seconds))
    result = calibrate(file, "--output", tmp_path / "fleet.yaml", "--seeds", 0)
    says = "shared 100%, severity 0.98 on average: from "
    assert any(line.startswith(says) for line in result.stdout.splitlines()), result.output
    assert load_scenario(str(tmp_path / "fleet.yaml")).market.interruptions.shared == 1_000_000


def test_looks_at_each_tick_leave_the_rates_as_recorded(folder: Path, tmp_path: Path) -> None:
    files = sorted(folder.glob("*r1a*"))
    rows = [
        calibrate(*files, "--output", tmp_path / "x.yaml", "--seeds", 0, "--observe-every", every).stdout.splitlines()[
            1
        ]
        for every in ("1ms", "195s", "15m")
    ]
    assert rows[0] == rows[1]
    assert float(rows[1].split()[3]) < float(rows[2].split()[3])


def test_what_cannot_be_tried_is_told(folder: Path, tmp_path: Path) -> None:
    short = write_trace(tmp_path, trace("r5a", "10" * 10, 195))
    never = write_trace(tmp_path, trace("r5b", np.zeros(15_000, np.int64), 195))
    other_gap = write_trace(tmp_path, trace("r5c", np.tile([0, 1, 1], 5_000), 300))
    one, *_ = sorted(folder.glob("*.json"))
    refused: list[tuple[list[object], str]] = [
        ([], "Missing argument 'TRACE...'"),
        ([tmp_path / "x__r1a_v100_1.json"], "cannot be read"),
        ([ROOT / "README.md"], "expected a name such as"),
        ([short], "shorter than a day"),
        ([never], "r5b_v100_1 was never up"),
        ([one, other_gap], "different gaps"),
        ([one, one], "two traces of r1a_v100_1"),
        ([one, "--shape", "fit"], "takes 4 zones"),
        ([one, "--observe-every", "0s"], "above 0s"),
        ([one, "--observe-every", "soon"], "soon"),
        ([one, "--output", tmp_path / "no" / "x.yaml", "--seeds", "0"], "cannot be written"),
    ]
    for arguments, says in refused:
        result = calibrate(*arguments)
        assert (result.exit_code, says in result.stderr) == (2, True), result.output


def test_names_that_make_no_scenario_are_told_and_nothing_written(folder: Path, tmp_path: Path) -> None:
    """A region with the character that separates the parts of an offer's name; a GPU that differs by its case alone."""
    [one] = folder.glob("*r1a*")
    odd, output = tmp_path / "x__r|1a_v100_1.json", tmp_path / "x.yaml"
    twin = tmp_path / one.name.replace("v100", "V100")
    for copy in (odd, twin):
        copy.write_bytes(one.read_bytes())
    for files, says in (([odd], "other than |"), ([one, twin], "the same offer as offers[0]")):
        result = calibrate(*files, "--output", output, "--seeds", 0, "--shape", "shipped")
        assert (result.exit_code, says in result.stderr) == (2, True), result.output
        assert "the names of these traces make no scenario" in result.stderr
        assert not output.exists()


def test_one_zone_whose_rate_cannot_be_told_stops_nothing(tmp_path: Path) -> None:
    """Of eleven days it was down for one look."""
    values = np.ones(4_900, np.int64)
    values[2_000] = 0
    file, output = write_trace(tmp_path, trace("r5a", values, 195)), tmp_path / "x.yaml"
    result = calibrate(file, "--output", output, "--seeds", 0)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[1].split()[:4] == ["r5a_v100_1", "99.9796%", "0.0038", "0.0038"]
    assert lines[3].startswith("r5a_v100_1: was down for about a look at a time, and no rate is seen so often")
    assert "# r5a_v100_1 goes down as often as was seen" in output.read_text()
    assert load_scenario(str(output)).market.offers[0].availability == 999_796


def test_zones_held_out_are_run_in_the_market_of_the_others(folder: Path, tmp_path: Path) -> None:
    """The shipped shape, to which these zones are quite unlike; the scenario is as without them."""
    output, files = tmp_path / "mine.yaml", sorted(folder.glob("*r1*"))
    alone = calibrate(*files, "--output", output, "--seeds", 2).stdout.splitlines(), output.read_bytes()
    others = [write_trace(tmp_path, each) for each in recordings(30)[3:]]
    against = [part for file in others for part in ("--against", file)]
    result = calibrate(*files, *against, "--output", output, "--seeds", 2)
    assert (result.exit_code, output.read_bytes()) == (1, alone[1]), result.output
    lines = result.stdout.splitlines()
    assert lines[: len(alone[0]) - 1] == alone[0][:-1]
    zones = [line.split() for line in lines[len(alone[0]) :]]
    assert zones[0] == ["held", "out", "available", "recorded", "/h", "really", "/h", "probability"]
    assert [zone[0] for zone in zones[1:3]] == ["r1d_v100_1", "r1e_v100_1"]
    assert zones[4] == ["statistic", "recorded", "simulated", "tolerance", "verdict"]
    rows = [line for line in lines if line.endswith(("held", "missed"))]
    assert any(line.startswith("Weibull k of the times up") and "±" in line for line in rows)
    missed = sum(line.endswith("missed") for line in rows)
    assert lines[-2] == f"12 statistics: {len(rows) - missed} held, {missed} missed, 1 not shown"
    assert lines[-1] == f"{output} is written"


def test_zones_held_out_of_the_same_shape_hold(tmp_path: Path) -> None:
    files = [write_trace(tmp_path, each) for each in recordings(30, shape=Shape())]
    against = [part for file in files[1:] for part in ("--against", file)]
    result = calibrate(files[0], *against, "--output", tmp_path / "mine.yaml", "--seeds", 3)
    assert result.exit_code == 0, result.output
    assert "12 statistics: 11 held, 0 missed, 1 not shown" in result.stdout


def test_zones_that_cannot_be_held_out_are_told_with_the_option(folder: Path, tmp_path: Path) -> None:
    one, two, *_ = sorted(folder.glob("*.json"))
    turns = write_trace(tmp_path, trace("r5a", np.tile([1, 1, 1, 0, 0, 0], 2_215), 195))
    other_gpu = write_trace(tmp_path, trace("r5b", np.tile([0, 1, 1], 5_000), 195, "k80"))
    output = tmp_path / "x.yaml"
    refused: list[tuple[list[object], int, str]] = [
        ([one, "--against", one], 2, "--against: r1a_v100_1 is one of the zones that are fitted"),
        ([one, "--against", other_gpu], 2, "--against: r5b_k80_1 is of another GPU"),
        ([one, "--against", tmp_path / "x__r1a_v100_1.json"], 2, "--against: "),
        ([one, "--against", two, "--seeds", 0], 2, "--against needs --seeds above 0"),
        ([one, "--against", turns], 1, "--against: r5a_v100_1: no offer of this shape"),
    ]
    for arguments, code, says in refused:
        result = calibrate(*arguments, "--output", output)
        assert (result.exit_code, says in result.stderr) == (code, True), result.output
        assert not output.exists()


def test_a_zone_that_no_market_of_this_kind_has_is_told_and_nothing_written(tmp_path: Path) -> None:
    """Up and down at every other tick, which nothing that forgets does."""
    file, output = write_trace(tmp_path, trace("r5a", np.tile([1, 0], 5_000), 195)), tmp_path / "x.yaml"
    result = calibrate(file, "--output", output)
    assert result.exit_code == 1
    assert "r5a_v100_1: no offer of this shape" in result.stderr
    assert not output.exists()


def test_where_nothing_can_be_written_it_says_so_before_the_work(folder: Path, tmp_path: Path) -> None:
    result = calibrate(*folder.glob("*.json"), "--output", tmp_path / "none" / "mine.yaml")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.endswith(f"{tmp_path / 'none'} is no folder\n")
