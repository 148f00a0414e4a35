"""Expectations: the outcome that a run should have, told in words, or compared with its metrics and its ledger."""

from collections.abc import Iterator
from typing import ClassVar, Literal, TypeAlias, get_args

from msgspec import Struct

from ...kernel.names import did_you_mean, is_name
from ...kernel.one_of import OneOf
from ...kernel.quantities import Bound, Duration
from ...kernel.randomness import PPM

LedgerAmount = Literal["available", "held", "balance", "spent"]
"""Amounts of an account: its credit without and within holds, both together, and all that it has been charged."""

LEDGER_AMOUNTS: tuple[LedgerAmount, ...] = get_args(LedgerAmount)


class During(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """A part of a run."""

    between: tuple[Duration, Duration]
    """From the first instant after the start up to and with the second."""

    def __post_init__(self) -> None:
        if self.between[0] > self.between[1]:
            raise ValueError("between must end after it begins")


When: TypeAlias = Literal["at the end", "always"] | During


class Expectation(OneOf, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """A comparison that should hold: of exactly one of `metric` and `ledger`, with bounds, both of which count."""

    metric: str | None = None
    """The name of a metric of the run, such as `total.cost_usd`; at an instant it is that of the run up to then."""
    ledger: str | None = None
    """An account and one of its amounts in dollars: `alice.available`, `.held`, `.balance` or `.spent`."""
    at_least: Bound | None = None
    """The value is not below this."""
    at_most: Bound | None = None
    """The value is not above this."""
    equals: Bound | None = None
    """The value is exactly this, to the sixth decimal."""
    when: When = "at the end"
    """The instants at which it should hold: `at the end` of the run, `always`, or `{between: [1h, 2h]}`."""
    because: str = ""
    """The reason, which is told with an expectation that does not hold."""

    KINDS: ClassVar[tuple[str, ...]] = ("metric", "ledger")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.at_least is None and self.at_most is None and self.equals is None:
            raise ValueError("give at_least, at_most or equals")
        if self.equals is not None and (self.at_least is not None or self.at_most is not None):
            raise ValueError("equals goes with neither at_least nor at_most")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("at_least is above at_most")
        if self.ledger is not None:
            _check_ledger(self.ledger)

    @property
    def ledger_account(self) -> str:
        """The name of the account that `ledger` is about."""
        return self._ledger_parts[0]

    @property
    def ledger_amount(self) -> LedgerAmount:
        """The amount of that account."""
        return next(amount for amount in LEDGER_AMOUNTS if amount == self._ledger_parts[1])

    @property
    def _ledger_parts(self) -> tuple[str, str]:
        assert self.ledger is not None, "an expectation of a metric has no account"
        account, _, amount = self.ledger.rpartition(".")
        return account, amount

    def off(self, value: int) -> int:
        """The distance of a value from the nearest one that holds, both in millionths: below 0 where it is too low."""
        low = self.at_least if self.equals is None else self.equals
        high = self.at_most if self.equals is None else self.equals
        if low is not None and value < low:
            return value - low
        if high is not None and value > high:
            return value - high
        return 0

    def in_words(self) -> str:
        """The comparison as a clause: `total.cost_usd at most 12.5 at the end`."""
        bounds = (("at least", self.at_least), ("at most", self.at_most), ("equal to", self.equals))
        told = " and ".join(f"{words} {decimal_text(bound)}" for words, bound in bounds if bound is not None)
        when = f"between {_seconds(self.when)}" if isinstance(self.when, During) else self.when
        return f"{self.metric or self.ledger} {told} {when}"


Expect: TypeAlias = str | tuple[str | Expectation, ...]
"""What a scenario says of its outcome: a text, or a list of texts and comparisons."""


def comparisons(expect: Expect) -> Iterator[tuple[int, Expectation]]:
    """The comparisons among them, each with its index in the list."""
    for index, each in enumerate(() if isinstance(expect, str) else expect):
        if isinstance(each, Expectation):
            yield index, each


def in_words(expect: Expect) -> str:
    """All of them in words, on one line."""
    if isinstance(expect, str):
        return " ".join(expect.split())
    told = (each if isinstance(each, str) else f"{each.in_words()}." for each in expect)
    return " ".join(" ".join(text.split()) for text in told)


def decimal_text(millionths: int) -> str:
    """A number in millionths as a decimal number without zeros at its end: 985000 -> "0.985"."""
    whole, rest = divmod(abs(millionths), PPM)
    sign = "-" if millionths < 0 else ""
    return f"{sign}{whole}.{rest:06}".rstrip("0").rstrip(".")


def _check_ledger(text: str) -> None:
    account, _, amount = text.rpartition(".")
    if not is_name(account):
        raise ValueError('ledger must be an account and an amount, such as "alice.available"')
    if amount not in LEDGER_AMOUNTS:
        known = f"one of {', '.join(LEDGER_AMOUNTS)}{did_you_mean(amount, LEDGER_AMOUNTS)}"
        raise ValueError(f'an account has no "{amount[:64]}": {known}')


def _seconds(span: During) -> str:
    begin, end = (decimal_text(each_ms * 1_000) for each_ms in span.between)
    return f"{begin} s and {end} s"
