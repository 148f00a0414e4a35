"""Recordings from their files, what is refused and where, and scenarios that name them."""

import json
from pathlib import Path

import pytest
from gpu_sim.core.kernel.quantities import DRAWN_BEGIN
from gpu_sim.core.replay import replay
from gpu_sim.core.scenario.market_settings import MarketSettings
from gpu_sim.core.scenario.recordings import Recording
from gpu_sim.core.simulation import Simulation
from gpu_sim.scenario_files.document import scenario_document
from gpu_sim.scenario_files.library import ScenarioLibrary
from gpu_sim.scenario_files.load import build_scenario, load_scenario
from gpu_sim.scenario_files.problems import ScenarioError
from gpu_sim.scenario_files.recordings import read_price_recording, read_trace_recording

from ..support.scenario_texts import parse, refused, write

TRACE = '{"metadata": {"gap_seconds": 195}, "data": [1, 1, 0, 2, 2]}'
SERIES = "time,usd_per_gpu_hour\n0,0.2\n3600,0.2\n7200,0.25\n"


def written(folder: Path, text: str, name: str) -> Path:
    """A file of this text."""
    path = folder / name
    path.write_text(text)
    return path


def problem(read: object, path: Path) -> tuple[int | None, str, str]:
    """Line, field and reason for which a file is turned down."""
    assert callable(read)
    with pytest.raises(ScenarioError) as error:
        read(path)
    (found,) = error.value.problems
    assert found.file == str(path)
    return found.line, found.field, found.message


def test_a_trace_is_read_as_steps_whatever_its_name(tmp_path: Path) -> None:
    recording = read_trace_recording(written(tmp_path, TRACE, "mine.json"))
    assert recording == Recording(recording.length, ((0, 1), (390_000, 0), (585_000, 2)))
    assert recording.length == 975_000


@pytest.mark.parametrize(
    ("text", "field", "reason"),
    [
        ('{"metadata": {"gap_seconds": 0}, "data": [1]}', "metadata.gap_seconds", "Expected a number > 0"),
        ('{"metadata": {"gap_seconds": 0.0005}, "data": [1]}', "metadata.gap_seconds", "whole milliseconds"),
        ('{"metadata": {"gap_seconds": 5}, "data": []}', "data", "length >= 1"),
        ('{"metadata": {"gap_seconds": 5}, "data": [1, -1]}', "data[1]", "Expected `int` >= 0"),
        ('{"metadata": {"gap_seconds": 1000000000}, "data": [1, 0, 1, 0]}', "data", "longer than 36500d"),
        ('{"data": [1]}', "", "missing required field `metadata`"),
        ("{", "", "truncated"),
    ],
)
def test_a_trace_that_cannot_be_replayed_is_refused_with_its_field(
    tmp_path: Path, text: str, field: str, reason: str
) -> None:
    line, found, message = problem(read_trace_recording, written(tmp_path, text, "mine.json"))
    assert (line, found) == (None, field)
    assert reason in message


@pytest.mark.parametrize(
    "text",
    [
        SERIES,
        "usd_per_gpu_hour,time\r\n0.200,5\r\n\r\n0.25,7200.000\r\n0.250,10800\r\n",
        "time,usd_per_gpu_hour\n2026-01-01T00:00:00Z,0.2\n2026-01-01T03:00:00+01:00,0.25\n2026-01-01T03:00:00Z,0.25\n",
    ],
)
def test_a_series_is_read_with_seconds_or_instants(tmp_path: Path, text: str) -> None:
    recording = read_price_recording(written(tmp_path, text, "mine.csv"))
    assert recording.steps == ((0, 200_000), (7_200_000, 250_000))


def test_the_last_price_lasts_as_long_as_the_one_before_it(tmp_path: Path) -> None:
    assert read_price_recording(written(tmp_path, SERIES, "mine.csv")).length == 3 * 3_600_000
    assert read_price_recording(written(tmp_path, "time,usd_per_gpu_hour\n9,1\n", "one.csv")).steps == ((0, 1_000_000),)


@pytest.mark.parametrize(
    ("text", "line", "field", "reason"),
    [
        ("", 1, "", "expected the columns time and usd_per_gpu_hour, got none"),
        ("time,usd\n0,1\n", 1, "", "got time, usd"),
        ("time,time\n0,1\n", 1, "", "got time, time"),
        ("time,usd_per_gpu_hour\n", None, "", "the series has no prices"),
        ("time,usd_per_gpu_hour\n0,1\n5\n", 3, "", "1 values for 2 columns"),
        ("time,usd_per_gpu_hour\n0,0\n", 2, "usd_per_gpu_hour", "above 0, with at most 3 decimals"),
        ("time,usd_per_gpu_hour\n0,-1\n", 2, "usd_per_gpu_hour", 'got "-1"'),
        ("time,usd_per_gpu_hour\n0,0.2875\n", 2, "usd_per_gpu_hour", "at most 3 decimals"),
        ("time,usd_per_gpu_hour\n-1,1\n", 2, "time", "expected an instant"),
        ("time,usd_per_gpu_hour\n0,1\n2026-01-01T00:00:00Z,1\n", 3, "time", "expected seconds such as 3600"),
        ("time,usd_per_gpu_hour\n2026-01-01T00:00:00Z,1\n7,1\n", 3, "time", "expected an instant"),
        ("time,usd_per_gpu_hour\n0,1\n5,2\n5,3\n", 4, "time", "is not after the time of the row before"),
        ("time,usd_per_gpu_hour\n0,1\n9999999999,2\n", 3, "time", "longer than 36500d"),
        ('time,usd_per_gpu_hour\n"0"x,1\n', 2, "", "no CSV"),
    ],
)
def test_a_series_that_cannot_be_replayed_is_refused_with_its_line(
    tmp_path: Path, text: str, line: int | None, field: str, reason: str
) -> None:
    found = problem(read_price_recording, written(tmp_path, text, "mine.csv"))
    assert found[:2] == (line, field)
    assert reason in found[2]


