"""`gpu-sim market`: what it prints and writes, what it refuses, exit codes."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from gpu_sim.cli.main import main
from gpu_sim.fidelity.traces.statistics import measure
from gpu_sim.fidelity.traces.traces import read_trace, write_trace

from ..fidelity.known_market import recordings
from ..fidelity.zone_recordings import trace
from ..support.processes import ROOT

OFFER = """\
    - provider_id: aws
      provider_class: hyperscaler
      gpu_model: V100
      vram_gb: 16
      region: "us-east-1%s, US"
      spot_price: "%s"
      on_demand_price: "1.000"
      interruption_probability: %s
      capacity: 1
"""


def write(folder: Path, mode: str, *, probability: float = 0.4, spot: str = "1.000", prices: str = "constant") -> Path:
    """A scenario of two zones."""
    market = f"  prices: {{all: {prices}}}\n  interruptions: {{mode: {mode}, reclaim: 0s}}\n  offers:\n"
    offers = "".join(OFFER % (letter, spot, probability) for letter in "ab")
    file = folder / "zones.yaml"
    file.write_text(f"name: zones\nmarket:\n{market}{offers}")
    return file


@pytest.fixture
def zones(tmp_path: Path) -> Path:
    """Zones that go down and come back, at constant prices."""
    return write(tmp_path, "realistic")


def market(*arguments: object, days: int = 2) -> Result:
    """The command in this process, on one seed."""
    given = ["market", *map(str, arguments), "--days", str(days), "--seeds", "1"]
    return CliRunner().invoke(main, given, catch_exceptions=False)


def test_the_table_has_a_line_for_each_statistic_and_a_summary(zones: Path) -> None:
    result = market(zones)
    lines = result.stdout.splitlines()
    columns = ("statistic", "real", "simulated", "at every tick, not judged", "tolerance", "verdict")
    assert lines[0].split() == " ".join(columns).split()
    assert lines[-1].startswith(f"{len(lines) - 2} statistics: ")
    [always] = [line for line in lines if line.startswith("prices above 0 and at most on-demand")]
    assert always.split()[-1] == "held"
    assert result.stderr == ""


def test_it_exits_with_0_where_all_that_is_shown_holds_and_with_1_otherwise(tmp_path: Path) -> None:
    frozen, moving = (
        market(write(tmp_path, "none", spot="0.500", prices=prices), days=90) for prices in ("constant", "host_set")
    )
    assert (frozen.exit_code, frozen.stdout.splitlines()[-1].split(": ")[1].split(", ")[1]) == (0, "0 missed")
    [never_move] = [line for line in moving.stdout.splitlines() if line.startswith("hyperscalers: largest step")]
    assert (moving.exit_code, never_move.split()[-1]) == (1, "missed")


def test_the_same_seeds_give_the_same_table(zones: Path) -> None:
    one, again = market(zones, "--json"), market(zones, "--json")
    assert one.stdout == again.stdout != market(zones, "--json", "--seed-first", 2).stdout
    result = json.loads(one.stdout)
    assert (result["scenario"], result["days"], result["seeds"], result["gap_ms"]) == ("zones", 2, [1], 195_000)
    assert {row["verdict"] for row in result["rows"]} <= {"held", "missed", "not shown"}
    assert all(row["sources"] for row in result["rows"])


def test_what_is_looked_at_more_often_shows_more(zones: Path) -> None:
    result = json.loads(market(zones, "--json", "--observe-every", "195s").stdout)
    [phi] = [row for row in result["rows"] if row["measure"] == "phi_same_region"]
    assert phi["simulated"] == phi["every_tick"]
    [probed] = [row for row in json.loads(market(zones, "--json").stdout)["rows"] if row["measure"] == phi["measure"]]
    assert probed["simulated"] != probed["every_tick"] == phi["every_tick"]


def test_page_pictures_and_traces_are_written_and_can_be_given_again(zones: Path, tmp_path: Path) -> None:
    result = market(zones, "--out", tmp_path / "page", "--export", tmp_path / "traces", "--gap", "300s", days=4)
    page = (tmp_path / "page" / "market.html").read_text()
    assert result.stderr == f"{tmp_path / 'page' / 'market.html'} is written\n"
    assert "http" not in page
    files = sorted((tmp_path / "traces" / "seed-1").iterdir())
    assert [file.name for file in files] == [
        "gpu-sim-zones__us-east-1a_v100_1.json",
        "gpu-sim-zones__us-east-1b_v100_1.json",
    ]
    assert [len(read_trace(file).values) for file in files] == [1152, 1152]
    assert "<details>" not in page
    again = tmp_path / "again"
    result = market(zones, "--json", "--out", again, "--export", again, *(f"--trace={file}" for file in files))
    answer = json.loads(result.stdout)
    assert answer["played"] == {
        "zones": ["us-east-1a_v100_1", "us-east-1b_v100_1"],
        "ticks": 1152,
        "gap_ms": 300_000,
        "observe_every_ms": 300_000,
    }
    [lasting] = [row for row in answer["rows"] if row["measure"] == "up_mean_h"]
    played = sorted((again / "played" / "seed-1").iterdir())
    assert [file.name for file in played] == [file.name for file in files]
    recorded, simulated = (measure(map(read_trace, each)).up_mean_h for each in (files, played))
    assert (lasting["of"], lasting["recorded"]) == ("traces' zones", recorded)
    assert lasting["simulated"]["mean"] == simulated != recorded
    assert "<details>" in (again / "market.html").read_text()


def test_what_a_market_cannot_play_is_told(tmp_path: Path) -> None:
    file = write_trace(tmp_path, trace("us-east-1a", np.tile([0, 1, 1], 500), 195))
    conditions = write(tmp_path, "poisson")
    result = market(conditions, "--no-fleets", "--trace", file)
    assert result.stdout.splitlines()[-1].startswith("In mode poisson offers are always there")
    assert "traces' zones" not in result.stdout
    as_json = json.loads(market(conditions, "--no-fleets", "--trace", file, "--json").stdout)
    assert (as_json["not_played"], "played" in as_json) == (result.stdout.splitlines()[-1], False)


def test_how_often_zones_of_traces_are_looked_at_can_be_told(zones: Path, tmp_path: Path) -> None:
    file = write_trace(tmp_path, recordings(30)[0])
    found, same, other = (
        json.loads(market(zones, "--json", "--no-fleets", "--trace", file, *options).stdout)["played"]
        for options in ((), ("--observe-every", "631s"), ("--observe-every", "400s"))
    )
    assert (same["observe_every_ms"], other["observe_every_ms"]) == (631_000, 400_000)
    assert found["observe_every_ms"] == pytest.approx(631_000, rel=0.01)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("no-such-scenario",), "neither a file nor one of the shipped scenarios"),
        (("calm", "--trace", "README.md"), "--trace README.md: expected a name such as mine__us-east-1a_v100_1.json"),
        (
            ("calm", "--trace", "no__us-east-1a_v100_1.json"),
            "--trace no__us-east-1a_v100_1.json: there is no such file",
        ),
        (("calm", "--trace", "tests"), "--trace tests: this is a folder; name its files"),
        (("calm", "--gap", "0s"), "--gap and --observe-every are above 0s"),
        (("calm", "--observe-every", "0s"), "--gap and --observe-every are above 0s"),
        (("calm", "--gap", "soon"), "expected a duration"),
        (("calm", "--days", "0"), "'--days': 0 is not in the range 1<=x<=3650"),
        (("calm", "--seeds", "0"), "'--seeds': 0 is not in the range 1<=x<=10000"),
        (("realistik",), 'did you mean "realistic"?'),
    ],
)
def test_what_cannot_be_tried_says_why(arguments: tuple[str, ...], says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(main, ["market", *arguments])
    assert result.exit_code == 2
    assert says in result.stderr


@pytest.mark.parametrize("option", ["--out", "--export"])
def test_a_place_that_cannot_be_written_to_is_told_of(zones: Path, option: str) -> None:
    result = market(zones, option, zones / "page")
    assert result.exit_code == 2
    assert result.stderr == f"Error: {option} {zones / 'page'} cannot be written: Not a directory\n"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"metadata": {"gap_seconds": 0}, "data": [1]}', "metadata.gap_seconds: Expected a number > 0"),
        ('{"metadata": {"gap_seconds": 195}, "data": [1, "up"]}', "data[1]: Expected `int`, got `str`"),
        ("[1, 0", "Expected `object`, got `array`"),
        ('{"metadata": {"gap_seconds": 60}, "data": [1, 0]}', "the shortest trace is shorter than a day"),
    ],
)
def test_a_trace_that_cannot_be_played_is_told_of(zones: Path, tmp_path: Path, content: str, says: str) -> None:
    file = tmp_path / "mine__us-east-1a_v100_1.json"
    file.write_text(content)
    result = market(zones, "--trace", file)
    assert (result.exit_code, says in result.stderr, "--trace" in result.stderr) == (2, True, True), result.stderr


def test_the_nearest_name_is_told_for_a_trace_that_is_not_there(zones: Path, tmp_path: Path) -> None:
    file = write_trace(tmp_path, trace("us-east-1a", "1010", 195))
    result = market(zones, "--trace", file.with_name(file.name.replace("v100", "v10")))
    assert result.exit_code == 2
    assert result.stderr.endswith(f'there is no such file; did you mean "{file.name}"?\n')


def test_the_help_says_what_each_option_does() -> None:
    assert all(
        parameter.param_type_name == "argument" or getattr(parameter, "help", None)
        for parameter in main.commands["market"].params
    )
