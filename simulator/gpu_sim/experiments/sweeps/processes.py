"""Processes of our own as an executor: what a process that died took along is submitted anew."""

from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from threading import Lock
from typing import ParamSpec, TypeVar

from ...worker_signals import begin_worker, blocked_signals

ATTEMPTS_MAX = 4
"""A task that was with a dying process so often is given up: it may well be what kills them."""

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Processes(Executor):
    """Spawned processes, since forking is unsafe where there are threads. A task must be harmless to run twice."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._lock = Lock()
        self._pool = self._new_pool()
        self._is_closed = False

    def _new_pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self._workers, get_context("spawn"), initializer=begin_worker)

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Submit a task, which is picklable."""
        outer: Future[_T] = Future()
        outer.set_running_or_notify_cancel()
        self._submit(outer, 1, lambda pool: pool.submit(fn, *args, **kwargs))
        return outer

    def _submit(self, outer: Future[_T], attempt: int, start: Callable[[ProcessPoolExecutor], Future[_T]]) -> None:
        # Without our lock: newer Pythons call back with that of a broken pool held, and so may wait for ours.
        pool = self._pool
        try:
            inner = self._start(pool, start)
        except BrokenProcessPool:
            pool = self._replaced(pool)
            inner = self._start(pool, start)
        inner.add_done_callback(lambda done: self._done(outer, done, pool, attempt, start))

    def _done(
        self,
        outer: Future[_T],
        inner: Future[_T],
        pool: ProcessPoolExecutor,
        attempt: int,
        start: Callable[[ProcessPoolExecutor], Future[_T]],
    ) -> None:
        if inner.cancelled():
            outer.set_exception(BrokenProcessPool("the processes were shut down"))
            return
        error = inner.exception()
        if error is None:
            outer.set_result(inner.result())
        elif not isinstance(error, BrokenProcessPool) or attempt == ATTEMPTS_MAX or self._is_closed:
            outer.set_exception(error)
        else:
            self._replaced(pool)
            try:
                self._submit(outer, attempt + 1, start)
            except RuntimeError as too_late:  # it was shut down meanwhile
                outer.set_exception(too_late)

    @staticmethod
    def _start(pool: ProcessPoolExecutor, start: Callable[[ProcessPoolExecutor], Future[_T]]) -> Future[_T]:
        with blocked_signals():  # the processes, which start here, begin with them blocked
            return start(pool)

    def _replaced(self, broken: ProcessPoolExecutor) -> ProcessPoolExecutor:
        """The pool in place of a broken one, new unless another task has made it."""
        with self._lock:
            if self._pool is broken and not self._is_closed:
                self._pool = self._new_pool()
            return self._pool

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes; with `cancel_futures` what runs is broken off, for nobody wants it any more."""
        with self._lock:
            self._is_closed = True
            pool = self._pool
        processes = [*(getattr(pool, "_processes", None) or {}).values()] if cancel_futures else []
        pool.shutdown(wait=False, cancel_futures=cancel_futures)
        for process in processes:
            process.kill()
            process.join()
        if wait:
            pool.shutdown(wait=True)
