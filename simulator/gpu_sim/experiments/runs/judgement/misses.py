"""The judgement of a run: the comparisons of `expect:` with its metrics and its ledger, and those that do not hold."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from ....core.billing.ledger import REVENUE, Entry, available, held
from ....core.kernel.randomness import PPM
from ....core.scenario.experiment.expectation import During, Expectation, comparisons, decimal_text
from ....core.scenario.scenario import Scenario
from ....notation import format_duration
from ..facts import RunFacts
from ..measures.courses import Change, Stretch, course_of, steps
from ..measures.measures import Measures
from ..metric_table import BY_NAME, Value
from ..metrics import facts_about, measures_of
from ..run_result import Miss
from .metric_names import MetricName, metric_name, with_course


class _Look(NamedTuple):
    """A value in millionths at an instant, and how far it is from what is expected: below 0 where it is below."""

    at_ms: int
    value: int | None
    off: int


def expectation_problems(scenario: Scenario, length_ms: int) -> Iterator[tuple[str, str]]:
    """The comparisons that no run of the scenario can make, each with the path of its field."""
    for index, expectation in comparisons(scenario.expect):
        if expectation.metric is not None:
            name = metric_name(scenario, expectation.metric)
            if isinstance(name, str):
                yield f"expect.{index}.metric", name
            elif expectation.when != "at the end" and not name.has_course:
                others = ", ".join(with_course(scenario, name.about))
                problem = (
                    f'"{expectation.metric}" is known at the end only; at each instant are, of {name.about}: {others}'
                )
                yield f"expect.{index}.when", problem
        if isinstance(expectation.when, During) and expectation.when.between[1] > length_ms:
            yield f"expect.{index}.when", f"the run is over after {format_duration(length_ms)}"


def misses(scenario: Scenario, facts: RunFacts, row: Mapping[str, Value], entries: Sequence[Entry]) -> tuple[Miss, ...]:
    """The expectations that do not hold, in order. `entries` are those of the run's ledger."""
    judge = _Judge(scenario, facts, row, entries)
    found = ((index, expectation, judge.look(expectation)) for index, expectation in comparisons(scenario.expect))
    return tuple(_miss(index, expectation, *looks) for index, expectation, looks in found if looks is not None)


class _Judge:
    """The facts, metrics and ledger that the expectations of one run are compared with."""

    def __init__(self, scenario: Scenario, facts: RunFacts, row: Mapping[str, Value], entries: Sequence[Entry]) -> None:
        self._scenario = scenario
        self._facts = facts
        self._row = row
        self._entries = entries
        self._by_account: Mapping[str, Measures] = {}

    def look(self, expectation: Expectation) -> tuple[_Look, _Look] | None:
        """The first look at which it does not hold, and the one at which it is furthest from that; None if it holds."""
        length_ms = self._facts.length_ms
        if expectation.when == "at the end":
            if expectation.metric is not None:
                value = self._value(expectation.metric)
                if value is None and self._name(expectation.metric).may_lack:
                    return None
                look = _Look(length_ms, value, 0 if value is None else expectation.off(value))
                return None if value is not None and not look.off else (look, look)
            first_ms = length_ms
        else:
            first_ms = int(expectation.when.between[0]) if isinstance(expectation.when, During) else 0
        last_ms = int(expectation.when.between[1]) if isinstance(expectation.when, During) else length_ms
        return _look_over(expectation, self._course(expectation), first_ms, last_ms)

    def _name(self, text: str) -> MetricName:
        name = metric_name(self._scenario, text)
        assert not isinstance(name, str), "checked before the run"
        return name

    def _value(self, text: str) -> int | None:
        """The value of a metric in millionths."""
        if text in self._row:
            value = self._row[text]
        else:
            # One of several renters of an entry; or nothing was ever rented there, or refused so.
            name = self._name(text)
            self._by_account = self._by_account or measures_of(self._scenario, self._facts, accounts=True)
            measures = self._by_account.get(name.about) or Measures(self._facts.length_ms)
            value = measures.refusals[name.code] if name.code else BY_NAME[name.metric].value(measures)
        return None if value is None else _millionths(value)

    def _course(self, expectation: Expectation) -> Iterator[Stretch]:
        if expectation.metric is None:
            return steps(self._ledger_changes(expectation), self._facts.length_ms)
        name = self._name(expectation.metric)
        return course_of(name.metric, facts_about(self._scenario, self._facts, name.about), self._scenario.billing)

    def _ledger_changes(self, expectation: Expectation) -> Iterator[Change]:
        account, amount = expectation.ledger_account, expectation.ledger_amount
        names = {
            "available": (available(account),),
            "held": (held(account),),
            "balance": (available(account), held(account)),
            "spent": (REVENUE,),
        }[amount]
        for entry in self._entries:
            if entry.account == account:
                yield from ((entry.at, by) for name, by in entry.postings() if name in names)


def _millionths(value: float) -> int:
    """The nearest number of millionths, halves up as everywhere, of the number that is shown."""
    return int((Decimal(repr(value)) * PPM).to_integral_value(ROUND_HALF_UP))


def _look_over(
    expectation: Expectation, course: Iterator[Stretch], first_ms: int, last_ms: int
) -> tuple[_Look, _Look] | None:
    """The first and the furthest instant of these, both ends included, at which an expectation does not hold.

    Instants before that of the first value are not compared. Where there is none up to the last of these, nothing is,
    and so it does not hold.
    """
    first = furthest = look = None
    for stretch in course:
        from_ms, to_ms = max(stretch.from_ms, first_ms), min(stretch.to_ms, last_ms)
        if from_ms > to_ms:
            continue
        for at_ms in (from_ms, to_ms):
            look = _look_at(expectation, stretch, at_ms)
            if look.off and first is None:
                first = _first_within(expectation, stretch, from_ms, look)
            if look.off and (furthest is None or abs(look.off) > abs(furthest.off)):
                furthest = look
    if look is not None and look.value is None:
        return look, look
    return None if first is None or furthest is None else (first, furthest)


def _first_within(expectation: Expectation, stretch: Stretch, held_ms: int, missed: _Look) -> _Look:
    """The first look of a stretch at which an expectation does not hold, which it does not at `missed`."""
    # It holds at `held_ms`, unless that is the instant that is missed; the value goes one way between the two.
    while missed.at_ms - held_ms > 1:
        look = _look_at(expectation, stretch, (held_ms + missed.at_ms) // 2)
        if look.off:
            missed = look
        else:
            held_ms = look.at_ms
    return missed


def _look_at(expectation: Expectation, stretch: Stretch, at_ms: int) -> _Look:
    value = stretch.value(at_ms)
    return _Look(at_ms, value, 0 if value is None else expectation.off(value))


def _miss(index: int, expectation: Expectation, first: _Look, furthest: _Look) -> Miss:
    told = _told(first)
    if expectation.when != "at the end":
        told = f"first at {format_duration(first.at_ms)} {told}"
        told += "" if furthest == first else f"; at worst, at {format_duration(furthest.at_ms)}, {_told(furthest)}"
    text = f"{expectation.in_words()}: {told}"
    if expectation.because:
        text += f" ({expectation.because})"
    return Miss(f"expect.{index}", first.at_ms, text)


def _told(look: _Look) -> str:
    if look.value is None:
        return "it has no value"
    return f"it is {decimal_text(look.value)}, {decimal_text(abs(look.off))} too {'low' if look.off < 0 else 'high'}"
