"""A market check as `gpu-sim market` prints it: the table, or a document for programs."""

from collections.abc import Iterator

from ...fidelity.fit.zone_market import RecordedComparison
from ...fidelity.market_check import MarketCheck, MarketCheckSettings
from ...fidelity.report.table import as_json, column_names, columns, summary
from ..lines import in_color, in_columns, shortened


def market_lines(check: MarketCheck) -> Iterator[str]:
    """The table in columns, the verdict last and in colour; and the reason why recorded zones were not simulated."""
    rows = check.rows
    # The last cells stay out of the columns: they are cut to the screen and coloured, and codes of colours would count
    # as width.
    table = [column_names(rows), *(columns(row, rows) for row in rows)]
    verdicts = [None, *(row.verdict for row in rows)]
    for line, cells, verdict in zip(in_columns([cells[:-1] for cells in table]), table, verdicts, strict=True):
        last = shortened(cells[-1], len(line) + 2)
        yield f"{line}  {last if verdict is None else in_color(last, verdict)}"
    yield summary(rows)
    if check.comparison.why:
        yield check.comparison.why


def market_document(settings: MarketCheckSettings, check: MarketCheck) -> dict[str, object]:
    """The same as JSON."""
    about = {
        "scenario": settings.scenario.name,
        "days": settings.days,
        "seeds": list(settings.seeds),
        "gap_ms": settings.looked.gap_ms,
        "observe_every_ms": settings.looked.observe_every_ms,
    }
    return about | _about_zones(check.comparison) | {"rows": as_json(check.rows)}


def _about_zones(comparison: RecordedComparison) -> dict[str, object]:
    """The recorded zones that were simulated, for programs."""
    left_out: dict[str, object] = {"not_played": comparison.why} if comparison.why else {}
    if comparison.zones is None:
        return left_out
    plan = comparison.zones.market.plan
    looked = {"gap_ms": plan.looked.gap_ms, "observe_every_ms": plan.looked.observe_every_ms}
    return {"played": {"zones": [str(zone) for zone in plan.zones], "ticks": plan.ticks} | looked} | left_out
