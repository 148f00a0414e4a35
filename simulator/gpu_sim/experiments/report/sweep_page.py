"""The page about a sweep: cost against what it buys, the effect of each setting, and paired differences."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean

from msgspec import Struct

from ...output_file import write_file
from ..sweeps.results import SweepResults
from .drawing import COLORS, Drawing, legend
from .page import figure_of, heading, page_text, paragraph, table

PAGE = "sweep.html"
COST = "total.cost_usd"
GAINS = ("total.availability", "total.deadlines_met", "total.jobs_finished", "total.useful_gpu_hours")
"""The metrics that a cost may buy, of which the first that runs have is taken; more is better."""


class _Mean(Struct, frozen=True):
    """A combination, and the means of its cost and its gain with their half widths; the gain is None without one."""

    name: str
    settings: dict[str, str]
    cost: tuple[float, float | None]
    gain: tuple[float, float | None] | None


def write_sweep_page(
    results: SweepResults, folder: Path, *, cost: str = COST, gain: str | None = None, metrics: Sequence[str] = ()
) -> Path:
    """Write the page into a folder, which is made if need be; answers its path. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / PAGE
    write_file(path, sweep_page(results, cost=cost, gain=gain, metrics=metrics).encode())
    return path


def sweep_page(results: SweepResults, *, cost: str = COST, gain: str | None = None, metrics: Sequence[str] = ()) -> str:
    """The page as HTML; `metrics` have tables beside `cost` and `gain`. Raises KeyError for one that no run has."""
    known = results.metric_names()
    gain = next((name for name in GAINS if name in known), None) if gain is None else gain
    tables = dict.fromkeys((cost, *([] if gain is None else [gain]), *metrics))
    return page_text(f"A sweep of {results.plan.scenario.name}", _parts(results, cost, gain, list(tables)))


def _parts(results: SweepResults, cost: str, gain: str | None, metrics: Sequence[str]) -> Iterator[str]:
    plan = results.plan
    yield paragraph(
        f"{len(plan.points)} combinations of settings under the seeds {plan.seeds.start} to {plan.seeds.stop - 1},"
        " and so under the same luck. ± is half the width of the 95 % interval of a mean.",
        "quiet",
    )
    means = _means(results, cost, gain)
    if gain is not None:
        yield heading(f"{gain} against {cost}")
        yield from _trade_off(means, cost, gain)
    for name in dict.fromkeys(name for point in plan.points for name in point.settings):
        values = list(dict.fromkeys(point.settings[name] for point in plan.points))
        if len(values) > 1:
            yield heading(f"Effect of {name}")
            yield from _effect(means, name, values, cost, gain)
    for metric in metrics:
        yield heading(metric)
        yield _compared(results, metric)
    if plan.baseline:
        told = ", ".join(f"{name} = {value}" for name, value in plan.baseline.items())
        yield paragraph(
            f"Differences are paired: from the combination that has {told} and is else equal, under the same seeds. The"
            " last column says how many runs with seeds of their own would give an interval as narrow.",
            "quiet",
        )


def _means(results: SweepResults, cost: str, gain: str | None) -> list[_Mean]:
    costs = results.means(cost)
    gains = results.means(gain) if gain is not None else [None] * len(costs)
    return [
        _Mean(", ".join(point.settings.values()) or "as it is", point.settings, its_cost, its_gain)
        for point, its_cost, its_gain in zip(results.plan.points, costs, gains, strict=True)
        if its_cost is not None
    ]


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """The numbers of the points (cost, gain) that no other beats: none costs less and gains as much, or gains more and
    costs as much. By cost."""
    front: list[int] = []
    for number in sorted(range(len(points)), key=lambda number: (points[number][0], -points[number][1])):
        if not front or points[number][1] > points[front[-1]][1]:
            front.append(number)
    return front


def _trade_off(means: Sequence[_Mean], cost: str, gain: str) -> Iterator[str]:
    shown = [(mean, mean.gain) for mean in means if mean.gain is not None]
    if not shown:
        yield paragraph("No combination has a value in every run.")
        return
    places = [(mean.cost[0], its_gain[0]) for mean, its_gain in shown]
    costs, gains = ([place[axis] for place in places] for axis in (0, 1))
    drawing = Drawing(320, _around(costs), _around(gains), x_title=cost, y_title=gain)
    front = pareto_front(places)
    drawing.line([places[number] for number in front], COLORS[7], dashed=True)
    for number, (mean, its_gain) in enumerate(shown):
        color = COLORS[number % len(COLORS)]
        about = f"{mean.name}: {cost} {_interval(mean.cost)}, {gain} {_interval(its_gain)}"
        if its_gain[1]:
            drawing.spread(mean.cost[0], its_gain[0] - its_gain[1], its_gain[0] + its_gain[1], color)
        drawing.dot(mean.cost[0], its_gain[0], color, about, size=6 if number in front else 4)
    yield drawing.svg(f"{gain} against {cost}")
    if len(shown) <= len(COLORS):
        yield legend((COLORS[number], mean.name) for number, (mean, _) in enumerate(shown))
    best = "; ".join(shown[number][0].name for number in front)
    yield paragraph(f"On the Pareto front, which the dashed line joins, no other costs less for as much: {best}.")


def _effect(means: Sequence[_Mean], name: str, values: Sequence[str], cost: str, gain: str | None) -> Iterator[str]:
    rows = []
    for value in values:
        there = [mean for mean in means if mean.settings[name] == value]
        gains = [mean.gain[0] for mean in there if mean.gain is not None]
        rows.append(
            (
                value,
                figure_of(fmean(mean.cost[0] for mean in there)) if there else "",
                *([] if gain is None else [figure_of(fmean(gains)) if gains else ""]),
            )
        )
    yield paragraph("Means over all combinations with this value.", "quiet")
    yield table((name, cost, *([] if gain is None else [gain])), rows, numbers=(1, 2))


def _compared(results: SweepResults, metric: str) -> str:
    plan = results.plan
    rows = []
    for point, mean, against in zip(plan.points, results.means(metric), results.against_baseline(metric), strict=True):
        row = [*point.settings.values(), "" if mean is None else _interval(mean)]
        if plan.baseline:
            clear = "" if against is None or against.is_clear else " (not clear)"
            row.append("" if against is None else _interval((against.mean, against.half_width)) + clear)
            runs = None if against is None else against.independent_runs
            row.append("" if runs is None else f"{runs:.0f}")
        rows.append(row)
    names = [*plan.points[0].settings, "mean"]
    if plan.baseline:
        names += ["difference from the baseline", "independent runs"]
    return table(names, rows, numbers=range(len(plan.points[0].settings), len(names)))


def _around(values: Sequence[float]) -> tuple[float, float]:
    """From a little below the least to a little above the most."""
    margin = (max(values) - min(values)) * 0.08 or abs(values[0]) * 0.08 or 0.5
    return min(values) - margin, max(values) + margin


def _interval(mean: tuple[float, float | None]) -> str:
    return figure_of(mean[0]) if not mean[1] else f"{mean[0]:.6g} ± {mean[1]:.2g}"
