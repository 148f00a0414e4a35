"""The pictures of a simulated market, each beside what was recorded where that is given. Drawn without a display."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import expon, weibull_min

from ...core.kernel.clock import DAY_MS
from ...core.scenario.catalog import PROVIDER_CLASSES
from ..fit.zone_market import RecordedComparison
from ..runs.market_run import MarketHistory, OfferHistory
from ..runs.recorded_statistics import RecordedStatistics
from ..runs.seed_run import LARGE, Plan, SeedRun
from ..traces.arrays import Floats
from ..traces.dependence import Distance
from ..traces.lifetimes import AGES_H, fit_weibull, hazard_by_age, survival
from ..traces.statistics import NEAR_MINUTES
from .figure_style import BLUE, GREEN, GREY, ORANGE, PINK, RED, PagePart, Picture, png_of, style
from .rasters import draw_guess, draw_offers, some

_NOTHING_RECORDED = RecordedComparison()

PATHS_MAX = 6
"""So many offers of a class have their prices drawn."""


def draw_all(
    plan: Plan,
    runs: Sequence[SeedRun],
    recorded: RecordedStatistics | None,
    comparison: RecordedComparison = _NOTHING_RECORDED,
) -> tuple[Picture, ...]:
    """All pictures that the runs have something for; the first of them has its history. Where `comparison` has runs
    of recorded zones or fleets, statistics of zones and fleets are drawn from those, beside the recording."""
    history = runs[0].history
    assert history is not None, "the first run keeps its history"
    recorded_zones = recorded.zones if recorded is not None else ()
    pictures: list[Picture | None] = []
    if comparison.zones is not None:
        pictures += draw_guess(recorded_zones, comparison.zones)
    pictures += _draw_zones(runs if comparison.zones is None else comparison.zones.runs, runs, recorded)
    pictures += [
        _draw_together(runs, recorded, comparison),
        _draw_prices(history),
        draw_offers(plan, history, recorded_zones if comparison.zones is None else ()),
    ]
    return tuple(picture for picture in pictures if picture is not None)


def _draw_zones(
    runs: Sequence[SeedRun], own: Sequence[SeedRun], recorded: RecordedStatistics | None
) -> Iterator[Picture]:
    """The statistics of the zones of these runs; pairs that they do not have are those of the scenario's `own`."""
    lifetimes_h = np.concatenate([run.lifetimes_h for run in runs])
    if len(lifetimes_h):
        yield _draw_lifetimes(lifetimes_h, recorded)
        yield _draw_hazard(runs, recorded)
    if any(run.lifts for run in runs):
        yield _draw_lifts(runs, recorded)
    shown = {apart: values for apart, values in _by_distance(runs).items() if len(values)}
    by_distance = _by_distance(own) | shown
    if any(map(len, by_distance.values())):
        yield _draw_correlation(by_distance, recorded)


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
        style(axes, f"{name}: {len(offers)} offers", "days", "spot price over on-demand")
        for offer, color in zip(some(offers, PATHS_MAX), (BLUE, ORANGE, GREEN, PINK, RED, GREY), strict=False):
            _draw_path(axes, offer, color, history.length_ms)
        axes.set_ylim(0, 1.02)
        axes.set_xlim(0, history.length_ms / DAY_MS)
        axes.legend(fontsize=6.5, loc="lower left", ncols=2, framealpha=0.8, edgecolor="none")
    text = f"Every step of up to {PATHS_MAX} offers of each provider class, seed {history.seed}."
    return Picture("prices", "Prices by provider class", text, png_of(figure))


def _draw_path(axes: Axes, offer: OfferHistory, color: str, length_ms: int) -> None:
    days = np.append(offer.priced_ms, length_ms) / DAY_MS
    ratio = np.append(offer.prices, offer.prices[-1]) * 1_000_000 / int(offer.spec.on_demand_price)
    label = f"{offer.spec.provider_id} {offer.spec.gpu_model}, {offer.spec.region.partition(',')[0]}"
    axes.step(days, ratio, where="post", color=color, linewidth=1.1, label=label)


