"""The pictures of a simulated market, each beside what was recorded where that is given. Drawn without a display."""

from collections.abc import Sequence
from io import BytesIO
from typing import TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from msgspec import Struct
from scipy.stats import expon, weibull_min

from ..core.catalog import PROVIDER_CLASSES
from ..core.clock import DAY_MS
from .arrays import Floats, Whole
from .dependence import Distance
from .headless import MarketHistory, OfferHistory
from .lifetimes import AGES_H, fit_weibull, hazard_by_age, survival
from .recorded import Recorded
from .seed_run import LARGE, Plan, SeedRun
from .traces import Trace
from .zones import observe_all, trace_names

BLUE, ORANGE, GREEN, PINK, SKY, RED, YELLOW, GREY = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#d55e00",
    "#b8a900",
    "#6b6b6b",
)
"""The colours of Okabe and Ito, which colour-blind people tell apart; the yellow is darker, to be seen on white."""

PATHS_MAX = 6
"""So many offers of a class have their prices drawn."""

ROWS_MAX = 40
"""So many offers have their availability drawn."""

_Drawn = TypeVar("_Drawn")

_DOWN, _UP = "#e4e4e4", BLUE
_DPI = 110


class Picture(Struct, frozen=True):
    """A drawing as PNG, with the name of its file, what it shows, and a sentence on how to read it."""

    name: str
    title: str
    text: str
    png: bytes


def draw_all(plan: Plan, runs: Sequence[SeedRun], recorded: Recorded | None) -> tuple[Picture, ...]:
    """All pictures that the runs have something for; the first of them has its history."""
    history = runs[0].history
    assert history is not None, "the first run keeps its history"
    lives_h = np.concatenate([run.lives_h for run in runs])
    lost = np.sum([run.lost_together for run in runs], axis=0)
    drawn = [_draw_prices(history), draw_raster(plan, history, recorded)]
    if len(lives_h):
        drawn += [_draw_lifetimes(lives_h, recorded), _draw_hazard(runs, recorded)]
    if lost[1:].any():
        drawn.append(_draw_together(lost, recorded))
    if any(len(values) for run in runs for values in run.by_distance.values()):
        drawn.append(_draw_correlation(runs, recorded))
    return tuple(picture for picture in drawn if picture is not None)


# Prices


def _draw_prices(history: MarketHistory) -> Picture:
    classes = [
        (name, offers)
        for name in PROVIDER_CLASSES
        if (offers := [offer for offer in history.offers if offer.spec.provider_class == name])
    ]
    columns = min(2, len(classes))
    rows = -(-len(classes) // columns)
    figure = Figure(figsize=(5.2 * columns + 0.4, 3.3 * rows), layout="constrained")
    for number, (name, offers) in enumerate(classes, 1):
        axes = figure.add_subplot(rows, columns, number)
        _style(axes, f"{name}: {len(offers)} offers", "days", "spot price over on-demand")
        for offer, color in zip(_some(offers, PATHS_MAX), (BLUE, ORANGE, GREEN, PINK, RED, GREY), strict=False):
            _draw_path(axes, offer, color, history.length_ms)
        axes.set_ylim(0, 1.02)
        axes.set_xlim(0, history.length_ms / DAY_MS)
        axes.legend(fontsize=6.5, loc="best", ncols=2, framealpha=0.8, edgecolor="none")
    text = f"Every step of up to {PATHS_MAX} offers of each provider class, seed {history.seed}."
    return _picture("prices", "Prices by provider class", text, figure)


def _some(each: Sequence[_Drawn], most: int) -> list[_Drawn]:
    """No more than so many, from all over the catalogue."""
    at = np.unique(np.linspace(0, len(each) - 1, min(most, len(each))).round().astype(int))
    return [each[index] for index in at]


def _draw_path(axes: Axes, offer: OfferHistory, color: str, length_ms: int) -> None:
    days = np.append(offer.priced_ms, length_ms) / DAY_MS
    ratio = np.append(offer.prices, offer.prices[-1]) * 1_000_000 / int(offer.spec.on_demand_price)
    label = f"{offer.spec.provider_id} {offer.spec.gpu_model}, {offer.spec.region.partition(',')[0]}"
    axes.step(days, ratio, where="post", color=color, linewidth=1.1, label=label)


# Availability


def draw_raster(plan: Plan, history: MarketHistory, recorded: Recorded | None) -> Picture | None:
    """When each zone that changes was up, or None where none does."""
    names = trace_names([offer.spec for offer in history.offers])
    simulated = [trace for trace in observe_all(history, names, plan.looked) if not trace.up.all()]
    if not simulated:
        return None
    panels = [_panel(f"simulated, seed {history.seed}", simulated)]
    if recorded is not None and recorded.zones:
        panels.insert(0, _panel("recorded", recorded.zones))
    heights = [len(traces) for _, traces in panels]
    figure = Figure(figsize=(11, 1.1 * len(panels) + 0.27 * sum(heights)), layout="constrained")
    subplots = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=heights)
    days = min(_days(traces) for _, traces in panels)
    for axes, (title, traces) in zip(subplots[:, 0], panels, strict=True):
        _draw_zones(axes, traces)
        axes.set_title(title, fontsize=10, loc="left")
    subplots[-1, 0].set_xlabel("days", fontsize=9)
    subplots[-1, 0].set_xlim(0, days)
    text = "Blue: a launch would work. Grey: it would be refused. A row per zone, looked at as the recorder did."
    if len(simulated) > ROWS_MAX:
        text += f" Of the {len(simulated)} that change {ROWS_MAX} are drawn, from all over the catalogue."
    return _picture("availability", "Availability of each zone", text, figure)


