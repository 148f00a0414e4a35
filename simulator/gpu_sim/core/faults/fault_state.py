"""The faults of a world beside its simulation: rules in order, their counts, and their decisions.

Everything is counted and drawn for each rule alone, and within it for each account, each rental, or the world: so a
rule added or removed, or what other accounts or rentals do meanwhile, changes no other draw.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from msgspec import Struct

from ..kernel.errors import FaultNotFound
from ..kernel.names import did_you_mean, is_name
from ..scenario.fault_effects import FaultEffect
from ..scenario.fault_rules import OPERATIONS, RESERVED, FaultRule, OfferName, Operation
from .counted_rule import CountedRule, RuleState
from .injection import InjectedDelay, Injection
from .lines import FaultDecision, FaultRuleAdded, FaultRuleRemoved, FaultRulesReset


class Candidates(NamedTuple):
    """The rules that may be about requests of one operation and account, and whether that depends on the offer or the
    rental that a request concerns."""

    names: tuple[str, ...]
    need_names: bool


class FaultState:
    """The fault rules of a world with their counters. `write_down` takes the lines for the journal.

    `operations` are those that any rule may be about, and `candidates` the rules: both cheaply, for each request asks.
    """

    __slots__ = ("_added", "_candidates", "_numbers", "_opening", "_rules", "_seed", "_write_down", "operations")

    def __init__(self, rules: tuple[FaultRule, ...], seed: int, write_down: Callable[[Struct], None]) -> None:
        self._opening = rules
        self._seed = seed
        self._write_down = write_down
        self.operations: frozenset[Operation | None] = frozenset()
        self._candidates: dict[tuple[Operation, str], Candidates] = {}
        self._rules: dict[str, CountedRule] = {}
        self._numbers: dict[str, int] = {}
        self._added = 0
        self._begin(0)

    def candidates(self, operation: Operation, account: str) -> Candidates:
        """The rules that may be about a request of this operation and account, in order."""
        known = self._candidates.get((operation, account))
        if known is None:
            rules = [each.rule for each in self._rules.values() if each.rule.may_meet(operation, account)]
            known = Candidates(tuple(rule.name for rule in rules), any(rule.needs_names for rule in rules))
            self._candidates[operation, account] = known
        return known

    def matching(
        self, operation: Operation, account: str, offer: OfferName | None, rental: str = ""
    ) -> tuple[str, ...]:
        """The rules that are about a request of these names, in order. A rental is named where it is the account's."""
        names, need_names = self.candidates(operation, account)
        if not need_names:
            return names
        return tuple(name for name in names if self._rules[name].rule.meets(operation, account, offer, rental))

    def decide(
        self, operation: Operation, account: str, offer: OfferName | None, now_ms: int, rental: str = ""
    ) -> Injection | None:
        """Count the request in all matching rules; return the injection of those that act."""
        met = self.matching(operation, account, offer, rental)
        return self.decide_among(met, operation, account, now_ms, rental) if met else None

    def decide_among(
        self, matched: tuple[str, ...], operation: Operation, account: str, now_ms: int, rental: str = ""
    ) -> Injection | None:
        """`decide` for a request that is known to be matched by the rules of these names, which are all there.

        All rules that only delay act, and of the others the first in order that says yes. All matching rate limits must
        have a token: otherwise none is taken, and the wait is until all have one.
        """
        effect: FaultEffect | None = None
        acting: list[CountedRule] = []
        delays: list[InjectedDelay] = []
        passed: list[CountedRule] = []
        wait_ms = 0
        for name in matched:
            rule = self._rules[name]
            wish = rule.hit(account, rental, now_ms)
            if wish is None:
                continue
            if wish.passes:
                passed.append(rule)
                continue
            wait_ms = max(wait_ms, wish.wait_ms)
            its_effect = rule.rule.effect
            if not its_effect.delays_alone:
                if effect is not None:
                    continue
                effect = its_effect
            acting.append(rule)
            if wish.delay is not None:
                delays.append(wish.delay)
        if wait_ms == 0:  # only now: a request that one limit refuses must not use up the tokens of another
            for rule in passed:
                rule.take_token(account, rental)
        for rule in acting:
            rule.spend(account, rental)
        injection = self._injection(acting, effect, delays, wait_ms)
        counts_rental = any(self._rules[name].rule.when.per == "rental" for name in matched)
        self._write_down(
            FaultDecision(
                account,
                operation,
                matched,
                None if injection is None else injection.named,
                rental if counts_rental else "",
            )
        )
        return injection

    def _injection(
        self, acting: list[CountedRule], effect: FaultEffect | None, delays: list[InjectedDelay], wait_ms: int
    ) -> Injection | None:
        if not acting:
            return None
        limits = effect is not None and effect.rate_limit is not None
        names = tuple(each.rule.name for each in acting)
        return Injection(names, effect, tuple(delays), wait_ms if limits else 0)

    def known(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of the names that rules have."""
        return tuple(name for name in names if name in self._rules)

    def add(self, rule: FaultRule, now_ms: int) -> None:
        """A rule more, after the others; one of a name that is there takes its place and starts from zero."""
        self._rules[rule.name] = CountedRule(RuleState(rule, now_ms), self._seed)
        self._number(rule.name)
        self._look()
        self._write_down(FaultRuleAdded(rule))

    def remove(self, name: str) -> None:
        """A rule less. Raises FaultNotFound."""
        self.check_known(name)
        del self._rules[name], self._numbers[name]
        self._look()
        self._write_down(FaultRuleRemoved(name))

    def check_known(self, name: str) -> None:
        """Raises FaultNotFound with the nearest name."""
        if name not in self._rules:
            raise FaultNotFound(f'no fault rule "{name}"{did_you_mean(name, self._rules)}')

    def reset(self, now_ms: int) -> None:
        """The scenario's rules again, as if they were added now."""
        self._begin(now_ms)
        self._write_down(FaultRulesReset())

    def state(self) -> tuple[RuleState, ...]:
        """The rules in order with their counters, as plain values."""
        return tuple(rule.state() for rule in self._rules.values())

    def number(self, name: str) -> int:
        """The number of the rule of that name: higher than that of all before it, and nobody else's once it is gone. No
        snapshot has it."""
        return self._numbers[name]

    def _begin(self, now_ms: int) -> None:
        self.restore(tuple(RuleState(rule, now_ms) for rule in self._opening), now_ms)

    def restore(self, state: tuple[RuleState, ...], now_ms: int) -> None:
        """Restore from `state`. Raises ValueError if no run leads there by `now_ms`."""
        names = {each.rule.name for each in state}
        if len(names) < len(state) or RESERVED in names or not all(map(is_name, names)):
            raise ValueError("a fault rule has no name, or that of another")
        for each in state:
            if not each.is_possible(now_ms):
                raise ValueError(f'the fault rule "{each.rule.name}" cannot have counted so')
        self._rules = {each.rule.name: CountedRule(each, self._seed) for each in state}
        self._numbers = {}
        for name in self._rules:
            self._number(name)
        self._look()

    def _number(self, name: str) -> None:
        if name not in self._numbers:
            self._numbers[name] = self._added
            self._added += 1

    def _look(self) -> None:
        named = frozenset(rule.rule.on.operation for rule in self._rules.values())
        self.operations = frozenset(OPERATIONS) if None in named else named
        self._candidates = {}
