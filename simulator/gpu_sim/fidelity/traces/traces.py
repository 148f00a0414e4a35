"""Availability traces as arrays, each with its name: a file in the published form is named after its zone and GPU."""

import re
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct

from ...output_file import write_file
from ...scenario_files.problems import Problem, ScenarioError
from ...scenario_files.traces import TraceDocument, TraceMetadata, read_trace_file
from .arrays import Marks, Whole

_name = re.compile(
    r"(?:(?P<recording>[^/]*)__)?(?P<region>[^_/]+)(?P<letter>[a-z])_(?P<gpu>[^_/]+(?:_[^_/]+)*)_(?P<gpus>[1-9]\d{0,5})",
    re.ASCII,
).fullmatch


class TraceName(Struct, frozen=True):
    """The parsed name of a trace: the recording, the zone, the GPU, and the number of GPUs of a node.

    The zone is the region and a letter: `us-east-1` and `a`. Raises ValueError where a part could not be read back.
    """

    region: str
    letter: str
    gpu: str
    gpus: int = 1
    recording: str = ""

    def __post_init__(self) -> None:
        # Written and parsed again: what a trace is exported as must be read as the same zone.
        matched = _name(f"{self.recording}__{self}")
        if matched is None or matched.groups() != (
            self.recording,
            self.region,
            self.letter,
            self.gpu,
            str(self.gpus),
        ):
            raise ValueError(f'no trace can be named "{self}"')

    def __str__(self) -> str:
        """The zone with its GPUs, by which traces are sorted: `us-east-1a_v100_1`."""
        return f"{self.region}{self.letter}_{self.gpu}_{self.gpus}"

    @property
    def zone(self) -> str:
        """`us-east-1a`."""
        return self.region + self.letter

    @property
    def file_name(self) -> str:
        """`<recording>__us-east-1a_v100_1.json`."""
        return f"{self.recording}__{self}.json" if self.recording else f"{self}.json"


class Trace(Struct, frozen=True, eq=False):
    """One zone: `values[i]` is the number of nodes that could be had in tick i, from 0 on."""

    name: TraceName
    gap_seconds: float
    values: Whole

    @property
    def up(self) -> Marks:
        """Where anything could be had."""
        return self.values > 0


def parse_name(file_name: str) -> TraceName:
    """Parse a file's name. Raises ValueError where it is not `<anything>__<region><letter>_<gpu>_<gpus>.json`."""
    matched = _name(file_name.removesuffix(".json"))
    if matched is None or not file_name.endswith(".json"):
        raise ValueError("expected a name such as mine__us-east-1a_v100_1.json: …__<region><letter>_<gpu>_<gpus>.json")
    recording, region, letter, gpu, gpus = matched.groups()
    return TraceName(region, letter, gpu, int(gpus), recording or "")


def read_trace(path: Path) -> Trace:
    """The trace of a file. Raises ScenarioError with file, field and reason where it holds none."""
    try:
        name = parse_name(path.name)
    except ValueError as error:
        raise ScenarioError(Problem(str(path), None, None, "", str(error))) from None
    document = read_trace_file(path)
    return Trace(name, document.metadata.gap_seconds, np.array(document.data, np.int64))


def write_trace(folder: Path, trace: Trace) -> Path:
    """Write a trace under its name into a folder that exists; answers the file's path."""
    path = folder / trace.name.file_name
    document = TraceDocument(TraceMetadata(trace.gap_seconds), trace.values.tolist())
    write_file(path, msgspec.json.encode(document) + b"\n")
    return path


def align(traces: Iterable[Trace]) -> tuple[Trace, ...]:
    """Traces that can be compared tick by tick: sorted by name and cut to the shortest.

    Raises ValueError where there is none, where two have one zone and GPU, or where gaps differ.
    """
    ordered = sorted(traces, key=lambda trace: str(trace.name))
    if not ordered:
        raise ValueError("there is no trace")
    first = ordered[0]
    for before, trace in pairwise(ordered):
        if str(trace.name) == str(before.name):
            raise ValueError(f"there are two traces of {trace.name}")
        if trace.gap_seconds != first.gap_seconds:
            raise ValueError(
                f"the traces have different gaps: {first.name} has {first.gap_seconds:g} s, "
                f"{trace.name} has {trace.gap_seconds:g} s"
            )
    length = min(len(trace.values) for trace in ordered)
    return tuple(Trace(trace.name, trace.gap_seconds, trace.values[:length]) for trace in ordered)


class TracesUnusable(Exception):  # named as the refusals are: by what it says
    """These traces cannot be used together for what was asked; the message says why."""
