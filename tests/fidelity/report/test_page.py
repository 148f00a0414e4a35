"""The page and its pictures: in one file that refers to no other, beside what was recorded."""

import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from gpu_sim.fidelity.fit.zone_market import RecordedComparison, ZoneMarketRuns, build_zone_market
from gpu_sim.fidelity.report import figure_style as pictures_of_markets
from gpu_sim.fidelity.report.figure_style import Picture
from gpu_sim.fidelity.report.judged_targets import judge
from gpu_sim.fidelity.report.page import page_text, write_page
from gpu_sim.fidelity.report.plots import draw_all
from gpu_sim.fidelity.report.rasters import recorded_is_first
from gpu_sim.fidelity.runs.many_seeds import run_seeds
from gpu_sim.fidelity.runs.recorded_statistics import RecordedStatistics, read_recorded
from gpu_sim.fidelity.runs.seed_run import Plan, SeedRun
from gpu_sim.fidelity.traces.traces import Trace, TraceName, write_trace
from msgspec.structs import replace

from ...support.builders import scenario
from ..zone_markets import plan, realistic, zone
from ..zone_recordings import chain

CONDITIONS = replace(
    realistic(zone("us-east-1a", capacity=16), zone("us-east-1b"), zone("us-west-2a")),
    name="<b>bold</b> & $title",
    description='</p><script src="http://evil.example"></script>',
)


@pytest.fixture(scope="module", autouse=True)
def coarse() -> Iterator[None]:
    """Small pictures, which are soon drawn."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures_of_markets, "_DPI", 40)
        yield


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> RecordedStatistics:
    """Two zones and a fleet of 16, made by a coin."""
    folder = tmp_path_factory.mktemp("traces")
    traces = [
        Trace(TraceName("us-east-1", "a", "v100"), 195, chain(1, 800, down=0.05, up=0.05)),
        Trace(TraceName("us-east-1", "b", "v100"), 195, chain(2, 800, down=0.05, up=0.05)),
        Trace(TraceName("us-west-2", "c", "v100", 1, "fleet"), 300, 16 * chain(3, 800, down=0.05, up=0.05)),
    ]
    found = read_recorded(write_trace(folder, trace) for trace in traces)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def runs() -> tuple[SeedRun, ...]:
    return run_seeds(plan(CONDITIONS), [1, 2], jobs=1)


@pytest.fixture(scope="module")
def runs_of_zones(recorded: RecordedStatistics) -> ZoneMarketRuns:
    """The two zones, simulated by the same market under two seeds."""
    market = build_zone_market(CONDITIONS, recorded.zones)
    return ZoneMarketRuns(market, run_seeds(market.plan, [1, 2], jobs=1))


@pytest.fixture(scope="module")
def pictures(runs: tuple[SeedRun, ...], recorded: RecordedStatistics) -> tuple[Picture, ...]:
    return draw_all(plan(CONDITIONS), runs, recorded)


@pytest.fixture(scope="module")
def guessing(
    runs: tuple[SeedRun, ...], recorded: RecordedStatistics, runs_of_zones: ZoneMarketRuns
) -> tuple[Picture, ...]:
    """All pictures where the zones were simulated."""
    return draw_all(plan(CONDITIONS), runs, recorded, RecordedComparison(runs_of_zones))


def text(conditions: Plan, runs: tuple[SeedRun, ...], pictures: tuple[Picture, ...]) -> str:
    """The page."""
    return page_text(conditions, [1, 2], judge(conditions, runs), pictures)


def test_what_was_recorded_is_measured_like_what_was_simulated(recorded: RecordedStatistics) -> None:
    assert [str(zone.name) for zone in recorded.zones] == ["us-east-1a_v100_1", "us-east-1b_v100_1"]
    assert recorded.statistics["zones"] == 2
    assert recorded.statistics["partner_16"] == recorded.statistics["severity_16"] == 1
    assert recorded.lost_together[1:16].sum() == 0 < recorded.lost_together[16]
    assert read_recorded([]) is None


def test_traces_with_different_ticks_cannot_be_compared(tmp_path: Path) -> None:
    one = Trace(TraceName("west-1", "a", "v100"), 195, chain(1, 90, down=0.1, up=0.1))
    other = Trace(TraceName("west-1", "b", "v100"), 300, chain(1, 90, down=0.1, up=0.1))
    with pytest.raises(ValueError, match="different gaps"):
        read_recorded(write_trace(tmp_path, trace) for trace in (one, other))


def test_all_pictures_are_drawn_and_the_same_each_time(
    runs: tuple[SeedRun, ...],
    recorded: RecordedStatistics,
    pictures: tuple[Picture, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No legend looks for the best place: matplotlib warns of that where it takes longer than a second of the wall."""
    monkeypatch.delattr("matplotlib.legend.Legend._find_best_position")
    assert [picture.name for picture in pictures] == [
        "lifetimes",
        "hazard",
        "lifts",
        "correlation",
        "together",
        "prices",
        "offers",
    ]
    assert pictures == draw_all(plan(CONDITIONS), runs, recorded)


