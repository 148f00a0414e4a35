"""A fault rule with its counts: for each account, for each rental, or for the whole world."""

from typing import NamedTuple

from msgspec import Struct

from ..kernel.quantities import Natural, Share
from ..kernel.randomness import PPM, draw, happens, stream
from ..scenario.fault_rules import FaultRule
from .injection import InjectedDelay, injected_delay

RENTALS_COUNTED_MAX = 10_000
"""The number of rentals that a rule keeps the counts of: those asked for last. One that comes again after so many
others is counted from zero."""

WORLD = ""
"""The key of what is counted and limited for the whole world; no account and no rental has it."""


class ScopeCounts(Struct, frozen=True, gc=False):
    """The counts of a rule for one account, one rental, or the world: requests that it is about, and acted on."""

    of: str
    hits: Natural = 0
    spent: Natural = 0


class BucketLevel(Struct, frozen=True, gc=False):
    """A token bucket of a rule: its level in tokens × the ms of `per`, as of which instant."""

    of: str
    level: Natural = 0
    level_ms: Natural = 0


class RuleState(Struct, frozen=True, omit_defaults=True):
    """A rule, when it was added (ms since the start), its counts, its token buckets, and the counts of the rentals that
    it keeps none of any more, all together."""

    rule: FaultRule
    added_ms: int
    counts: tuple[ScopeCounts, ...] = ()
    buckets: tuple[BucketLevel, ...] = ()
    hits_gone: Natural = 0
    spent_gone: Natural = 0

    @property
    def hits(self) -> int:
        """Requests that it is about."""
        return self.hits_gone + sum(each.hits for each in self.counts)

    @property
    def spent(self) -> int:
        """Requests that it acted on."""
        return self.spent_gone + sum(each.spent for each in self.counts)

    def is_possible(self, now_ms: int) -> bool:
        """True if some run reaches this state by `now_ms`."""
        limit, per = self.rule.effect.rate_limit, self.rule.when.per
        level_most = 0 if limit is None else limit.limit * limit.per
        keys = {counts.of for counts in self.counts}
        bucket_keys = {bucket.of for bucket in self.buckets}
        return (
            0 <= self.added_ms <= now_ms
            and len(keys) == len(self.counts) <= (len(keys) if per == "account" else RENTALS_COUNTED_MAX)
            and len(bucket_keys) == len(self.buckets)
            and (per != "world" or keys <= {WORLD})
            and bucket_keys <= (set() if limit is None else {WORLD} if limit.shared else keys)
            and self.spent_gone <= self.hits_gone
            and all(counts.spent <= counts.hits for counts in self.counts)
            and all(bucket.level <= level_most and bucket.level_ms <= now_ms for bucket in self.buckets)
        )


class Wish(NamedTuple):
    """The wish of a rule that says yes to a request: delay it, refuse it until `wait_ms` from now (virtual), or, as
    `passes` says, take a token of its rate limit and let it pass."""

    passes: bool
    wait_ms: int
    delay: InjectedDelay | None


class _Tally:
    """The counts of a rule for one account, rental or world as they change, and its streams."""

    __slots__ = ("delay_stream", "hits", "spent", "stream")

    def __init__(self, seed: int, path: str, counts: ScopeCounts) -> None:
        self.stream = stream(seed, f"fault/{path}")
        self.delay_stream = stream(seed, f"fault-delay/{path}")
        self.hits, self.spent = counts.hits, counts.spent


class _Bucket:
    """A token bucket as it changes."""

    __slots__ = ("level", "level_ms")

    def __init__(self, level: int, level_ms: int) -> None:
        self.level, self.level_ms = level, level_ms


