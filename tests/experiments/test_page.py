"""The page and its pictures: in one file that refers to no other, beside what was recorded."""

import re
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from msgspec.structs import replace

from simulator.experiments import plots
from simulator.experiments.many_seeds import run_seeds
from simulator.experiments.page import page_text, write_page
from simulator.experiments.plots import Picture, draw_all, draw_raster
from simulator.experiments.recorded import Recorded, read_recorded
from simulator.experiments.seed_run import Plan, SeedRun
from simulator.experiments.traces import Trace, TraceName, write_trace
from simulator.experiments.validation import judge

from ..core.builders import scenario
from .markets import plan, realistic, zone
from .recordings import chain

CONDITIONS = replace(
    realistic(zone("us-east-1a", capacity=16), zone("us-east-1b"), zone("us-west-2a")),
    name="<b>bold</b> & $title",
    description='</p><script src="http://evil.example"></script>',
)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
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
def pictures(runs: tuple[SeedRun, ...], recorded: Recorded) -> tuple[Picture, ...]:
    return draw_all(plan(CONDITIONS), runs, recorded)


def text(conditions: Plan, runs: tuple[SeedRun, ...], pictures: tuple[Picture, ...]) -> str:
    """The page."""
    return page_text(conditions, [1, 2], judge(conditions, runs), pictures)


def test_what_was_recorded_is_measured_like_what_was_simulated(recorded: Recorded) -> None:
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
    runs: tuple[SeedRun, ...], recorded: Recorded, pictures: tuple[Picture, ...]
) -> None:
    assert [picture.name for picture in pictures] == [
        "prices",
        "availability",
        "lifetimes",
        "hazard",
        "together",
        "correlation",
    ]
    assert pictures == draw_all(plan(CONDITIONS), runs, recorded)


def test_the_raster_is_blue_for_as_much_as_the_zones_are_up(tmp_path: Path, runs: tuple[SeedRun, ...]) -> None:
    assert runs[0].history is not None
    raster = draw_raster(plan(CONDITIONS), runs[0].history, None)
    assert raster is not None
    (tmp_path / "raster.png").write_bytes(raster.png)
    pixels = imread(tmp_path / "raster.png")[..., :3]
    blue = np.abs(pixels - np.array([0x00, 0x72, 0xB2]) / 255).max(axis=2) < 0.02
    grey = np.abs(pixels - np.array([0xE4, 0xE4, 0xE4]) / 255).max(axis=2) < 0.02
    assert blue.sum() / (blue.sum() + grey.sum()) == pytest.approx(runs[0].looked["availability"], abs=0.05)


def test_a_raster_without_room_for_all_draws_some_from_all_over_the_catalogue_and_says_so(
    runs: tuple[SeedRun, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert runs[0].history is not None
    drawn: list[list[str]] = []
    monkeypatch.setattr(plots, "_draw_zones", lambda _axes, traces: drawn.append([str(each.name) for each in traces]))
    whole = draw_raster(plan(CONDITIONS), runs[0].history, None)
    monkeypatch.setattr(plots, "ROWS_MAX", 2)
    part = draw_raster(plan(CONDITIONS), runs[0].history, None)
    assert whole is not None
    assert part is not None
    assert drawn == [
        ["us-east-1a_v100_1", "us-east-1b_v100_1", "us-west-2a_v100_1"],
        ["us-east-1a_v100_1", "us-west-2a_v100_1"],
    ]
    assert part.text == f"{whole.text} Of the 3 that change 2 are drawn, from all over the catalogue."


def test_a_market_in_which_nothing_goes_down_has_its_prices_alone() -> None:
    conditions = plan(scenario(), days=1)
    assert [picture.name for picture in draw_all(conditions, run_seeds(conditions, [1], jobs=1), None)] == ["prices"]


class Links(HTMLParser):
    """What a page refers to, and the tags in it."""

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


def test_page_and_pictures_are_written_into_a_new_folder(
    tmp_path: Path, runs: tuple[SeedRun, ...], pictures: tuple[Picture, ...]
) -> None:
    folder = tmp_path / "new" / "page"
    page = write_page(folder, plan(CONDITIONS), [1, 2], judge(plan(CONDITIONS), runs), pictures)
    assert page == folder / "market.html"
    assert sorted(each.name for each in folder.iterdir()) == sorted(
        ["market.html", *(f"{picture.name}.png" for picture in pictures)]
    )
