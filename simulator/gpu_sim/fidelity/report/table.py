"""The table of judged targets, as text and for programs."""

from collections.abc import Callable, Sequence
from math import isnan

from .judged_targets import JudgedTarget, Spread, known
from .targets import SOURCES

_ALWAYS = ("statistic", "real", "simulated", "tolerance", "verdict")

_OPTIONAL: dict[str, Callable[[JudgedTarget], str]] = {
    "recorded": lambda row: "" if row.recorded is None else f"{row.recorded:.3g}",
    "off by": lambda row: "" if row.off_sd is None else f"{row.off_sd:+.1f} sd",
    "at every tick, not judged": lambda row: _as_text(row.each_tick),
}
"""The columns that a table has where one of its rows has something for them."""


def summary(rows: Sequence[JudgedTarget]) -> str:
    """The number of rows of each verdict, in a sentence."""
    counts = {verdict: sum(row.verdict == verdict for row in rows) for verdict in ("held", "missed", "not shown")}
    aims = [row.reaches_aim for row in rows if row.reaches_aim is not None]
    counted = f"{len(rows)} statistics: " + ", ".join(f"{number} {verdict}" for verdict, number in counts.items())
    return counted + (f"; {sum(aims)} of {len(aims)} closer aims reached" if aims else "")


def column_names(rows: Sequence[JudgedTarget]) -> tuple[str, ...]:
    """The heads of the table's columns; what no row has is left out."""
    optional = [name for name, cell in _OPTIONAL.items() if any(cell(row) for row in rows)]
    of = ["of"] if any(row.of != "own offers" for row in rows) else []
    shown = (
        "statistic",
        "real",
        "recorded",
        "simulated",
        "off by",
        "at every tick, not judged",
        "tolerance",
        "of",
        "verdict",
    )
    return tuple(name for name in shown if name in (*_ALWAYS, *optional, *of))


def columns(row: JudgedTarget, rows: Sequence[JudgedTarget]) -> tuple[str, ...]:
    """A row of the table as text."""
    cells = {
        "statistic": row.target.name,
        "real": row.target.real,
        "simulated": _as_text(row.simulated),
        "tolerance": _bounds(row),
        "of": row.of,
        "verdict": _verdict(row),
    }
    cells |= {name: cell(row) for name, cell in _OPTIONAL.items()}
    return tuple(cells[name] for name in column_names(rows))


def _as_text(value: Spread | None) -> str:
    if value is None:
        return ""
    return f"{value.mean:.3g}" if isnan(value.sd) else f"{value.mean:.3g} ± {value.sd:.2g}"


def _bounds(row: JudgedTarget) -> str:
    if row.target.measure == "rate_ratio" and row.verdict == "not shown":
        return "3 standard errors"
    digits = 4 if row.of == "own offers" else 3  # what lies about a recorded value has no round figures
    bounds = f"{row.low:.{digits}g}–{row.high:.{digits}g}" if row.low < row.high else f"{row.low:g}"
    return bounds if row.target.aim is None else f"{bounds} (aim {row.target.aim[0]:.3g}–{row.target.aim[1]:.3g})"


def _verdict(row: JudgedTarget) -> str:
    if row.verdict == "not shown":
        return f"not shown: {row.reason}"
    return (
        row.verdict if row.reaches_aim is None else f"{row.verdict}, aim {'reached' if row.reaches_aim else 'missed'}"
    )


def as_json(rows: Sequence[JudgedTarget]) -> list[dict[str, object]]:
    """The table for other programs; what is not known is null."""
    return [
        {
            "measure": row.target.measure,
            "statistic": row.target.name,
            "real": row.target.real,
            "sources": [SOURCES[source] for source in row.target.sources],
            "tolerance": [known(row.low), known(row.high)],
            "aim": row.target.aim,
            "simulated": _as_json(row.simulated),
            "every_tick": _as_json(row.each_tick),
            "recorded": known(row.recorded),
            "off_sd": row.off_sd,
            "of": row.of,
            "verdict": row.verdict,
            "reaches_aim": row.reaches_aim,
            "reason": row.reason or None,
        }
        for row in rows
    ]


def _as_json(value: Spread | None) -> dict[str, float | None] | None:
    return None if value is None else {"mean": known(value.mean), "sd": known(value.sd)}
