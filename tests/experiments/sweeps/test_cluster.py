"""Sweeps on a Dask cluster, which comes with the extra `cluster`: each result once, whoever dies meanwhile."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from gpu_sim.experiments.sweeps.cluster import ClusterUnreachable, cluster_of
from gpu_sim.experiments.sweeps.plan import sweep_plan
from gpu_sim.experiments.sweeps.settings import Setting
from gpu_sim.experiments.sweeps.sweep import run_plan

from tests.experiments.sweeps.test_sweep import SMALL, VARIED

_CLUSTER = """
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", scheduler_port=0, dashboard_address=None
    )
    print(cluster.scheduler_address, *(nanny.pid for nanny in cluster.workers.values()), flush=True)
    sys.stdin.read()
    cluster.close()
"""


@contextmanager
def _cluster(folder: Path) -> Iterator[tuple[str, list[int]]]:
    """A cluster of two worker processes on loopback: its scheduler's address and the processes."""
    script = folder / "cluster.py"
    script.write_text(_CLUSTER)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(["simulator", "."])}
    cluster = subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert cluster.stdout is not None
        address, *workers = cluster.stdout.readline().split()
        yield address, [int(worker) for worker in workers]
        cluster.communicate(timeout=60)
    finally:
        cluster.kill()
        cluster.wait()


@pytest.mark.slow
def test_a_worker_of_a_cluster_that_is_killed_loses_no_run_and_doubles_none(tmp_path: Path) -> None:
    """What it took along is run by the other, and all is what it is in processes of our own."""
    plan = sweep_plan(SMALL, settings=[Setting(name, tuple(values)) for name, values in VARIED.items()], seeds=200)
    counts: list[int] = []
    with _cluster(tmp_path) as (address, workers), cluster_of(address) as executor:

        def more(runs: int) -> None:
            counts.append(runs)
            # Early, so that tasks are with both.
            if len(counts) == 3:
                os.kill(workers[0], signal.SIGKILL)

        with run_plan(plan, results=tmp_path / "r.db", executor=executor, jobs=2, on_runs=more) as results:
            there = list(results.file.rows())
    assert len(counts) > 3
    assert sum(counts) == len(there) == len({row.key for row in there}) == 600
    with run_plan(plan, jobs=2) as results:
        assert list(results.file.rows()) == there


@pytest.mark.slow
def test_a_cluster_at_no_address_is_refused() -> None:
    """By the address, with the reason."""
    with pytest.raises(ClusterUnreachable, match="nowhere: "), cluster_of("nowhere"):
        pass
