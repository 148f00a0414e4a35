"""A run as `gpu-sim run` prints it: the table of its metrics and its expectations; as a document, and as JUnit XML."""

from collections.abc import Iterator, Sequence
from xml.etree import ElementTree

from ... import __version__
from ...core.scenario.scenario import Scenario
from ...experiments.runs.judgement.outcomes import Outcome, outcomes
from ...experiments.runs.metric_table import METRICS, REFUSALS, Value
from ...experiments.runs.metrics import TOTAL
from ...experiments.runs.run_result import RunResult
from ...notation import format_duration
from ...terminal_text import printable
from ..lines import in_color, in_columns, shortened

_RENTERS_SHOWN = 6
"""So many columns of renters a screen has room for."""
_NOT_SHOWN = ("cost_micros",)
"""The same as another metric, for programs."""


def run_lines(scenario: Scenario, result: RunResult) -> Iterator[str]:
    """A line for each metric, with the total and each renter; then one for each expectation, and how many hold."""
    names = [spec.name for spec in scenario.renters]
    yield f"{scenario.name}, seed {result.seed}, {format_duration(result.length_ms)}"
    abouts = [TOTAL, *(f"renters.{name}" for name in names[:_RENTERS_SHOWN])]
    heads = ["metric", "unit", TOTAL, *names[:_RENTERS_SHOWN]]
    yield from in_columns([heads, *_rows(result, abouts)])
    if len(names) > _RENTERS_SHOWN:
        yield f"and {len(names) - _RENTERS_SHOWN} more renters (--json tells all)"
    judged = [*outcomes(scenario, result)]
    if judged:
        yield ""
        yield from map(_outcome_line, judged)
    yield _summary(judged)


def _rows(result: RunResult, abouts: Sequence[str]) -> Iterator[list[str]]:
    """A row for each metric that has a value, a refusal code one below all refusals."""
    codes = [name for name in result.metrics if name.startswith(f"{TOTAL}.{REFUSALS}")]
    units = {metric.name: metric.unit for metric in METRICS}
    shown = [metric.name for metric in METRICS if metric.name not in _NOT_SHOWN]
    place = shown.index(REFUSALS[:-1]) + 1
    shown[place:place] = [name.removeprefix(f"{TOTAL}.") for name in codes]
    for name in shown:
        cells = [result.metrics.get(f"{about}.{name}") for about in abouts]
        if any(cell is not None for cell in cells):
            unit = units.get(name, "count")
            yield [name, unit, *(_cell(cell, unit) for cell in cells)]


def _cell(value: Value, unit: str) -> str:
    """A value as people read it: dollars to the micro-dollar, all else to four digits after the point."""
    if value is None:
        return "–"
    if isinstance(value, int):
        return str(value)
    return f"{value:.6f}" if unit == "USD" else f"{value:.4f}".rstrip("0").rstrip(".")


def _outcome_line(outcome: Outcome) -> str:
    verdict = "held" if outcome.miss is None else "missed"
    # Padded before it is coloured: the terminal's codes would count as width.
    start = f"{outcome.path:<10}  {verdict:<6}  "
    told = shortened(outcome.words if outcome.miss is None else outcome.miss.text, len(start))
    return f"{outcome.path:<10}  {in_color(f'{verdict:<6}', verdict)}  {told}"


def _summary(judged: Sequence[Outcome]) -> str:
    if not judged:
        return "nothing is expected of this run in numbers"
    missed = sum(outcome.miss is not None for outcome in judged)
    return f"{len(judged)} expectations: {len(judged) - missed} held, {missed} missed"


def run_document(scenario: Scenario, result: RunResult) -> dict[str, object]:
    """The same for programs, with all metrics."""
    return {
        "scenario": result.scenario,
        "seed": result.seed,
        "settings": result.settings,
        "key": result.key,
        "version": __version__,
        "length_ms": result.length_ms,
        "metrics": result.metrics,
        "expectations": [_document(outcome) for outcome in outcomes(scenario, result)],
    }


def _document(outcome: Outcome) -> dict[str, object]:
    about: dict[str, object] = {
        "path": outcome.path,
        "text": outcome.words,
        "verdict": "held" if outcome.miss is None else "missed",
    }
    return about if outcome.miss is None else about | {"at_ms": outcome.miss.at_ms, "why": outcome.miss.text}


def run_junit(scenario: Scenario, result: RunResult) -> bytes:
    """JUnit XML with a test case for each expectation."""
    judged = [*outcomes(scenario, result)]
    missed = sum(outcome.miss is not None for outcome in judged)
    counts = {"tests": str(len(judged)), "failures": str(missed), "errors": "0", "skipped": "0"}
    root = ElementTree.Element("testsuites", counts)
    suite = ElementTree.SubElement(root, "testsuite", {"name": f"gpu-sim run {scenario.name}", **counts})
    for outcome in judged:
        about = {"classname": f"{scenario.name}.{outcome.path}", "name": printable(outcome.words)}
        case = ElementTree.SubElement(suite, "testcase", about)
        if outcome.miss is not None:
            ElementTree.SubElement(case, "failure", {"message": printable(outcome.miss.text)})
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written
