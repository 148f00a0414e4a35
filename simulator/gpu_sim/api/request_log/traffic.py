"""Counters of API requests and their durations. Requests are counted in batches, which costs each next to nothing."""

from bisect import bisect_left

from ...core.faults.injection import NAMES_BETWEEN
from ...worlds.request_log import KeptRequest

_US, _MS, _S = 1_000, 1_000_000, 1_000_000_000
BOUNDS_NS = (
    *(50 * _US, 100 * _US, 250 * _US, 500 * _US),
    *(1 * _MS, 2_500 * _US, 5 * _MS, 10 * _MS, 25 * _MS, 50 * _MS, 100 * _MS, 250 * _MS, 500 * _MS),
    *(1 * _S, 2_500 * _MS, 5 * _S, 10 * _S),
)
"""Inclusive upper bounds of the histogram's buckets in ns; a last bucket takes all that is above.

From 50 µs, below what a request takes, to 10 s, where only injected delays get to.
"""

RULES_COUNTED_MAX = 100
"""The number of fault rules that are counted by name; later ones are counted together as `other`.

Names come from clients, and each one is a time series in Prometheus.
"""

OTHER_RULES = "other"

COUNT_EVERY_REQUESTS = 64
"""The number of requests in a batch that is counted together."""


class OperationTraffic:
    """The counters of one operation."""

    __slots__ = ("buckets", "by_status", "total_ns")

    def __init__(self) -> None:
        self.by_status: dict[int, int] = {}
        self.buckets = [0] * (len(BOUNDS_NS) + 1)
        self.total_ns = 0


class Traffic:
    """The API requests of a server by operation; None stands for requests without one.

    Call `count_pending` before you read.
    """

    __slots__ = ("by_operation", "faults", "lines_dropped", "uncounted")

    def __init__(self) -> None:
        self.by_operation: dict[str | None, OperationTraffic] = {}
        self.faults: dict[str, int] = {}
        """Injected faults by rule, those of deleted worlds too; `header` counts faults that requests asked for."""
        self.lines_dropped = 0
        """Lines of the server's log that were dropped because its reader fell behind."""
        self.uncounted: list[KeptRequest] = []
        """Requests that are over and not counted yet."""

    def count_pending(self) -> None:
        """Count the requests that are not counted yet."""
        for request in self.uncounted:
            self.count(request.operation, request.status, request.span_ns)
            if request.fault:
                for rule in request.fault.split(NAMES_BETWEEN):
                    self.count_fault(rule)
        self.uncounted.clear()

    def count(self, operation: str | None, status: int, span_ns: int) -> None:
        """Count a request with its status, 0 for no answer, and its duration in ns."""
        counted = self.by_operation.get(operation)
        if counted is None:
            counted = self.by_operation[operation] = OperationTraffic()
        counted.by_status[status] = counted.by_status.get(status, 0) + 1
        counted.buckets[bisect_left(BOUNDS_NS, span_ns)] += 1
        counted.total_ns += span_ns

    def count_fault(self, rule: str) -> None:
        """Count a fault that a rule injected."""
        if rule not in self.faults and len(self.faults) >= RULES_COUNTED_MAX:
            rule = OTHER_RULES
        self.faults[rule] = self.faults.get(rule, 0) + 1
