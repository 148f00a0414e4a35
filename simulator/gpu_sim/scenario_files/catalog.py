"""A catalogue of offers as CSV: a header with the columns below in any order, then a line per offer."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec import Struct

from ..core.kernel.names import did_you_mean
from ..core.kernel.quantities import Availability, Share
from ..core.scenario.catalog import PROVIDER_CLASSES, OfferSpec
from ..notation import parse_availability, parse_price, parse_share
from ..shipped_files import folder
from .problems import Problem, ScenarioError, read_text

BYTES_MAX = 64 << 20

_whole = re.compile(r"\d{1,9}", re.ASCII).fullmatch
_fraction = re.compile(r"\d(\.\d{1,20})?", re.ASCII).fullmatch


def _number(text: str) -> int:
    if not _whole(text):
        raise ValueError(f'expected a whole number such as 24, got "{text[:40]}"')
    return int(text)


def _probability(text: str) -> Share:
    if not _fraction(text):
        raise ValueError(f'expected a probability between 0 and 1 such as 0.02, got "{text[:40]}"')
    return parse_share(Decimal(text))


def _availability(text: str) -> Availability | None:
    if not text:
        return None
    return parse_availability(Decimal(text) if _fraction(text) else text)


def _spot(text: str) -> bool:
    if text not in ("", "true", "false"):
        raise ValueError(f'expected true, false or nothing, which is true, got "{text[:40]}"')
    return text != "false"


def _provider_class(text: str) -> str:
    if text not in PROVIDER_CLASSES:
        raise ValueError(
            f'no class "{text[:40]}": one of {", ".join(PROVIDER_CLASSES)}{did_you_mean(text[:40], PROVIDER_CLASSES)}'
        )
    return text


class _Column(Struct, frozen=True):
    """The field of an offer that a column holds, and how its text is read."""

    field: str
    read: Callable[[str], Any] = str
    required: bool = True


_COLUMNS = {
    "provider_id": _Column("provider_id"),
    "provider_class": _Column("provider_class", _provider_class),
    "gpu_model": _Column("gpu_model"),
    "vram_gb": _Column("vram_gb", _number),
    "region": _Column("region"),
    "spot_usd_per_gpu_hour": _Column("spot_price", parse_price),
    "on_demand_usd_per_gpu_hour": _Column("on_demand_price", parse_price),
    "interruption_probability_per_hour": _Column("interruption_probability", _probability),
    "capacity_gpus": _Column("capacity", _number),
    "availability": _Column("availability", _availability, required=False),
    "group": _Column("group", lambda text: text or None, required=False),
    "spot": _Column("spot", _spot, required=False),
}
_REMARK = "basis"
"""A column for people: where a row's figures come from. It may be left out."""


def default_catalog() -> Path:
    """The catalogue that is shipped."""
    return folder("scenarios") / "catalog.csv"


def read_catalog(path: Path) -> tuple[OfferSpec, ...]:
    """The offers of a CSV file, in its order. Raises ScenarioError with the file and line of each problem.

    Prices are dollars per GPU and hour with at most three decimals, the probability is that of being interrupted
    within the scenario's horizon, one hour by default (A1).
    """
    # newline="": csv finds the ends of lines by itself, also where one is within quotes.
    rows = csv.reader(io.StringIO(read_text(path, BYTES_MAX), newline=""), strict=True)
    problems: list[Problem] = []
    offers: list[OfferSpec] = []
    lines: list[int] = []
    try:
        columns = _columns(next(rows, []), str(path))
        for row in rows:
            if not row:
                continue
            try:
                offers.append(_offer(columns, row))
                lines.append(rows.line_num)
            except _BadRow as bad:
                problems.append(Problem(str(path), rows.line_num, None, bad.column, bad.reason))
    except csv.Error as error:
        problems.append(Problem(str(path), rows.line_num, None, "", f"no CSV: {error}"))
    problems += (
        Problem(str(path), lines[again], None, "", f"the same offer as in line {lines[first]}")
        for again, first in find_repeats(offers)
    )
    if not offers and not problems:
        problems.append(Problem(str(path), rows.line_num, None, "", "the catalogue has no offers"))
    if problems:
        raise ScenarioError(*problems)
    return tuple(offers)


def find_repeats(offers: Iterable[OfferSpec]) -> Iterator[tuple[int, int]]:
    """The offers with the name of an earlier one, in any case (A14): the index of each and that of the earlier one."""
    firsts: dict[str, int] = {}
    for index, offer in enumerate(offers):
        first = firsts.setdefault(offer.name.casefold(), index)
        if first != index:
            yield index, first


class _BadRow(Exception):
    """A row is no offer."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason


def _columns(header: list[str], file: str) -> list[_Column | None]:
    problems: list[Problem] = []
    for index, name in enumerate(header):
        if name not in _COLUMNS and name != _REMARK:
            message = f'unknown column "{name[:40]}"{did_you_mean(name[:40], _COLUMNS)}'
            problems.append(Problem(file, 1, None, "", message))
        elif name in header[:index]:
            problems.append(Problem(file, 1, None, "", f'column "{name}" is given twice'))
    missing = [name for name, column in _COLUMNS.items() if column.required and name not in header]
    if missing:
        problems.append(Problem(file, 1, None, "", f"columns are missing: {', '.join(missing)}"))
    if problems:
        raise ScenarioError(*problems)
    return [_COLUMNS.get(name) for name in header]


def _offer(columns: list[_Column | None], row: list[str]) -> OfferSpec:
    if len(row) != len(columns):
        raise _BadRow("", f"{len(row)} values for {len(columns)} columns")
    fields: dict[str, Any] = {}
    for column, text in zip(columns, row, strict=True):
        if column is not None:
            try:
                fields[column.field] = column.read(text)
            except ValueError as error:
                raise _BadRow(_header_of(column), str(error)) from None
    try:
        return OfferSpec(**fields)
    except ValueError as error:
        raise _BadRow("", str(error)) from None


def _header_of(column: _Column) -> str:
    return next(name for name, candidate in _COLUMNS.items() if candidate is column)
