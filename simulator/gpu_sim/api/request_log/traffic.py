"""How many API requests there were and how long they took, counted several at a time: that costs next to nothing."""

from bisect import bisect_left

from ...worlds.request_log import KeptRequest

_US, _MS, _S = 1_000, 1_000_000, 1_000_000_000
BOUNDS_NS = (
    *(50 * _US, 100 * _US, 250 * _US, 500 * _US),
    *(1 * _MS, 2_500 * _US, 5 * _MS, 10 * _MS, 25 * _MS, 50 * _MS, 100 * _MS, 250 * _MS, 500 * _MS),
    *(1 * _S, 2_500 * _MS, 5 * _S, 10 * _S),
)
"""Upper bounds of the histogram's buckets, inclusive; one more bucket takes what is above."""


RULES_COUNTED_MAX = 100
"""How many names of fault rules are counted each by itself; those that come later are counted together."""

OTHER_RULES = "other"

COUNT_EVERY_REQUESTS = 64
"""After how many requests they should be counted."""


class OperationTraffic:
    """The requests of one operation."""

    __slots__ = ("buckets", "by_status", "total_ns")

    def __init__(self) -> None:
        self.by_status: dict[int, int] = {}
        self.buckets = [0] * (len(BOUNDS_NS) + 1)
        self.total_ns = 0


class Traffic:
    """The API requests of a server by operation; None is what asks for no operation. Settle before you read."""

    __slots__ = ("by_operation", "faults", "lines_dropped", "uncounted")

    def __init__(self) -> None:
        self.by_operation: dict[str | None, OperationTraffic] = {}
        self.faults: dict[str, int] = {}
        """How many faults were injected by each rule, whatever became of its world since; `header` is what requests
        asked for."""
        self.lines_dropped = 0
        """How many requests are missing in the server's log since its reader fell behind."""
        self.uncounted: list[KeptRequest] = []
        """Requests that are over, to be counted."""

    def count_pending(self) -> None:
        """Count what is not counted yet."""
        for request in self.uncounted:
            self.count(request.operation, request.status, request.span_ns)
            if request.fault:
                self.count_fault(request.fault)
        self.uncounted.clear()

    def count(self, operation: str | None, status: int, span_ns: int) -> None:
        """One more request, answered with a status (0 for no answer) within so many ns."""
        counted = self.by_operation.get(operation)
        if counted is None:
            counted = self.by_operation[operation] = OperationTraffic()
        counted.by_status[status] = counted.by_status.get(status, 0) + 1
        counted.buckets[bisect_left(BOUNDS_NS, span_ns)] += 1
        counted.total_ns += span_ns

    def count_fault(self, rule: str) -> None:
        """One more fault that a rule injected."""
        if rule not in self.faults and len(self.faults) >= RULES_COUNTED_MAX:
            rule = OTHER_RULES
        self.faults[rule] = self.faults.get(rule, 0) + 1
