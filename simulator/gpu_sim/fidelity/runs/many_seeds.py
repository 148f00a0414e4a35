"""Many seeds of a market, on as many processes as there are cores."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import active_children, get_context

from ...exit_signals import ExitSignals
from ...output_file import remove_part
from ...worker_signals import begin_worker, blocked_signals
from .seed_run import Plan, SeedRun, export_folder, run_seed


def run_seeds(
    plan: Plan,
    seeds: Sequence[int],
    *,
    jobs: int | None = None,
    on_days: Callable[[int], None] = lambda _: None,
    signals: ExitSignals | None = None,
) -> tuple[SeedRun, ...]:
    """Run and measure these seeds, in their order, the first with its history.

    `jobs` is the number of processes, by default that of the cores; with one nothing but this process is used.
    `on_days` is called with the days of a market that have just been run. No process outlives this call, also where
    `signals` break it off.
    """
    processes = min(jobs or os.cpu_count() or 1, len(seeds))
    # Without a process for one: it would only have to load everything again.
    if processes == 1:
        each_day = partial(on_days, 1)
        return tuple(run_seed(plan, seed, with_history=seed == seeds[0], on_day=each_day) for seed in seeds)
    return _in_parallel(plan, seeds, processes, on_days, signals or ExitSignals())


def _in_parallel(
    plan: Plan, seeds: Sequence[int], processes: int, on_days: Callable[[int], None], signals: ExitSignals
) -> tuple[SeedRun, ...]:
    """Run seeds in spawned processes: forking is unsafe if this one has threads."""
    others = active_children()
    # Held but for the wait: a process half started would be one that nobody knows of.
    with signals.held(), ProcessPoolExecutor(processes, get_context("spawn"), initializer=begin_worker) as pool:
        try:
            pending = _submitted(pool, plan, seeds)
            with signals.released():
                return _results(pending, plan.days, on_days)
        except BaseException:
            # A check that was interrupted or has failed starts no other run, and waits for none.
            for process in active_children():
                if process not in others:
                    process.kill()
                    process.join()
                    _remove_parts(plan, seeds, process.pid or 0)
            pool.shutdown(cancel_futures=True)
            raise


def _submitted(pool: ProcessPoolExecutor, plan: Plan, seeds: Sequence[int]) -> list[Future[SeedRun]]:
    with blocked_signals():  # the processes, which start here, begin with them blocked
        return [pool.submit(run_seed, plan, seed, with_history=number == 0) for number, seed in enumerate(seeds)]


def _results(pending: Sequence[Future[SeedRun]], days: int, on_days: Callable[[int], None]) -> tuple[SeedRun, ...]:
    for done in as_completed(pending):
        # Raises what a run has raised, before the others are over.
        done.result()
        on_days(days)
    return tuple(each.result() for each in pending)


def _remove_parts(plan: Plan, seeds: Sequence[int], pid: int) -> None:
    if plan.export is not None:
        for seed in seeds:
            remove_part(export_folder(plan.export, seed), pid)
