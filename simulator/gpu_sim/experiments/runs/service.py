"""A service: so many replicas are wanted, and each of its rentals that is ready is one."""

from collections.abc import Iterator

from ...core.scenario.experiment.renters import RenterSpec, ServiceSpec
from ..renting.market_client import MarketClient
from ..renting.policy import Policy
from .facts import ServiceFacts
from .need import Held, Need


class Service(Need):
    """One service."""

    def __init__(self, account: str, spec: RenterSpec, policy: Policy, client: MarketClient) -> None:
        super().__init__(account, 0, spec, policy, client)
        assert spec.service is not None
        self._spec: ServiceSpec = spec.service
        self._served_ms: list[tuple[int, int]] = []
        self.facts = ServiceFacts(account, [])

    def begins_to_run(self, held: Held, at_ms: int) -> None:
        """It will be ready after its cold start."""
        held.start_ms = held.run(at_ms)
        held.ready_ms = held.facts.ready_ms = held.start_ms + int(self._spec.cold_start)

    def loses(self, held: Held, at_ms: int) -> int:
        """A replica less; no work is lost by it."""
        self._book(held, at_ms)
        if held.ready_ms is not None and held.ready_ms < at_ms:
            self._served_ms.append((held.ready_ms, at_ms))
        return 0

    def _book(self, held: Held, at_ms: int) -> None:
        if held.start_ms is None or held.ready_ms is None:
            return
        held.facts.restart_ms = min(at_ms, held.ready_ms) - held.start_ms
        held.facts.worked_ms = max(0, at_ms - held.ready_ms)

    def finish(self, now_ms: int) -> bool:
        """A service is never done."""
        return False

    def give_up(self, now_ms: int) -> None:
        """It rents nothing any more; what is wanted of it stays wanted."""
        self.is_over = True

    def job_seen(self, now_ms: int) -> None:
        """None: it is no job."""

    def replicas_wanted(self, now_ms: int) -> int:
        """The number that is wanted now."""
        return self._spec.wanted_at(now_ms)

    def wakes(self, now_ms: int) -> Iterator[int]:
        """The instants at which replicas become ready."""
        return (held.ready_ms for held in self.held.values() if held.ready_ms is not None and held.ready_ms > now_ms)

    def turns_at(self, now_ms: int) -> bool:
        """True where a replica becomes ready."""
        return any(held.ready_ms == now_ms for held in self.held.values())

    def demand_changes(self) -> Iterator[int]:
        """The instants at which another number is wanted."""
        return (int(at_ms) for at_ms, _ in self._spec.demand)

    def close(self, end_ms: int) -> None:
        """Count the replicas that were ready, from each instant on, that of the end included."""
        changes: dict[int, int] = dict.fromkeys([0, *(at for at in self.demand_changes() if at <= end_ms)], 0)
        for from_ms, to_ms in self._served_ms:
            changes[from_ms] = changes.get(from_ms, 0) + 1
            changes[to_ms] = changes.get(to_ms, 0) - 1
        for held in self.held.values():
            self._book(held, end_ms)
            if held.ready_ms is not None and held.ready_ms <= end_ms:
                changes[held.ready_ms] = changes.get(held.ready_ms, 0) + 1
        ready = 0
        for at_ms in sorted(changes):
            ready += changes[at_ms]
            self.facts.steps.append((at_ms, ready, self.replicas_wanted(at_ms)))
