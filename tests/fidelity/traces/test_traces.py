"""The published form: what is read, what is written, what is refused and how."""

import json
from pathlib import Path

import numpy as np
import pytest
from gpu_sim.fidelity.traces.traces import Trace, TraceName, align, parse_name, read_trace, write_trace
from gpu_sim.scenario_files.problems import ScenarioError

from ..zone_recordings import trace

NAME = "mine__1-node__us-east-1a_v100_1.json"
GAP_EXPECTED = "Expected a number > 0 and <= 1000000000"


def written(folder: Path, text: str, name: str = NAME) -> Path:
    """A file of this text."""
    path = folder / name
    path.write_text(text)
    return path


def refusal(path: Path) -> tuple[str, str]:
    """The field and the reason for which a file is turned down."""
    with pytest.raises(ScenarioError) as error:
        read_trace(path)
    (problem,) = error.value.problems
    assert problem.file == str(path)
    return problem.field, problem.message


def test_a_name_says_recording_region_zone_and_gpu() -> None:
    name = parse_name("availability__1-node__aws__us-east-1a_v100_8.json")
    assert name == TraceName("us-east-1", "a", "v100", 8, "availability__1-node__aws")
    assert (name.zone, str(name)) == ("us-east-1a", "us-east-1a_v100_8")


@pytest.mark.parametrize(
    "name", [NAME, "a__r1z_rtx_4090_1.json", "r-1a_v100_16.json", "x__eu.west-3b_a100-80gb_1.json"]
)
def test_a_name_is_written_as_it_was_read(name: str) -> None:
    assert parse_name(name).file_name == name


@pytest.mark.parametrize(
    "name",
    ["", "us-east-1a_v100_1", "us-east-1a.json", "a__us-east-1_v100_1.json", "a__a_v100_1.json", "a__r1a_v100_0.json"],
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="expected a name such as"):
        parse_name(name)


@pytest.mark.parametrize(
    ("region", "letter", "gpu", "gpus", "recording"),
    [
        ("us_east", "a", "v100", 1, ""),
        ("us-east-1", "A", "v100", 1, ""),
        ("us-east-1", "", "v100", 1, ""),
        ("us-east-1", "a", "v__100", 1, ""),
        ("us-east-1", "a", "../v100", 1, ""),
        ("us-east-1", "a", "v100", 0, ""),
        ("us-east-1", "a", "v100", 1, "../mine"),
    ],
)
def test_a_name_that_could_not_be_read_back_cannot_be_made(
    region: str, letter: str, gpu: str, gpus: int, recording: str
) -> None:
    with pytest.raises(ValueError, match="no trace can be named"):
        TraceName(region, letter, gpu, gpus, recording)


def test_a_file_is_read_with_its_gap_and_node_counts(tmp_path: Path) -> None:
    path = written(tmp_path, '{"metadata": {"gap_seconds": 195, "start": "then"}, "data": [0, 16, 3]}')
    read = read_trace(path)
    assert (read.name.zone, read.gap_seconds) == ("us-east-1a", 195)
    assert read.values.tolist() == [0, 16, 3]
    assert read.up.tolist() == [False, True, True]


def test_what_is_written_is_in_the_published_form_and_reads_the_same(tmp_path: Path) -> None:
    path = write_trace(tmp_path, Trace(parse_name(NAME), 195, np.array([0, 1, 16])))
    assert path == tmp_path / NAME
    assert json.loads(path.read_text()) == {"metadata": {"gap_seconds": 195}, "data": [0, 1, 16]}
    again = read_trace(path)
    assert (again.name, again.gap_seconds, again.values.tolist()) == (parse_name(NAME), 195, [0, 1, 16])


@pytest.mark.parametrize(
    ("text", "field", "reason"),
    [
        ('{"metadata": {"gap_seconds": 195}, "data": [1, 0, -1]}', "data[2]", "Expected `int` >= 0"),
        ('{"metadata": {"gap_seconds": 195}, "data": [1, "0"]}', "data[1]", "Expected `int`, got `str`"),
        ('{"metadata": {"gap_seconds": 195}, "data": [0.5]}', "data[0]", "Expected `int`, got `float`"),
        ('{"metadata": {"gap_seconds": 195}, "data": []}', "data", "Expected `array` of length >= 1"),
        ('{"metadata": {"gap_seconds": 0}, "data": [1]}', "metadata.gap_seconds", f"{GAP_EXPECTED}, got 0"),
        ('{"metadata": {"gap_seconds": -5}, "data": [1]}', "metadata.gap_seconds", f"{GAP_EXPECTED}, got -5"),
        ('{"metadata": {"gap_seconds": -0.5}, "data": [1]}', "metadata.gap_seconds", f"{GAP_EXPECTED}, got -0.5"),
        (
            '{"metadata": {"gap_seconds": 2e9}, "data": [1]}',
            "metadata.gap_seconds",
            f"{GAP_EXPECTED}, got 2000000000.0",
        ),
        (
            '{"metadata": {"gap_seconds": "195"}, "data": [1]}',
            "metadata.gap_seconds",
            "Expected `int | float`, got `str`",
        ),
        ('{"metadata": {}, "data": [1]}', "metadata", "Object missing required field `gap_seconds`"),
        ('{"metadata": {"gap_seconds": 195}}', "", "Object missing required field `data`"),
        ("[1, 0]", "", "Expected `object`, got `array`"),
    ],
)
def test_a_file_that_holds_no_trace_is_refused_with_field_and_reason(
    tmp_path: Path, text: str, field: str, reason: str
) -> None:
    assert refusal(written(tmp_path, text)) == (field, reason)


def test_a_file_that_is_no_json_is_missing_or_misnamed_is_refused(tmp_path: Path) -> None:
    assert "truncated" in refusal(written(tmp_path, "{"))[1]
    assert "malformed" in refusal(written(tmp_path, "{metadata}"))[1]
    assert "cannot be read" in refusal(tmp_path / "x__r-1b_v100_1.json")[1]
    assert "expected a name such as" in refusal(written(tmp_path, "{}", "trace.json"))[1]


def test_traces_are_sorted_by_zone_and_cut_to_the_shortest() -> None:
    first, second = align([trace("west-1b", "10101"), trace("west-1a", "110")])
    assert (first.name.zone, first.values.tolist()) == ("west-1a", [1, 1, 0])
    assert (second.name.zone, second.values.tolist()) == ("west-1b", [1, 0, 1])


def test_traces_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(ValueError, match="there is no trace"):
        align([])
    with pytest.raises(ValueError, match="there are two traces of west-1a_v100_1"):
        align([trace("west-1a", "10"), trace("west-1b", "10"), trace("west-1a", "11")])
    with pytest.raises(ValueError, match="west-1a_v100_1 has 195 s, west-1c_v100_1 has 300 s"):
        align([trace("west-1c", "10", 300), trace("west-1b", "10", 195), trace("west-1a", "10", 195)])