def test_a_file_that_is_not_there_is_told() -> None:
    for read in (read_trace_recording, read_price_recording):
        assert "cannot be read" in problem(read, Path("nowhere.x"))[2]


# Scenarios that name them

MARKET = (
    "market: {catalog: default, prices: {marketplace: replay}, interruptions: {mode: replay}, replay: {"
    "availability: [{provider: gcp, trace: mine.json, offset: 5s, scale: 0.5, loop: false, begin: 3m}], "
    "prices: [{provider: vast-ai, gpu_model: RTX 4090, region: 'Quebec, CA', series: mine.csv, begin: drawn}]}}"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A scenario with its recordings beside it."""
    written(tmp_path, TRACE, "mine.json")
    written(tmp_path, SERIES, "mine.csv")
    write(tmp_path, mine=f"name: mine\n{MARKET}\njournal: full\n", child="name: child\nextends: mine.yaml\nseed: 2\n")
    return tmp_path


def test_files_beside_the_scenario_are_read_into_it(folder: Path) -> None:
    market = load_scenario(str(folder / "mine.yaml")).market
    (trace,), (series,) = market.recordings.availability, market.recordings.prices
    assert trace.recording == read_trace_recording(folder / "mine.json")
    assert (trace.offset, trace.scale, trace.loop, trace.begin) == (5_000, 500_000, False, 180_000)
    assert series.begin == DRAWN_BEGIN
    assert series.recording == read_price_recording(folder / "mine.csv")
    assert load_scenario(str(folder / "child.yaml")).market == market


def test_its_journal_needs_no_files(folder: Path) -> None:
    sim = Simulation(load_scenario(str(folder / "mine.yaml")))
    sim.advance(9_000_000)
    journal = b"".join(sim.journal())
    for file in folder.iterdir():
        file.unlink()
    again, difference = replay(journal)
    assert difference is None
    assert b"".join(again.journal()) == journal
    assert b"offer_went_down" in journal


def test_its_document_needs_no_files_either(folder: Path) -> None:
    document = json.loads(json.dumps(scenario_document(folder / "child.yaml")))
    assert document["market"]["replay"]["availability"][0]["trace"] == {
        "length": "16m15s",
        "steps": [[0, 1], [390_000, 0], [585_000, 2]],
    }
    scenario = build_scenario(document, origin="it", folder=None)
    assert scenario == load_scenario(str(folder / "child.yaml"))
    written_out = json.dumps({**document, "name": "again"})
    write(folder, again=written_out)
    assert scenario_document(folder / "again.yaml")["market"] == document["market"]


def test_a_server_reads_them_from_its_folder_only(folder: Path) -> None:
    scenario = ScenarioLibrary(folder).find("mine.yaml")
    assert scenario == load_scenario(str(folder / "mine.yaml"))
    with pytest.raises(ScenarioError, match=r'"mine\.json" is a file, and a scenario that came without a folder'):
        ScenarioLibrary().build({"name": "x", "market": {"replay": {"availability": [{"trace": "mine.json"}]}}})


@pytest.mark.parametrize(
    ("before", "after", "field", "reason"),
    [
        (
            "mine.json",
            "mime.json",
            "availability[0].trace",
            'no trace "mime.json": expected a .json file beside this one',
        ),
        ("mine.json", "mime.json", "availability[0].trace", 'did you mean "mine.json"?'),
        ("mine.json", "mine.csv", "availability[0].trace", "expected a .json file"),
        ("mine.json", "../mine.json", "availability[0].trace", "expected a .json file beside this one"),
        ("mine.csv", "my.csv", "prices[0].series", 'no series "my.csv": expected a .csv file beside this one'),
        ("provider: gcp", "provider: gpc", "availability[0].provider", 'did you mean "gcp"?'),
        ("scale: 0.5", "scale: 0", "availability[0]", "scale must be between"),
        ("loop: false", "lop: false", "availability[0].lop", 'did you mean "loop"?'),
        ("begin: 3m", "begin: 17m", "availability[0].begin", "it lasts 975 s"),
        ("begin: 3m", "begin: 17", "availability[0].begin", "expected drawn or a duration"),
        ("trace: mine.json, ", "", "availability[0]", "trace is missing"),
        ("trace: mine.json", "trace: 7", "availability[0].trace", "expected"),
        ("trace: mine.json", "trace: {length: 1h, steps: [[5, 1]]}", "availability[0].trace", "begin at 0"),
        ("0.5", "0.5, severity: 50%", "availability[0].severity", "goes with traces of 0 and 1"),
    ],
)
def test_what_it_cannot_replay_is_refused_with_its_place(
    folder: Path, before: str, after: str, field: str, reason: str
) -> None:
    (found, *_) = refused(f"name: x\n{MARKET.replace(before, after)}\n", folder).problems
    assert (found.field, found.line) == (f"market.replay.{field}", 2)
    assert reason in found.message


@pytest.mark.parametrize("text", ["replay: 5", "replay: {availability: 5}", "replay: {availability: [5]}"])
def test_what_is_no_table_is_refused(text: str) -> None:
    assert refused(f"name: x\nmarket: {{{text}}}").problems[0].field.startswith("market.replay")


def test_nothing_is_replayed_unless_told() -> None:
    assert parse("name: x").market.recordings == MarketSettings().recordings
