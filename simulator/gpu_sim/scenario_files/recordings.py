"""Recordings that a scenario replays, from their files: availability traces as JSON, price series as CSV."""

import csv
import io
import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, NoReturn

from ..core.kernel.quantities import Duration
from ..core.scenario.recordings import LENGTH_MS_MAX, Recording
from ..notation import parse_instant, parse_price
from .problems import Problem, ScenarioError, read_text
from .traces import read_trace_file

BYTES_MAX = 64 << 20
COLUMNS = ("time", "usd_per_gpu_hour")

_is_seconds = re.compile(r"\d{1,10}(\.\d{1,3})?", re.ASCII).fullmatch


def read_trace_recording(path: Path) -> Recording:
    """The recording of a trace: how many nodes could be had. Raises ScenarioError with file, field and reason."""
    document = read_trace_file(path)
    gap_ms = Decimal(str(document.metadata.gap_seconds)) * 1000
    if gap_ms % 1:
        _refuse(path, None, "metadata.gap_seconds", "a tick that is replayed lasts whole milliseconds")
    length_ms = int(gap_ms) * len(document.data)
    if length_ms > LENGTH_MS_MAX:
        _refuse(path, None, "data", "longer than 36500d")
    ticks = ((index * int(gap_ms), nodes) for index, nodes in enumerate(document.data))
    return Recording(Duration(length_ms), _steps(ticks))


class _PriceRow(NamedTuple):
    """A row of a series, as it is written, and its line."""

    line: int
    time: str
    price: str


def read_price_recording(path: Path) -> Recording:
    """The recording of a price series: in the column `time` seconds since its start or instants, which are counted from
    the first, and in `usd_per_gpu_hour` the price from then on, with at most three decimals.

    The last price lasts as long as the one before it. Raises ScenarioError with file, line, column and reason.
    """
    rows = _rows(path)
    if not rows:
        _refuse(path, None, "", "the series has no prices")
    # The first row decides for all: a series that mixes the two has no clear beginning.
    read_time = _seconds_ms if _is_seconds(rows[0].time) else parse_instant
    times = [_cell(path, row.line, "time", row.time, read_time) for row in rows]
    prices = [_cell(path, row.line, "usd_per_gpu_hour", row.price, parse_price) for row in rows]
    if read_time is parse_instant:
        times = [time - times[0] for time in times]
    for (before, after), row in zip(pairwise(times), rows[1:], strict=True):
        if after <= before:
            _refuse(path, row.line, "time", "is not after the time of the row before")
    length_ms = times[-1] + (times[-1] - times[-2] if len(times) > 1 else 1)
    if length_ms > LENGTH_MS_MAX:
        _refuse(path, rows[-1].line, "time", "longer than 36500d")
    times[0] = 0  # what comes first also holds before
    return Recording(Duration(length_ms), _steps(zip(times, prices, strict=True)))


def _rows(path: Path) -> list[_PriceRow]:
    lines = csv.reader(io.StringIO(read_text(path, BYTES_MAX), newline=""), strict=True)
    rows: list[_PriceRow] = []
    try:
        header = next(lines, [])
        if sorted(header) != sorted(COLUMNS):
            _refuse(
                path, 1, "", f"expected the columns {' and '.join(COLUMNS)}, got {', '.join(header)[:80] or 'none'}"
            )
        for cells in filter(None, lines):
            if len(cells) != len(COLUMNS):
                _refuse(path, lines.line_num, "", f"{len(cells)} values for {len(COLUMNS)} columns")
            time, price = (cells[header.index(name)] for name in COLUMNS)
            rows.append(_PriceRow(lines.line_num, time, price))
    except csv.Error as error:
        _refuse(path, lines.line_num, "", f"no CSV: {error}")
    return rows


def _cell(path: Path, line: int, column: str, text: str, read: Callable[[str], int]) -> int:
    try:
        return int(read(text))
    except ValueError as error:
        _refuse(path, line, column, str(error))


def _seconds_ms(text: str) -> int:
    if not _is_seconds(text):
        raise ValueError(f'expected seconds such as 3600, as in the first row, got "{text[:40]}"')
    return int(Decimal(text) * 1000)


def _steps(series: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """The changes of a series: its values but those that repeat the one before."""
    steps: list[tuple[int, int]] = []
    for at_ms, value in series:
        if not steps or value != steps[-1][1]:
            steps.append((at_ms, value))
    return tuple(steps)


def _refuse(path: Path, line: int | None, field: str, reason: str) -> NoReturn:
    raise ScenarioError(Problem(str(path), line, None, field, reason))
