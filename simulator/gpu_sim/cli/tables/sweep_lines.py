"""A sweep as `gpu-sim sweep` prints it: means and differences in columns, or a document for programs."""

from collections.abc import Iterator, Sequence

from ...experiments.sweeps.paired import Paired
from ...experiments.sweeps.results import SweepResults
from ...experiments.sweeps.search import Found
from ..lines import in_columns

_USUAL = ("cost_usd", "cost_over_on_demand", "availability", "deadlines_missed", "jobs_finished", "interruptions")
"""The metrics of the total that are printed where none is named."""


def usual_metrics(known: Sequence[str]) -> list[str]:
    """Those that are printed unless others are named."""
    return [name for name in (f"total.{each}" for each in _USUAL) if name in known]


def sweep_lines(swept: SweepResults, metrics: Sequence[str]) -> Iterator[str]:
    """For each metric a table: a row for each combination, its mean, and its difference from the baseline."""
    plan = swept.plan
    yield f"{plan.scenario.name}: {len(plan.points)} combinations under {len(plan.seeds)} seeds; means ± 95 %"
    names = list(plan.points[0].settings)
    for metric in metrics:
        yield ""
        header = [*names, metric]
        if plan.baseline:
            header += ["over the baseline", "independent runs for as narrow an interval"]
        table = [header]
        against = swept.against_baseline(metric)
        for point, mean, paired in zip(plan.points, swept.means(metric), against, strict=True):
            cells = [*(point.settings[name] for name in names), "-" if mean is None else _interval(*mean)]
            if plan.baseline:
                cells += _difference(paired)
            table.append(cells)
        yield from in_columns(table)


def sweep_document(swept: SweepResults, metrics: Sequence[str]) -> dict[str, object]:
    """The same as JSON."""
    plan = swept.plan
    rows: list[dict[str, object]] = [{"settings": point.settings, "metrics": {}} for point in plan.points]
    for metric in metrics:
        against = swept.against_baseline(metric)
        for row, mean, paired in zip(rows, swept.means(metric), against, strict=True):
            told: dict[str, object] = {"mean": None, "half_width": None}
            if mean is not None:
                told = {"mean": mean[0], "half_width": mean[1]}
            if paired is not None:
                told["over_baseline"] = {
                    "mean": paired.mean,
                    "half_width": paired.half_width,
                    "independent_runs": paired.independent_runs,
                }
            metrics_told = row["metrics"]
            assert isinstance(metrics_told, dict)
            metrics_told[metric] = told
    return {
        "scenario": plan.scenario.name,
        "seeds": [plan.seeds.start, len(plan.seeds)],
        "baseline": plan.baseline,
        "combinations": rows,
    }


def search_lines(found: Sequence[Found], objective: str, *, maximize: bool) -> Iterator[str]:
    """The best trials of a search, the best first."""
    yield f"{len(found)} trials, {'most' if maximize else 'least'} {objective} first"
    if not found:
        return
    best = sorted(found, key=lambda each: -each.mean if maximize else each.mean)
    yield from in_columns(
        [[*best[0].settings, objective], *([*each.settings.values(), f"{each.mean:.6g}"] for each in best[:20])]
    )


def _interval(mean: float, half_width: float | None) -> str:
    return f"{mean:.6g}" if half_width is None else f"{mean:.6g} ± {half_width:.2g}"


def _difference(paired: Paired | None) -> list[str]:
    if paired is None:
        return ["", ""]
    runs = "" if paired.independent_runs is None else f"{paired.independent_runs:.0f}"
    return [f"{_interval(paired.mean, paired.half_width)}{'' if paired.is_clear else ' (not clear)'}", runs]
