"""The faults of a world beside its simulation: rules in order, their counts, and their decisions.

Everything is counted and drawn for each account and rule alone, so that a rule added or removed, or what other
accounts do meanwhile, changes no other draw.
"""

from collections.abc import Callable, Iterable

from msgspec import Struct
from msgspec.structs import replace

from .kernel.errors import FaultNotFound
from .kernel.names import did_you_mean, is_name
from .kernel.quantities import Natural, Share
from .kernel.randomness import PPM, draw, happens, stream
from .scenario.fault_rules import OPERATIONS, RESERVED, FaultEffect, FaultRule, FaultTarget, OfferName, Operation


class FaultDecision(Struct, frozen=True, gc=False, tag="decided", tag_field="fault"):
    """A request that these rules matched, and the one that was injected, if any. A line of the journal."""

    account: str
    operation: Operation
    matched: tuple[str, ...]
    injected: str | None


class FaultRuleAdded(Struct, frozen=True, gc=False, tag="rule_added", tag_field="fault"):
    """A rule came, or took the place of the one of its name. A line of the journal."""

    rule: FaultRule


class FaultRuleRemoved(Struct, frozen=True, gc=False, tag="rule_removed", tag_field="fault"):
    """A rule went. A line of the journal."""

    name: str


class FaultRulesReset(Struct, frozen=True, gc=False, tag="rules_reset", tag_field="fault"):
    """The rules are the scenario's again, and count from zero. A line of the journal."""


FaultLine = FaultDecision | FaultRuleAdded | FaultRuleRemoved | FaultRulesReset


class Injection(Struct, frozen=True, gc=False):
    """A fault for one request: by which rule, its effect, the delay before, and the time until every rate limit that
    refuses the request has its next token (both in ms; the latter virtual)."""

    rule: str
    effect: FaultEffect
    delay_ms: int = 0
    wait_ms: int = 0


class AccountCounts(Struct, frozen=True, gc=False):
    """The counts of a rule for one account: requests that it is about, injections, and the token bucket: its level
    in tokens × the ms of `per`, as of which instant."""

    account: str
    hits: Natural = 0
    spent: Natural = 0
    level: int = 0
    level_ms: Natural = 0


class RuleState(Struct, frozen=True):
    """A rule, when it was added (ms since the start), and its counts."""

    rule: FaultRule
    added_ms: int
    counts: tuple[AccountCounts, ...] = ()

    @property
    def hits(self) -> int:
        """Requests that it is about, of all accounts."""
        return sum(each.hits for each in self.counts)

    @property
    def spent(self) -> int:
        """Requests into which it was injected, of all accounts."""
        return sum(each.spent for each in self.counts)


class _Tally:
    """The counts of a rule for one account as they change, and its streams."""

    __slots__ = ("delay_stream", "hits", "level", "level_ms", "spent", "stream")

    def __init__(self, rule: FaultRule, account: str, seed: int, counts: AccountCounts) -> None:
        self.stream = stream(seed, f"fault/{rule.name}/{account}")
        self.delay_stream = stream(seed, f"fault-delay/{rule.name}/{account}")
        self.hits, self.spent = counts.hits, counts.spent
        self.level, self.level_ms = counts.level, counts.level_ms