# Lifetimes


def _draw_lifetimes(lifetimes_h: Floats, recorded: RecordedStatistics | None) -> Picture:
    figure = Figure(figsize=(7, 4.4), layout="constrained")
    axes = figure.add_subplot()
    style(axes, "", "time up, hours", "share of times up that are longer")
    _draw_survival(axes, lifetimes_h, BLUE, "simulated")
    if recorded is not None and len(recorded.lifetimes_h):
        _draw_survival(axes, recorded.lifetimes_h, RED, "recorded")
    ages_h = np.geomspace(0.05, max(float(lifetimes_h.max()), 1.0), 200)
    exponential = expon(scale=lifetimes_h.mean())
    axes.plot(ages_h, exponential.sf(ages_h), color=GREY, linestyle=":", label="exponential of the same mean")
    fitted = fit_weibull(lifetimes_h)
    if not np.isnan(fitted.k):
        law = weibull_min(fitted.k, scale=fitted.scale_h)
        label = f"Weibull fit, k = {fitted.k:.2f}"
        axes.plot(ages_h, law.sf(ages_h), color=ORANGE, linestyle="--", label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(1e-3, 1.1)
    axes.legend(fontsize=8, frameon=False, loc="lower left")
    count = len(lifetimes_h)
    text = f"{count} simulated times up of all seeds. On both axes a Weibull law bends less than an exponential."
    return Picture("lifetimes", "How long offers stay up", text, png_of(figure), "zones")


def _draw_survival(axes: Axes, lifetimes_h: Floats, color: str, label: str) -> None:
    steps = survival(lifetimes_h)
    axes.step(steps.ages_h[1:], steps.shares[:-1], where="pre", color=color, linewidth=1.6, label=label)


def _draw_hazard(runs: Sequence[SeedRun], recorded: RecordedStatistics | None) -> Picture:
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.add_subplot()
    style(axes, "", "age, hours", "times down per hour of being up at that age")
    of_seeds = np.array([hazard_by_age(run.lifetimes_h) for run in runs])
    all_lifetimes_h = np.concatenate([run.lifetimes_h for run in runs])
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
    axes.stairs(hazard_by_age(all_lifetimes_h), edges, baseline=None, color=BLUE, linewidth=1.8, label="simulated")
    if recorded is not None and len(recorded.lifetimes_h):
        values = hazard_by_age(recorded.lifetimes_h)
        axes.stairs(values, edges, baseline=None, color=RED, linewidth=1.8, linestyle="--", label="recorded")
    axes.axhline(1 / all_lifetimes_h.mean(), color=GREY, linestyle=":", label="exponential of the same mean")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks([0.125, 0.25, 0.5, 1, 2, 4, 8, 16, 48], ["0", "¼", "½", "1", "2", "4", "8", "16", "48"])
    axes.minorticks_off()
    axes.legend(fontsize=8, frameon=False, loc="upper right")
    text = "What has just come up is soon lost; what has lasted goes on to last. "
    return Picture("hazard", "Hazard by age", text, png_of(figure), "zones")


def _nan_percentile(values: Floats, percent: float) -> Floats:
    """Of each column, over what is known in it; NaN where nothing is."""
    known = [column[~np.isnan(column)] for column in values.T]
    return np.array([np.percentile(column, percent) if len(column) else np.nan for column in known])


# Togetherness


def _draw_together(
    own: Sequence[SeedRun], recorded: RecordedStatistics | None, comparison: RecordedComparison
) -> Picture | None:
    """The nodes lost together: of the simulated fleets of traces, or without one of 16 nodes of the scenario's own."""
    of_traces = [each.runs for each in comparison.fleets if each.market.zones[0].nodes == LARGE]
    lost = np.sum([run.lost_together for run in (of_traces[0] if of_traces else own)], axis=0)
    if not lost[1:].any():
        return None
    figure = Figure(figsize=(7, 3.8), layout="constrained")
    axes = figure.add_subplot()
    style(axes, "", "nodes of a fleet of 16 lost in the same five minutes", "share of lost nodes")
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
    axes.legend(fontsize=8, frameon=False, loc="upper center")
    text = "Of all nodes of fleets of 16 that were lost, the share that went in a tick together with so many others. "
    text += "The zones of the traces were simulated." if of_traces else "Fleets on the scenario's own offers."
    part: PagePart = "zones" if of_traces else "offers"
    return Picture("together", "How many nodes are lost together", text, png_of(figure), part)


def _by_distance(runs: Sequence[SeedRun]) -> dict[Distance, Floats]:
    """The correlations of all pairs of all runs."""
    return {
        apart: np.concatenate([run.by_distance[apart] for run in runs if apart in run.by_distance])
        for apart in Distance
        if any(apart in run.by_distance for run in runs)
    }


def _draw_correlation(by_distance: Mapping[Distance, Floats], recorded: RecordedStatistics | None) -> Picture:
    figure = Figure(figsize=(7.4, 3.9), layout="constrained")
    axes = figure.add_subplot()
    style(axes, "", "correlation of being up (phi)", "")
    rows = [apart for apart in Distance if len(by_distance.get(apart, ()))]
    for row, apart in enumerate(rows):
        _draw_strip(axes, row - 0.14, by_distance[apart], BLUE, "simulated" if row == 0 else None)
    is_labelled = False
    for row, apart in enumerate(rows):
        known = recorded.by_distance.get(apart) if recorded is not None else None
        if known is not None and len(known):
            _draw_strip(axes, row + 0.2, known, RED, None if is_labelled else "recorded")
            is_labelled = True
    labels = ["same offer: two nodes of a fleet" if apart is Distance.SAME_ZONE else apart.value for apart in rows]
    axes.set_yticks(range(len(rows)), labels)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    text = "A dot for each pair (of each seed), a bar at their mean."
    if recorded is not None:
        text += " Pairs that the traces do not have are of the scenario's own offers."
    return Picture("correlation", "Correlation by distance", text, png_of(figure), "zones")


def _draw_lifts(runs: Sequence[SeedRun], recorded: RecordedStatistics | None) -> Picture:
    figure = Figure(figsize=(7, 4.0), layout="constrained")
    axes = figure.add_subplot()
    style(axes, "", "interruptions at most so far apart, minutes", "times as likely as by chance")
    for apart, color in ((Distance.SAME_REGION, BLUE), (Distance.OTHER_REGION, GREEN)):
        of_seeds = np.array([run.lifts[apart] for run in runs if apart in run.lifts])
        low, middle, high = (_nan_percentile(of_seeds, percent) for percent in (10, 50, 90))
        if np.isnan(middle).all():
            continue
        axes.fill_between(NEAR_MINUTES, low, high, color=color, alpha=0.18, linewidth=0)
        axes.plot(NEAR_MINUTES, middle, color=color, linewidth=1.8, label=f"simulated, {apart.value}")
        known = recorded.lifts.get(apart) if recorded is not None else None
        if known is not None and not np.isnan(known).all():
            axes.plot(NEAR_MINUTES, known, "o--", color=color, markersize=4, label=f"recorded, {apart.value}")
    axes.axhline(1, color=GREY, linestyle=":", label="by chance")
    axes.set_xscale("log")
    axes.set_xticks(NEAR_MINUTES, [f"{minutes:g}" for minutes in NEAR_MINUTES])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=8, frameon=False, loc="upper right")
    text = (
        "How much likelier than by chance a zone goes down near an interruption of another: median and 80 % of seeds."
    )
    return Picture("lifts", "Going down together", text, png_of(figure), "zones")


def _draw_strip(axes: Axes, row: float, values: Floats, color: str, label: str | None) -> None:
    """Dots side by side, spread a little by their order, and their mean."""
    spread = (np.arange(len(values)) * 0.618 % 1 - 0.5) * 0.2
    axes.scatter(values, row + spread, s=7, color=color, alpha=max(0.12, min(0.7, 40 / len(values))), linewidths=0)
    axes.plot([values.mean()] * 2, [row - 0.14, row + 0.14], color=color, linewidth=3, label=label)
