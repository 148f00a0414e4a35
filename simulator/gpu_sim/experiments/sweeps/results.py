"""The results of a sweep: rows of metrics, which read as tables of several kinds."""

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from ..runs.metric_table import REFUSAL_CODES, REFUSALS
from ..runs.run_key import RunKeys
from .paired import Paired, mean_interval, paired
from .plan import SweepPlan
from .results_file import ResultsFile, Row

if TYPE_CHECKING:
    import pandas
    import polars

Metrics = dict[str, int | float | None]


class SweepResults:
    """The rows of a sweep, those of the plan alone, by settings and seed.

    They are read from the file each time, so that memory does not grow with their number.
    """

    def __init__(self, plan: SweepPlan, file: ResultsFile) -> None:
        self.plan = plan
        self.file = file
        self._numbers = {encode_settings(point.settings): number for number, point in enumerate(plan.points)}
        self._keys: dict[int, RunKeys] = {}

    def __enter__(self) -> "SweepResults":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; nothing can be read any more."""
        self.file.close()

    def _planned(self) -> Iterator[tuple[int, Row]]:
        """The rows of the plan, each with the number of its combination: a file may hold those of other plans too."""
        for row in self.file.rows():
            number = self._numbers.get(row.settings)
            # By its key: of equal settings and seed there may be one more, of a policy or a trace as it was before.
            if number is not None and row.seed in self.plan.seeds and row.key == self._key(number, row.seed):
                yield number, row

    def _key(self, number: int, seed: int) -> str:
        """The key of a run of the plan."""
        keys = self._keys.get(number)
        if keys is None:
            point = self.plan.points[number]
            keys = self._keys[number] = RunKeys(point.scenario, point.settings)
        return keys.of(seed)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Each run as one flat row: its settings, `seed`, and its metrics by name."""
        for _, row in self._planned():
            yield json.loads(row.settings) | {"seed": row.seed} | json.loads(row.metrics)

    def metric_names(self) -> list[str]:
        """The names of the metrics that its runs have, in their order."""
        names: dict[str, None] = {}
        for _, row in self._planned():
            names.update(dict.fromkeys(json.loads(row.metrics)))
        return list(names)

    def values(self, metric: str) -> list[list[float | None]]:
        """The values of a metric: for each combination of the plan those of its seeds, in order; None where a run has
        none, but 0 for refusals with a code that it had none of. Raises KeyError for a metric that no run has."""
        found: list[dict[int, float | None]] = [{} for _ in self.plan.points]
        about, _, code = metric.partition(f".{REFUSALS}")
        lacking = 0 if code in REFUSAL_CODES else None
        known = False
        for number, row in self._planned():
            metrics: Metrics = msgspec.json.decode(row.metrics)
            known = known or metric in metrics or (lacking == 0 and f"{about}.refusals" in metrics)
            found[number][row.seed] = metrics.get(metric, lacking)
        if not known:
            raise KeyError(metric)
        return [[each.get(seed) for seed in self.plan.seeds] for each in found]

    def means(self, metric: str) -> list[tuple[float, float | None] | None]:
        """Mean and half width of its 95 % interval for each combination; None where not every run has a value."""
        return [mean_interval(values) if (values := _whole(each)) else None for each in self.values(metric)]

    def against_baseline(self, metric: str) -> list[Paired | None]:
        """For each combination the paired difference from the baseline: the combination that has the baseline's values
        and is else equal. None for that itself, and where not every run has a value."""
        values = [_whole(each) for each in self.values(metric)]
        points = self.plan.points
        compared: list[Paired | None] = []
        for number, point in enumerate(points):
            base = self._numbers.get(encode_settings(point.settings | self.plan.baseline))
            mine = values[number]
            theirs = None if base is None else values[base]
            is_other = base != number and bool(self.plan.baseline)
            compared.append(paired(mine, theirs) if is_other and mine and theirs else None)
        return compared

    def write_csv(self, file: TextIO) -> None:
        """Write the rows as CSV, with a column for each setting and each metric."""
        columns = dict.fromkeys(name for row in self.rows() for name in row)
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows())

    def to_pandas(self) -> "pandas.DataFrame":
        """The rows as a frame of pandas, which the extra `frames` installs."""
        import pandas  # noqa: PLC0415  # it is of an extra, and slow to load

        return pandas.DataFrame(list(self.rows()))

    def to_polars(self) -> "polars.DataFrame":
        """The rows as a frame of Polars, which the extra `frames` installs."""
        import polars  # noqa: PLC0415  # it is of an extra, and slow to load

        return polars.DataFrame(list(self.rows()), infer_schema_length=None)

    def write_parquet(self, path: Path) -> None:
        """Write the rows as Parquet, by Polars."""
        self.to_polars().write_parquet(path)


def encode_settings(settings: Mapping[str, str]) -> bytes:
    """Settings as rows bear them: equal ones are equal bytes."""
    return msgspec.json.encode(dict(sorted(settings.items())))


def _whole(values: list[float | None]) -> list[float] | None:
    known = [value for value in values if value is not None]
    return known if len(known) == len(values) else None