class _Rule:
    """A rule with its counts for each account."""

    __slots__ = ("_seed", "added_ms", "rule", "sample", "tallies")

    def __init__(self, state: RuleState, seed: int) -> None:
        self._seed = seed
        self.rule = state.rule
        self.added_ms = state.added_ms
        delay = state.rule.effect.delay
        self.sample = None if delay is None else delay.sampler()
        self.tallies = {counts.account: _Tally(state.rule, counts.account, seed, counts) for counts in state.counts}

    def state(self) -> RuleState:
        counts = tuple(
            AccountCounts(account, tally.hits, tally.spent, tally.level, tally.level_ms)
            for account, tally in self.tallies.items()
        )
        return RuleState(self.rule, self.added_ms, counts)

    def hit(self, account: str, now_ms: int) -> Injection | None:
        """Count a request that the rule is about, and say what it would do to it. A rate limit that would let it pass
        says so by a wait of 0."""
        tally = self.tallies.get(account) or self._open(account, now_ms)
        number = tally.hits
        tally.hits += 1
        if not self._is_due(tally, number, now_ms):
            return None
        wait_ms = self._wait_for_token(tally, now_ms)
        delay_ms = 0 if self.sample is None else self.sample(draw(tally.delay_stream, number))
        return Injection(self.rule.name, self.rule.effect, delay_ms, wait_ms)

    def spend(self, account: str) -> None:
        self.tallies[account].spent += 1

    def take_token(self, account: str) -> None:
        """Take the token that `hit` has just found."""
        limit = self.rule.effect.rate_limit
        assert limit is not None
        tally = self.tallies[account]
        assert tally.level >= limit.per, self.rule.name
        tally.level -= limit.per

    def _open(self, account: str, now_ms: int) -> _Tally:
        limit = self.rule.effect.rate_limit
        level = 0 if limit is None else limit.limit * limit.per
        tally = _Tally(self.rule, account, self._seed, AccountCounts(account, level=level, level_ms=now_ms))
        self.tallies[account] = tally
        return tally

    def _is_due(self, tally: _Tally, number: int, now_ms: int) -> bool:
        when = self.rule.when
        position = number + 1 - when.after
        return (
            position > 0
            and position % when.every == 0
            and (when.times is None or tally.spent < when.times)
            and (when.between is None or when.between[0] <= now_ms < when.between[1])
            and (when.ttl is None or now_ms < self.added_ms + when.ttl)
            and _is_drawn(tally, number, when.probability)
        )

    def _wait_for_token(self, tally: _Tally, now_ms: int) -> int:
        """The ms until the bucket, filled up to now, has a token; 0 where it has one, and without a rate limit."""
        limit = self.rule.effect.rate_limit
        if limit is None:
            return 0
        # In tokens × ms of `per`, which are whole numbers: however often it is asked, no part of a token is lost.
        refilled = tally.level + limit.limit * (now_ms - tally.level_ms)
        tally.level, tally.level_ms = min(limit.limit * limit.per, refilled), now_ms
        return max(0, -(-(limit.per - tally.level) // limit.limit))


def _is_drawn(tally: _Tally, number: int, probability: Share) -> bool:
    """True if draw `number` lets the rule act. Certain outcomes skip the hash, which is the cost of a request here: no
    draw moves another, so none has to be used up."""
    return probability == PPM or (probability > 0 and happens(draw(tally.stream, number), probability))


def _is_possible(state: RuleState, now_ms: int) -> bool:
    """True if some run reaches this state by `now_ms`."""
    limit = state.rule.effect.rate_limit
    level_most = 0 if limit is None else limit.limit * limit.per
    return (
        0 <= state.added_ms <= now_ms
        and len({counts.account for counts in state.counts}) == len(state.counts)
        and all(
            counts.spent <= counts.hits and 0 <= counts.level <= level_most and counts.level_ms <= now_ms
            for counts in state.counts
        )
    )


class FaultState:
    """The fault rules of a world with their counters. `write_down` takes the lines for the journal.

    `operations` are those that any rule may be about, and `any_selectors` says whether that depends on offers: both
    cheaply, for each request asks.
    """

    __slots__ = ("_matching", "_opening", "_rules", "_seed", "_write_down", "any_selectors", "operations")

    def __init__(self, rules: tuple[FaultRule, ...], seed: int, write_down: Callable[[Struct], None]) -> None:
        self._opening = rules
        self._seed = seed
        self._write_down = write_down
        self.operations: frozenset[Operation | None] = frozenset()
        self.any_selectors = False
        self._matching: dict[tuple[Operation, str], tuple[str, ...]] = {}
        self._rules: dict[str, _Rule] = {}
        self._begin(0)

    def matching(self, operation: Operation, account: str, offer: OfferName | None) -> tuple[str, ...]:
        """The rules that are about a request of these names, in order."""
        if self.any_selectors:
            return self._match(operation, account, offer)
        known = self._matching.get((operation, account))
        if known is None:
            known = self._matching[operation, account] = self._match(operation, account, None)
        return known

    def _match(self, operation: Operation, account: str, offer: OfferName | None) -> tuple[str, ...]:
        return tuple(name for name, rule in self._rules.items() if rule.rule.on.meets(operation, account, offer))

    def decide(self, operation: Operation, account: str, offer: OfferName | None, now_ms: int) -> Injection | None:
        """Count the request in all matching rules; return the injection of the first, in order, that acts."""
        met = self.matching(operation, account, offer)
        return self.decide_among(met, operation, account, now_ms) if met else None

    def decide_among(
        self, matched: tuple[str, ...], operation: Operation, account: str, now_ms: int
    ) -> Injection | None:
        """`decide` for a request that is known to be matched by the rules of these names, which are all there.

        All matching rate limits must have a token: otherwise none is taken, and the wait is until all have one.
        """
        injection: Injection | None = None
        passed: list[_Rule] = []
        wait_ms = 0
        for name in matched:
            rule = self._rules[name]
            wanted = rule.hit(account, now_ms)
            if wanted is None:
                continue
            if wanted.effect.rate_limit is not None and wanted.wait_ms == 0:
                passed.append(rule)
                continue
            wait_ms = max(wait_ms, wanted.wait_ms)
            if injection is None:
                injection = wanted
        if wait_ms == 0:  # only now: a request that one limit refuses must not use up the tokens of another
            for rule in passed:
                rule.take_token(account)
        if injection is not None:
            self._rules[injection.rule].spend(account)
            if 0 < injection.wait_ms < wait_ms:
                injection = replace(injection, wait_ms=wait_ms)
        self._write_down(FaultDecision(account, operation, matched, None if injection is None else injection.rule))
        return injection

    def known(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of the names that rules have."""
        return tuple(name for name in names if name in self._rules)

    def add(self, rule: FaultRule, now_ms: int) -> None:
        """A rule more, after the others; one of a name that is there takes its place and starts from zero."""
        self._rules[rule.name] = _Rule(RuleState(rule, now_ms), self._seed)
        self._look()
        self._write_down(FaultRuleAdded(rule))

    def remove(self, name: str) -> None:
        """A rule less. Raises FaultNotFound."""
        self.check_known(name)
        del self._rules[name]
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

    def _begin(self, now_ms: int) -> None:
        self.restore(tuple(RuleState(rule, now_ms) for rule in self._opening), now_ms)

    def restore(self, state: tuple[RuleState, ...], now_ms: int) -> None:
        """Restore from `state`. Raises ValueError if no run leads there by `now_ms`."""
        names = {each.rule.name for each in state}
        if len(names) < len(state) or RESERVED in names or not all(map(is_name, names)):
            raise ValueError("a fault rule has no name, or that of another")
        for each in state:
            if not _is_possible(each, now_ms):
                raise ValueError(f'the fault rule "{each.rule.name}" cannot have counted so')
        self._rules = {each.rule.name: _Rule(each, self._seed) for each in state}
        self._look()

    def _look(self) -> None:
        targets: list[FaultTarget] = [rule.rule.on for rule in self._rules.values()]
        named = frozenset(target.operation for target in targets)
        self.operations = frozenset(OPERATIONS) if None in named else named
        self.any_selectors = any(target.has_selector for target in targets)
        self._matching = {}