class CountedRule:
    """A rule with its counts, its draws and its token buckets."""

    __slots__ = ("_buckets", "_gone", "_sample", "_seed", "_tallies", "added_ms", "rule")

    def __init__(self, state: RuleState, seed: int) -> None:
        self._seed = seed
        self.rule = state.rule
        self.added_ms = state.added_ms
        delay = state.rule.effect.delay
        self._sample = None if delay is None else delay.sampler()
        self._tallies = {counts.of: _Tally(seed, self._path(counts.of), counts) for counts in state.counts}
        self._buckets = {bucket.of: _Bucket(bucket.level, bucket.level_ms) for bucket in state.buckets}
        self._gone = state.hits_gone, state.spent_gone

    def state(self) -> RuleState:
        """Its state as plain values."""
        counts = tuple(ScopeCounts(of, tally.hits, tally.spent) for of, tally in self._tallies.items())
        buckets = tuple(BucketLevel(of, bucket.level, bucket.level_ms) for of, bucket in self._buckets.items())
        return RuleState(self.rule, self.added_ms, counts, buckets, *self._gone)

    def hit(self, account: str, rental: str, now_ms: int) -> Wish | None:
        """Count a request that the rule is about, and say what it would do to it; None where it says no."""
        key = self._key(account, rental)
        tally = self._tally(key)
        number = tally.hits
        tally.hits += 1
        if not self._is_due(tally, number, now_ms):
            return None
        limit = self.rule.effect.rate_limit
        wait_ms = 0
        if limit is not None:
            # In the order of first use, so that a state restored lists its buckets as the first did.
            wait_ms = self._wait_for_token(self._bucket(WORLD if limit.shared else key, now_ms), now_ms)
            if wait_ms == 0:
                return Wish(passes=True, wait_ms=0, delay=None)
        sample = self._sample
        delay = None if sample is None else injected_delay(self.rule.effect, sample(draw(tally.delay_stream, number)))
        return Wish(passes=False, wait_ms=wait_ms, delay=delay)

    def spend(self, account: str, rental: str) -> None:
        """Count the request that `hit` has just counted as one that the rule acts on."""
        self._tallies[self._key(account, rental)].spent += 1

    def take_token(self, account: str, rental: str) -> None:
        """Take the token that `hit` has just found."""
        limit = self.rule.effect.rate_limit
        assert limit is not None
        bucket = self._buckets[WORLD if limit.shared else self._key(account, rental)]
        assert bucket.level >= limit.per, self.rule.name
        bucket.level -= limit.per

    def _key(self, account: str, rental: str) -> str:
        per = self.rule.when.per
        return account if per == "account" else rental if per == "rental" else WORLD

    def _path(self, key: str) -> str:
        """The name of a stream of draws. No account's name has a slash or is empty, so that no two are the same."""
        per, name = self.rule.when.per, self.rule.name
        return f"{name}/{key}" if per == "account" else f"{name}/{per}/{key}"

    def _tally(self, key: str) -> _Tally:
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = _Tally(self._seed, self._path(key), ScopeCounts(key))
            if self.rule.when.per == "rental" and len(self._tallies) > RENTALS_COUNTED_MAX:
                self._forget(next(iter(self._tallies)))
        elif self.rule.when.per == "rental":  # the latest last: the first is the one to forget
            self._tallies[key] = self._tallies.pop(key)
        return tally

    def _forget(self, rental: str) -> None:
        tally = self._tallies.pop(rental)
        self._gone = self._gone[0] + tally.hits, self._gone[1] + tally.spent
        self._buckets.pop(rental, None)

    def _bucket(self, key: str, now_ms: int) -> _Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            limit = self.rule.effect.rate_limit
            assert limit is not None
            bucket = self._buckets[key] = _Bucket(limit.limit * limit.per, now_ms)
        return bucket

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

    def _wait_for_token(self, bucket: _Bucket, now_ms: int) -> int:
        """The ms until the bucket, filled up to now, has a token; 0 where it has one."""
        limit = self.rule.effect.rate_limit
        assert limit is not None
        # In tokens × ms of `per`, which are whole numbers: however often it is asked, no part of a token is lost.
        refilled = bucket.level + limit.limit * (now_ms - bucket.level_ms)
        bucket.level, bucket.level_ms = min(limit.limit * limit.per, refilled), now_ms
        return max(0, -(-(limit.per - bucket.level) // limit.limit))


def _is_drawn(tally: _Tally, number: int, probability: Share) -> bool:
    """True if draw `number` lets the rule act. Certain outcomes skip the hash, which is the cost of a request here: no
    draw moves another, so none has to be used up."""
    return probability == PPM or (probability > 0 and happens(draw(tally.stream, number), probability))