def test_what_is_measured_of_zones_is_that_of_the_played_ones_where_there_are_any(
    pictures: tuple[Picture, ...], guessing: tuple[Picture, ...], runs_of_zones: ZoneMarketRuns
) -> None:
    drawn = {picture.name: picture for picture in guessing}
    before = {picture.name: picture for picture in pictures}
    assert [*drawn] == ["guess", "answer", *before]
    changed = {name for name, picture in before.items() if drawn[name].png != picture.png}
    assert changed == {"lifetimes", "hazard", "lifts", "correlation", "offers"}
    assert str(sum(len(run.lifetimes_h) for run in runs_of_zones.runs)) in drawn["lifetimes"].text


def test_a_market_in_which_nothing_goes_down_has_its_prices_alone() -> None:
    conditions = plan(scenario(), days=1)
    assert [picture.name for picture in draw_all(conditions, run_seeds(conditions, [1], jobs=1), None)] == ["prices"]


class Links(HTMLParser):
    """The references of a page, and the tags in it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "action", "data", "srcset")]


def test_the_page_refers_to_nothing_and_its_text_is_escaped(
    runs: tuple[SeedRun, ...], pictures: tuple[Picture, ...]
) -> None:
    page = text(plan(CONDITIONS), runs, pictures)
    links = Links()
    links.feed(page)
    assert len(links.found) == len(pictures) == links.tags.count("img")
    assert all(link.startswith("data:image/png;base64,") for link in links.found)
    assert [b64decode(link.partition(",")[2]) for link in links.found] == [picture.png for picture in pictures]
    assert not {"script", "link", "b", "iframe", "object"} & set(links.tags)
    assert re.search(r"url\(|@import", page) is None
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; $title" in page


def test_the_page_has_every_row_of_the_table(runs: tuple[SeedRun, ...]) -> None:
    page = text(plan(CONDITIONS), runs, ())
    for row in judge(plan(CONDITIONS), runs):
        assert f"<td>{row.target.name}</td>".replace(" & ", " &amp; ") in page.replace("&#x27;", "'")
    assert page.count('<tr class="') == len(judge(plan(CONDITIONS), runs))


def test_the_reader_may_guess_before_the_page_tells_which_raster_is_which(
    runs: tuple[SeedRun, ...],
    recorded: RecordedStatistics,
    runs_of_zones: ZoneMarketRuns,
    guessing: tuple[Picture, ...],
) -> None:
    """The answer, and the labelled raster that would give it away, are in an element that is closed."""
    page = page_text(
        plan(CONDITIONS), [1, 2], judge(plan(CONDITIONS), runs), guessing, RecordedComparison(runs_of_zones)
    )
    png = {picture.name: b64encode(picture.png).decode() for picture in guessing}
    before, details, after = re.split(r"<details>(?=<summary>Which is which)|</details>", page, maxsplit=2)
    assert before.index(png["guess"]) < before.index("Of each zone two numbers come from the recording")
    assert png["answer"] in details
    first, second = "AB" if recorded_is_first(runs_of_zones) else "BA"
    told = f"{first} was recorded, {second} is simulated."
    assert told in details
    assert told not in before + after
    assert png["answer"] not in before + after
    assert all(f"<td>{zone.name}</td><td>{zone.up.mean():.1%}</td>" in after for zone in recorded.zones)
    assert after.index(png["lifetimes"]) < after.index("<h2>How close it comes</h2>") < after.index(png["offers"])


def test_a_page_without_played_zones_says_why(runs: tuple[SeedRun, ...]) -> None:
    page = page_text(plan(CONDITIONS), [1], judge(plan(CONDITIONS), runs), (), RecordedComparison(why="In mode <none>"))
    assert "<p>In mode &lt;none&gt;</p>" in page
    assert "<details>" not in page


def test_page_and_pictures_are_written_into_a_new_folder(
    tmp_path: Path, runs: tuple[SeedRun, ...], pictures: tuple[Picture, ...]
) -> None:
    folder = tmp_path / "new" / "page"
    page = write_page(folder, plan(CONDITIONS), [1, 2], judge(plan(CONDITIONS), runs), pictures)
    assert page == folder / "market.html"
    assert sorted(each.name for each in folder.iterdir()) == sorted(
        ["market.html", *(f"{picture.name}.png" for picture in pictures)]
    )
