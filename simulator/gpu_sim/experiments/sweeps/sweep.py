"""`sweep`: the runs of a plan, shared out by an executor, and their results brought together in a file."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import msgspec

from ... import __version__
from ...core.scenario.experiment.sweep_settings import Value
from ...core.scenario.scenario import Scenario
from ..runs.run import run
from ..runs.run_key import RunKeys, scenario_digest
from ..runs.run_result import Through
from .in_process import InProcess
from .plan import SweepPlan, sweep_plan
from .processes import Processes
from .results import SweepResults, encode_settings
from .results_file import ResultsFile, Row
from .settings import Setting, values_of

TASK_SECONDS = 1.0
"""A task has so many runs that it takes about this long: what it costs to send is small beside that."""
TASK_RUNS_MAX = 200
IN_FLIGHT_PER_WORKER = 2


def sweep(
    scenario: Scenario,
    settings: Mapping[str, Value | Sequence[Value]] | None = None,
    *,
    seeds: int | None = None,
    baseline: Mapping[str, Value] | None = None,
    results: Path | str = ":memory:",
    executor: Executor | None = None,
    jobs: int | None = None,
) -> SweepResults:
    """Run a scenario under each combination of settings and each seed, and return the results.

    `settings` are values by dotted names: one, a list, or as `--set` has them; the scenario's own `sweep` says the
    rest. Runs that `results` has already are not run again.

    Raises SettingUnusable, ResultsUnusable, and what runs raise.
    """
    plan = sweep_plan(
        scenario,
        settings=[Setting(name, values_of(name, values)) for name, values in (settings or {}).items()],
        seeds=seeds,
        baseline=baseline,
    )
    return run_plan(plan, results=results, executor=executor, jobs=jobs)


def run_plan(
    plan: SweepPlan,
    *,
    results: Path | str = ":memory:",
    executor: Executor | None = None,
    jobs: int | None = None,
    through: Through = "core",
    on_runs: Callable[[int], None] = lambda _: None,
) -> SweepResults:
    """The results of a plan. `jobs` is the number of processes, by default that of the cores, with 1 none but this one,
    and with an executor of one's own that of its workers; `on_runs` is called with the number of runs that are newly
    there.

    No process of ours outlives this call, whatever breaks it off; what is in the file by then stays there.
    """
    workers = jobs or os.cpu_count() or 1
    file = ResultsFile(results, scenario_digest(plan.scenario), __version__)
    try:
        # Without a process for one: it would only have to load everything again.
        if executor is not None or workers == 1:
            _run_all(plan, file, executor or InProcess(), workers, through, on_runs)
        else:
            processes = Processes(workers)
            try:
                _run_all(plan, file, processes, workers, through, on_runs)
            finally:
                # Nothing runs any more unless something broke it off.
                processes.shutdown(cancel_futures=True)
    except BaseException:
        file.close()
        raise
    return SweepResults(plan, file)


class _Share(NamedTuple):
    """The runs of one task: of one combination, under several seeds."""

    scenario: Scenario
    settings: dict[str, str]
    seeds: tuple[int, ...]
    called: str | None


def _run_all(
    plan: SweepPlan,
    file: ResultsFile,
    executor: Executor,
    workers: int,
    through: Through,
    on_runs: Callable[[int], None],
) -> None:
    size = _TaskSize()
    shares = _shares(plan, file, size, on_runs)
    pending: set[Future[tuple[float, list[Row]]]] = set()
    try:
        while True:
            # Few at a time: so memory does not grow with the number of runs, and task sizes follow what runs take.
            for share in islice(shares, workers * IN_FLIGHT_PER_WORKER - len(pending)):
                pending.add(executor.submit(run_some, *share, through))
            if not pending:
                return
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for each in done:
                seconds, rows = each.result()
                file.add(rows)
                size.learn(seconds / len(rows))
                on_runs(len(rows))
    finally:
        for each in pending:
            each.cancel()


class _TaskSize:
    """The number of runs in a task, which follows the time that runs take."""

    def __init__(self) -> None:
        self.runs = 1

    def learn(self, seconds: float) -> None:
        """One run has taken so long."""
        self.runs = max(1, min(TASK_RUNS_MAX, int(TASK_SECONDS / max(seconds, 1e-6))))


def _shares(plan: SweepPlan, file: ResultsFile, size: _TaskSize, on_runs: Callable[[int], None]) -> Iterator[_Share]:
    """The runs that the file does not have yet, shared out."""
    for point in plan.points:
        missing: list[int] = []
        keys = RunKeys(point.scenario, point.settings)
        for seed in plan.seeds:
            if file.has(keys.of(seed)):
                on_runs(1)
            else:
                missing.append(seed)
            if len(missing) >= size.runs:
                yield _Share(point.scenario, point.settings, tuple(missing), plan.called)
                missing = []
        if missing:
            yield _Share(point.scenario, point.settings, tuple(missing), plan.called)


def run_some(
    scenario: Scenario, settings: dict[str, str], seeds: Sequence[int], called: str | None, through: Through
) -> tuple[float, list[Row]]:
    """Run a scenario under these seeds; the seconds that it took, and the rows. A worker's task."""
    began = monotonic()
    rows = []
    for seed in seeds:
        result = run(scenario, seed=seed, settings=settings, through=through, called=called)
        rows.append(Row(result.key, encode_settings(settings), seed, msgspec.json.encode(result.metrics)))
    return monotonic() - began, rows
