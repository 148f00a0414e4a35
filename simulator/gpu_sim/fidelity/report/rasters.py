"""Rasters of availability, a row per zone: a scenario's offers, and recorded zones over or under simulated ones.

Recorded and simulated zones are drawn alike, on the same ticks, so that a reader has to guess which is which; their
order is drawn from the seed.
"""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from ...core.kernel.randomness import draw, stream
from ..fit.zone_market import ZoneMarketRuns
from ..runs.market_run import MarketHistory
from ..runs.seed_run import Plan
from ..traces.traces import Trace
from .figure_style import BLUE, Picture, png_of

ROWS_MAX = 40
"""The most zones of a raster."""

LEGEND = "Blue: a launch would work. Grey: it would be refused."

_Drawn = TypeVar("_Drawn")

_DOWN, _UP = "#e4e4e4", BLUE


def draw_offers(plan: Plan, history: MarketHistory, recorded: Sequence[Trace] = ()) -> Picture | None:
    """A raster of the offers that change, below recorded zones if such are given; None where there is neither."""
    simulated = [trace for trace in plan.observe(history, plan.looked) if not trace.up.all()]
    panels = [_panel("recorded", recorded)] if recorded else []
    if simulated:
        panels.append(_panel(f"simulated, seed {history.seed}", simulated))
    if not panels:
        return None
    text = f"{LEGEND} A row per offer, looked at as a recorder would."
    if len(simulated) > ROWS_MAX:
        text += f" Of the {len(simulated)} that change {ROWS_MAX} are drawn, from all over the catalogue."
    title = "Availability of each offer" if simulated else "Availability as it was recorded"
    return Picture("offers", title, text, png_of(_figure(panels)), "offers")


def draw_guess(recorded: Sequence[Trace], runs_of_zones: ZoneMarketRuns) -> tuple[Picture, Picture]:
    """The recorded zones and the simulated ones, first as A and B, then with their names."""
    first = runs_of_zones.runs[0]
    assert first.history is not None, "the first run keeps its history"
    plan = runs_of_zones.market.plan
    simulated = plan.observe(first.history, plan.looked)
    panels = [("recorded", some(recorded, ROWS_MAX)), (f"simulated, seed {first.seed}", some(simulated, ROWS_MAX))]
    if not recorded_is_first(runs_of_zones):
        panels.reverse()
    unnamed = [(name, traces) for name, (_, traces) in zip("AB", panels, strict=True)]
    return (
        Picture(
            "guess", "Which of the two was recorded?", f"{LEGEND} A row per zone.", png_of(_figure(unnamed)), "guess"
        ),
        Picture("answer", "Which is which", LEGEND, png_of(_figure(panels)), "answer"),
    )


def recorded_is_first(runs_of_zones: ZoneMarketRuns) -> bool:
    """True where the recorded zones are above the simulated ones: drawn by scenario and first seed."""
    return draw(stream(runs_of_zones.runs[0].seed, f"page/{runs_of_zones.market.plan.scenario.name}"), 0) % 2 == 0


def some(each: Sequence[_Drawn], most: int) -> list[_Drawn]:
    """No more than so many, from all over the catalogue."""
    at = np.unique(np.linspace(0, len(each) - 1, min(most, len(each))).round().astype(int))
    return [each[index] for index in at]


def _panel(title: str, traces: Sequence[Trace]) -> tuple[str, list[Trace]]:
    """The traces that there is room for, and a title that says how many are left out."""
    drawn = some(traces, ROWS_MAX)
    return title if len(drawn) == len(traces) else f"{title}: {len(drawn)} of {len(traces)}", drawn


def _figure(panels: Sequence[tuple[str, Sequence[Trace]]]) -> Figure:
    """One raster under the other, for as long as the shortest."""
    heights = [len(traces) for _, traces in panels]
    figure = Figure(figsize=(11, 1.1 * len(panels) + 0.27 * sum(heights)), layout="constrained")
    subplots = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=heights)
    for axes, (title, traces) in zip(subplots[:, 0], panels, strict=True):
        _draw_zones(axes, traces)
        axes.set_title(title, fontsize=10, loc="left")
    subplots[-1, 0].set_xlabel("days", fontsize=9)
    subplots[-1, 0].set_xlim(0, min(_days(traces) for _, traces in panels))
    return figure


def _draw_zones(axes: Axes, traces: Sequence[Trace]) -> None:
    length = min(len(trace.values) for trace in traces)
    ups = np.array([trace.up[:length] for trace in traces])
    extent = (0, _days(traces), len(traces) - 0.5, -0.5)
    # Nearest, as a blend of neighbouring ticks would be neither up nor down.
    axes.imshow(
        ups, aspect="auto", interpolation="nearest", extent=extent, cmap=ListedColormap([_DOWN, _UP]), vmin=0, vmax=1
    )
    axes.set_yticks(range(len(traces)), [f"{trace.name.zone} {trace.name.gpu}" for trace in traces], fontsize=8)
    axes.set_yticks(np.arange(0.5, len(traces) - 1), minor=True)
    axes.grid(visible=True, axis="y", which="minor", color="white", linewidth=2.5)
    axes.tick_params(which="both", length=0, labelsize=8)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _days(traces: Sequence[Trace]) -> float:
    return min(len(trace.values) * trace.gap_seconds for trace in traces) / 86_400
