"""The faults of one request: the effect of one rule, and the delays of any number of them."""

from typing import NamedTuple

from msgspec import Struct

from ..scenario.fault_effects import FaultEffect

NAMES_BETWEEN = ", "
"""The separator of the names of rules that acted on one request, in `x-sim-fault` and wherever it is told."""


class InjectedDelay(NamedTuple):
    """A delay in ms: virtual or on the wall, before the command or before the answer."""

    ms: int
    is_virtual: bool
    is_of_answer: bool


class Injection(Struct, frozen=True, gc=False):
    """The faults for one request: the rules that act, in order, their delays, the effect of the one that does more than
    delay, if any, and the time until every rate limit that refuses the request has its next token (virtual ms)."""

    rules: tuple[str, ...]
    effect: FaultEffect | None = None
    delays: tuple[InjectedDelay, ...] = ()
    wait_ms: int = 0

    @property
    def named(self) -> str:
        """The names of the rules, as `x-sim-fault` says them."""
        return NAMES_BETWEEN.join(self.rules)

    def delay_ms(self, *, is_virtual: bool, is_of_answer: bool) -> int:
        """The sum of its delays of one kind, in ms."""
        return sum(each.ms for each in self.delays if each[1:] == (is_virtual, is_of_answer))


def injected_delay(effect: FaultEffect, ms: int) -> InjectedDelay:
    """A delay of an effect that has one, once its length is drawn."""
    return InjectedDelay(ms, effect.clock == "virtual", effect.delay_of == "answer")
