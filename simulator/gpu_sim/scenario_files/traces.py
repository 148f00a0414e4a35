"""Availability traces in their published JSON form: what could be had in one zone, tick by tick.

`{"metadata": {"gap_seconds": 195}, "data": [0, 1, …]}`: a tick is `gap_seconds` long and holds 1 where a GPU could be
had and 0 where not, or the number of nodes that could be had.
"""

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from ..type_errors import parse_type_error
from .problems import Problem, ScenarioError, read_text

BYTES_MAX = 256 << 20
NODES_MAX = 1_000_000
GAP_SECONDS_MAX = 1_000_000_000


class TraceMetadata(Struct):
    """The part of a trace's metadata that is read here."""

    gap_seconds: int | float


class TraceDocument(Struct):
    """A trace as its file has it."""

    metadata: TraceMetadata
    data: Annotated[list[Annotated[int, Meta(ge=0, le=NODES_MAX)]], Meta(min_length=1)]


def read_trace_file(path: Path) -> TraceDocument:
    """Read a trace's file. Raises ScenarioError with file, field and reason where it holds none."""
    try:
        document = msgspec.json.decode(read_text(path, BYTES_MAX), type=TraceDocument)
    except msgspec.DecodeError as error:
        problem = parse_type_error(str(error))
        raise ScenarioError(Problem(str(path), None, None, problem.place, problem.reason)) from None
    gap_seconds = document.metadata.gap_seconds
    if not 0 < gap_seconds <= GAP_SECONDS_MAX:  # msgspec reports bounds of the type as those of whole numbers alone
        reason = f"Expected a number > 0 and <= {GAP_SECONDS_MAX}, got {gap_seconds}"
        raise ScenarioError(Problem(str(path), None, None, "metadata.gap_seconds", reason))
    return document