def _panel(title: str, traces: Sequence[Trace]) -> tuple[str, list[Trace]]:
    """The traces that there is room for, and a title that says how many are left out."""
    drawn = _some(traces, ROWS_MAX)
    return title if len(drawn) == len(traces) else f"{title}: {len(drawn)} of {len(traces)}", drawn


def _draw_zones(axes: Axes, traces: Sequence[Trace]) -> None:
    length = min(len(trace.values) for trace in traces)
    ups = np.array([trace.up[:length] for trace in traces])
    extent = (0, _days(traces), len(traces) - 0.5, -0.5)
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


# Lifetimes


def _draw_lifetimes(lives_h: Floats, recorded: Recorded | None) -> Picture:
    figure = Figure(figsize=(7, 4.4), layout="constrained")
    axes = figure.add_subplot()
    _style(axes, "", "time up, hours", "share of times up that are longer")
    _draw_survival(axes, lives_h, BLUE, "simulated")
    if recorded is not None and len(recorded.lives_h):
        _draw_survival(axes, recorded.lives_h, RED, "recorded")
    ages_h = np.geomspace(0.05, max(float(lives_h.max()), 1.0), 200)
    exponential = expon(scale=lives_h.mean())
    axes.plot(ages_h, exponential.sf(ages_h), color=GREY, linestyle=":", label="exponential of the same mean")
    fitted = fit_weibull(lives_h)
    if not np.isnan(fitted.k):
        law = weibull_min(fitted.k, scale=fitted.scale_h)
        label = f"Weibull fit, k = {fitted.k:.2f}"
        axes.plot(ages_h, law.sf(ages_h), color=ORANGE, linestyle="--", label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(1e-3, 1.1)
    axes.legend(fontsize=8, frameon=False, loc="lower left")
    text = f"{len(lives_h)} simulated times up of all seeds. On both axes a Weibull law bends less than an exponential."
    return _picture("lifetimes", "How long offers stay up", text, figure)


def _draw_survival(axes: Axes, lives_h: Floats, color: str, label: str) -> None:
    steps = survival(lives_h)
    axes.step(steps.ages_h[1:], steps.shares[:-1], where="pre", color=color, linewidth=1.6, label=label)


def _draw_hazard(runs: Sequence[SeedRun], recorded: Recorded | None) -> Picture:
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.add_subplot()
    _style(axes, "", "age, hours", "times down per hour of being up at that age")
    of_seeds = np.array([hazard_by_age(run.lives_h) for run in runs])
    all_lives_h = np.concatenate([run.lives_h for run in runs])
    edges = np.array([0.125, *AGES_H[1:]])
    if len(runs) > 1:
        low, high = (_nan_percentile(of_seeds, percent) for percent in (10, 90))
        axes.fill_between(
            edges,
            np.append(low, low[-1]),
            np.append(high, high[-1]),
            step="post",
            color=BLUE,
            alpha=0.2,
            linewidth=0,
            label="80 % of seeds",
        )
    axes.stairs(hazard_by_age(all_lives_h), edges, baseline=None, color=BLUE, linewidth=1.8, label="simulated")
    if recorded is not None and len(recorded.lives_h):
        values = hazard_by_age(recorded.lives_h)
        axes.stairs(values, edges, baseline=None, color=RED, linewidth=1.8, linestyle="--", label="recorded")
    axes.axhline(1 / all_lives_h.mean(), color=GREY, linestyle=":", label="exponential of the same mean")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks([0.125, 0.25, 0.5, 1, 2, 4, 8, 16, 48], ["0", "¼", "½", "1", "2", "4", "8", "16", "48"])
    axes.minorticks_off()
    axes.legend(fontsize=8, frameon=False)
    text = "What has just come up is soon lost; what has lasted goes on to last. "
    return _picture("hazard", "Hazard by age", text, figure)


def _nan_percentile(values: Floats, percent: float) -> Floats:
    """Of each column, over what is known in it; NaN where nothing is."""
    known = [column[~np.isnan(column)] for column in values.T]
    return np.array([np.percentile(column, percent) if len(column) else np.nan for column in known])


# Togetherness


def _draw_together(lost: Whole, recorded: Recorded | None) -> Picture:
    figure = Figure(figsize=(7, 3.8), layout="constrained")
    axes = figure.add_subplot()
    _style(axes, "", "nodes of a fleet of 16 lost in the same five minutes", "share of lost nodes")
    nodes = np.arange(1, LARGE + 1)
    bars = [("simulated", BLUE, lost)]
    if recorded is not None and recorded.lost_together[1:].any():
        bars.append(("recorded", RED, recorded.lost_together))
    width = 0.8 / len(bars)
    for number, (label, color, counts) in enumerate(bars):
        weights = counts[1:] * nodes
        shift = (number - (len(bars) - 1) / 2) * width
        axes.bar(nodes + shift, weights / weights.sum(), width, color=color, label=label)
    axes.set_xticks(nodes)
    axes.legend(fontsize=8, frameon=False)
    text = "Nodes are seldom lost alone: what takes an offer down takes most of a fleet along."
    return _picture("together", "How many nodes are lost together", text, figure)


def _draw_correlation(runs: Sequence[SeedRun], recorded: Recorded | None) -> Picture:
    figure = Figure(figsize=(7.4, 3.9), layout="constrained")
    axes = figure.add_subplot()
    _style(axes, "", "correlation of being up (phi)", "")
    rows = [apart for apart in Distance if any(len(run.by_distance.get(apart, ())) for run in runs)]
    for row, apart in enumerate(rows):
        values = np.concatenate([run.by_distance[apart] for run in runs])
        _draw_strip(axes, row - 0.14, values, BLUE, "simulated" if row == 0 else None)
    told = False
    for row, apart in enumerate(rows):
        known = recorded.by_distance.get(apart) if recorded is not None else None
        if known is not None and len(known):
            _draw_strip(axes, row + 0.2, known, RED, None if told else "recorded")
            told = True
    labels = ["same pool: two nodes of a fleet" if apart is Distance.SAME_ZONE else apart.value for apart in rows]
    axes.set_yticks(range(len(rows)), labels)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    text = "A dot for each pair (of each seed), a bar at their mean."
    return _picture("correlation", "Correlation by distance", text, figure)


def _draw_strip(axes: Axes, row: float, values: Floats, color: str, label: str | None) -> None:
    """Dots side by side, spread a little by their order, and their mean."""
    spread = (np.arange(len(values)) * 0.618 % 1 - 0.5) * 0.2
    axes.scatter(values, row + spread, s=7, color=color, alpha=max(0.12, min(0.7, 40 / len(values))), linewidths=0)
    axes.plot([values.mean()] * 2, [row - 0.14, row + 0.14], color=color, linewidth=3, label=label)


# The same for all


def _style(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    axes.tick_params(labelsize=8)
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _picture(name: str, title: str, text: str, figure: Figure) -> Picture:
    """The drawing as a PNG that holds nothing of when or by what it was made."""
    FigureCanvasAgg(figure)
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return Picture(name, title, text, buffer.getvalue())
