"""Rasters: as blue as their zones are up, and two that only the seed tells apart."""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
import pytest
from gpu_sim.fidelity.fit.zone_market import ZoneMarketRuns, build_zone_market
from gpu_sim.fidelity.report import figure_style, rasters
from gpu_sim.fidelity.report.figure_style import Picture
from gpu_sim.fidelity.report.rasters import draw_guess, draw_offers, recorded_is_first
from gpu_sim.fidelity.runs.seed_run import SeedRun, run_seed
from gpu_sim.fidelity.traces.arrays import Floats
from gpu_sim.fidelity.traces.traces import Trace, TraceName
from matplotlib.axes import Axes
from matplotlib.image import imread
from msgspec.structs import replace

from ..zone_markets import plan, realistic, zone
from ..zone_recordings import chain

CONDITIONS = realistic(zone("us-east-1a"), zone("us-east-1b"), zone("us-west-2a"))

ZONES = tuple(
    Trace(TraceName("us-east-1", letter, "v100"), 195, chain(seed, 800, down=0.05, up=0.05))
    for seed, letter in enumerate("abc")
)


@pytest.fixture(autouse=True)
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pictures, which are soon drawn."""
    monkeypatch.setattr(figure_style, "_DPI", 50)


@pytest.fixture(scope="module")
def run() -> SeedRun:
    return run_seed(plan(CONDITIONS), 1, with_history=True)


@pytest.fixture(scope="module")
def runs_of_zones() -> ZoneMarketRuns:
    market = build_zone_market(CONDITIONS, ZONES)
    return ZoneMarketRuns(market, (run_seed(market.plan, 1, with_history=True),))


def of_seed(runs_of_zones: ZoneMarketRuns, seed: int, name: str = "test") -> ZoneMarketRuns:
    """The same run as if of another seed or scenario."""
    market = runs_of_zones.market
    other = replace(market.plan, scenario=replace(market.plan.scenario, name=name))
    return ZoneMarketRuns(replace(market, plan=other), (replace(runs_of_zones.runs[0], seed=seed),))


def blue_share(pixels: Floats) -> float:
    """The share of a raster that is blue, of all that is blue or grey."""
    blue, grey = (
        np.abs(pixels - np.array(colour) / 255).max(axis=-1) < 0.02 for colour in ((0, 0x72, 0xB2), (0xE4, 0xE4, 0xE4))
    )
    return float(blue.sum() / (blue.sum() + grey.sum()))


def pixels_of(picture: Picture) -> Floats:
    """The colours of a picture."""
    return np.asarray(imread(BytesIO(picture.png))[..., :3], np.float64)


def drawn_by(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The zones of each raster that is drawn from now on."""
    drawn: list[list[str]] = []
    draw = rasters._draw_zones

    def note(axes: Axes, traces: Sequence[Trace]) -> None:
        drawn.append([str(each.name) for each in traces])
        draw(axes, traces)

    monkeypatch.setattr(rasters, "_draw_zones", note)
    return drawn


def test_a_raster_is_blue_for_as_much_as_the_zones_are_up(run: SeedRun) -> None:
    assert run.history is not None
    raster = draw_offers(plan(CONDITIONS), run.history)
    assert raster is not None
    assert blue_share(pixels_of(raster)) == pytest.approx(run.looked["availability"], abs=0.05)


def test_a_raster_without_room_for_all_draws_some_from_all_over_the_catalogue_and_says_so(
    run: SeedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run.history is not None
    drawn = drawn_by(monkeypatch)
    whole = draw_offers(plan(CONDITIONS), run.history)
    monkeypatch.setattr(rasters, "ROWS_MAX", 2)
    part = draw_offers(plan(CONDITIONS), run.history)
    assert whole is not None
    assert part is not None
    assert drawn == [
        ["us-east-1a_v100_1", "us-east-1b_v100_1", "us-west-2a_v100_1"],
        ["us-east-1a_v100_1", "us-west-2a_v100_1"],
    ]
    assert part.text == f"{whole.text} Of the 3 that change 2 are drawn, from all over the catalogue."


def test_recorded_zones_that_nothing_was_made_of_are_shown_alone(run: SeedRun) -> None:
    assert run.history is not None
    steady = [replace(each, turned_ms=np.zeros(0, np.int64), up_at_start=True) for each in run.history.offers]
    always = replace(run.history, offers=tuple(steady))
    alone = draw_offers(plan(CONDITIONS), always, ZONES)
    assert alone is not None
    assert alone.title == "Availability as it was recorded"
    assert blue_share(pixels_of(alone)) == pytest.approx(np.mean([each.up.mean() for each in ZONES]), abs=0.05)
    assert draw_offers(plan(CONDITIONS), always) is None


def test_the_two_rasters_have_the_same_rows_and_differ_by_their_order_alone(
    runs_of_zones: ZoneMarketRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = drawn_by(monkeypatch)
    order = [recorded_is_first(of_seed(runs_of_zones, seed)) for seed in range(99)]
    seeds = order.index(True), order.index(False)
    upper, lower = (pixels_of(draw_guess(ZONES, of_seed(runs_of_zones, seed))[0]) for seed in seeds)
    assert {tuple(names) for names in drawn} == {tuple(str(each.name) for each in ZONES)}
    assert upper.shape == lower.shape
    half = len(upper) // 2
    recorded, simulated = (
        float(np.mean([each.up.mean() for each in traces])) for traces in (ZONES, observed(runs_of_zones))
    )
    assert abs(recorded - simulated) > 0.02
    assert blue_share(upper[:half]) == pytest.approx(blue_share(lower[half:]), abs=0.01)
    assert blue_share(upper[:half]) == pytest.approx(recorded, abs=0.02)
    assert blue_share(lower[:half]) == pytest.approx(simulated, abs=0.02)


def observed(runs_of_zones: ZoneMarketRuns) -> tuple[Trace, ...]:
    """The simulated zones as the recorder saw them."""
    history = runs_of_zones.runs[0].history
    assert history is not None
    return runs_of_zones.market.plan.observe(history, runs_of_zones.market.plan.looked)


def test_which_is_above_is_drawn_from_seed_and_scenario(runs_of_zones: ZoneMarketRuns) -> None:
    above = [recorded_is_first(of_seed(runs_of_zones, seed)) for seed in range(200)]
    assert above == [recorded_is_first(of_seed(runs_of_zones, seed)) for seed in range(200)]
    assert 70 < sum(above) < 130
    assert above != [recorded_is_first(of_seed(runs_of_zones, seed, "other")) for seed in range(200)]
