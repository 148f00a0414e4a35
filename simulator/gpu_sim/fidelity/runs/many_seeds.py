"""Many seeds of a market, on as many processes as there are cores."""

import os
import signal
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context

from .seed_run import Plan, SeedRun, run_seed


def run_seeds(
    plan: Plan, seeds: Sequence[int], *, jobs: int | None = None, on_days: Callable[[int], None] = lambda _: None
) -> tuple[SeedRun, ...]:
    """Run and measure these seeds, in their order, the first with its history.

    `jobs` is the number of processes, by default that of the cores; with one nothing but this process is used.
    `on_days` is called with the days of a market that have just been run.
    """
    processes = min(jobs or os.cpu_count() or 1, len(seeds))
    # Without a process for one: it would only have to load everything again.
    if processes == 1:
        each_day = partial(on_days, 1)
        return tuple(run_seed(plan, seed, with_history=seed == seeds[0], on_day=each_day) for seed in seeds)
    return _in_parallel(plan, seeds, processes, on_days)


def _in_parallel(
    plan: Plan, seeds: Iterable[int], processes: int, on_days: Callable[[int], None]
) -> tuple[SeedRun, ...]:
    """Run seeds in spawned processes: forking is unsafe if this one has threads."""
    quiet = signal.SIGINT, signal.SIG_DFL  # an interrupted command says so once, from this process
    with ProcessPoolExecutor(processes, get_context("spawn"), initializer=signal.signal, initargs=quiet) as pool:
        pending = [pool.submit(run_seed, plan, seed, with_history=number == 0) for number, seed in enumerate(seeds)]
        try:
            for done in as_completed(pending):
                # Raises what a run has raised, before the others are over.
                done.result()
                on_days(plan.days)
        except BaseException:
            # A check that was interrupted or has failed starts no other run.
            pool.shutdown(cancel_futures=True)
            raise
        return tuple(each.result() for each in pending)
