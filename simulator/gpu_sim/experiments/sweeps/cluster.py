"""A Dask cluster as an executor, which the extra `cluster` installs."""

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager


class ClusterUnreachable(Exception):
    """No scheduler answers at the address."""


@contextmanager
def cluster_of(address: str | None) -> Iterator[Executor | None]:
    """The executor of the cluster whose scheduler is at this address; None where none is given.

    Raises ClusterUnreachable where nobody answers there.
    """
    if address is None:
        yield None
        return
    from distributed import Client  # noqa: PLC0415  # it is of an extra, and slow to load

    try:
        client = Client(address)
    except (OSError, ValueError) as error:
        raise ClusterUnreachable(f"{address}: {error}") from None
    with client:
        executor: Executor = client.get_executor(pure=False, retries=3)
        yield executor
