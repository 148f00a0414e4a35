"""Fault rules with little to write, and a state of them with the lines that it wrote down."""

from typing import Any

from gpu_sim.core.faults.fault_state import FaultState
from gpu_sim.core.scenario.fault_effects import FaultEffect
from gpu_sim.core.scenario.fault_rules import FaultRule, FaultTarget, FaultWhen, Operation
from msgspec import Struct

UNAVAILABLE = FaultEffect(respond=503)


def rule(name: str = "x", effect: FaultEffect = UNAVAILABLE, on: FaultTarget | None = None, **when: Any) -> FaultRule:
    return FaultRule(name=name, on=on or FaultTarget(), effect=effect, when=FaultWhen(**when))


class Faults:
    """A state with the lines that it wrote down."""

    def __init__(self, *rules: FaultRule, seed: int = 1) -> None:
        self.lines: list[Struct] = []
        self.state = FaultState(rules, seed, self.lines.append)

    def met(self, account: str = "alice", now_ms: int = 0, operation: Operation = "rent_gpu") -> str | None:
        """The rule that is injected into a request."""
        injection = self.state.decide(operation, account, None, now_ms)
        return None if injection is None else injection.named

    def run(self, count: int, account: str = "alice", now_ms: int = 0) -> str:
        """So many requests: a digit for the rule's last character where one is injected, else a dot."""
        return "".join((self.met(account, now_ms) or ".")[-1] for _ in range(count))

    def counts(self) -> dict[str, tuple[int, int]]:
        """Hits and injections of each rule."""
        return {each.rule.name: (each.hits, each.spent) for each in self.state.state()}
