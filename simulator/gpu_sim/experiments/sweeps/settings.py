"""Settings of a sweep: values for places in a scenario that dotted names say, such as `renters.0.policy`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import product
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from ...core.kernel.names import did_you_mean
from ...core.kernel.randomness import DRAW_BITS, draw, stream
from ...core.scenario.experiment.sweep_settings import Value
from ...core.scenario.recordings import Recording
from ...core.scenario.scenario import Scenario
from ...notation import encode_quantity
from ...scenario_files.load import build_scenario
from ...scenario_files.problems import ScenarioError

RANGE_STEPS_MAX = 10_000

_range = re.compile(r"(-?\d+(?:\.\d+)?)([A-Za-z%]*)\.\.(-?\d+(?:\.\d+)?)([A-Za-z%]*):(\d+)").fullmatch
_is_number = re.compile(r"-?\d+(\.\d+)?").fullmatch

Settings = Mapping[str, Value]
"""Values by the dotted names of the places that they are for."""


class SettingUnusable(Exception):
    """A setting that cannot be: `name` is its dotted name, `problem` the reason with the nearest valid name."""

    def __init__(self, name: str, problem: str) -> None:
        self.name = name
        self.problem = problem
        super().__init__(f"{name}: {problem}")


class Setting(NamedTuple):
    """A dotted name and the values that it takes, in order."""

    name: str
    values: tuple[Value, ...]


def parse_setting(text: str) -> Setting:
    """A setting as the command line has it: `name=a,b,c` or `name=0..1:5`. Raises SettingUnusable."""
    name, equals, written = text.partition("=")
    if not equals or not name.strip():
        raise SettingUnusable(text, "write it as name=value, name=value,value or name=from..to:count")
    return Setting(name.strip(), values_of(name.strip(), written))


def values_of(name: str, written: Value | Sequence[Value]) -> tuple[Value, ...]:
    """The values of a setting: the one, those listed, separated by commas in a text, or so many at equal distances.

    `0..1:5` is 0, 0.25, 0.5, 0.75, 1; both ends may have one unit, as in `5m..60m:12`. Raises SettingUnusable.
    """
    if written is None or isinstance(written, (int, float)):
        values: tuple[Value, ...] = (written,)
    elif not isinstance(written, str):
        values = tuple(written)
        if not values:
            raise SettingUnusable(name, "it has no values")
    elif (spread := _range(written.strip())) is None:
        values = tuple(_plain(each.strip()) for each in written.split(","))
    else:
        low, unit, high, other_unit, steps = spread.groups()
        if unit != other_unit:
            raise SettingUnusable(name, f'the ends of "{written}" have two units')
        if not 2 <= int(steps) <= RANGE_STEPS_MAX:
            raise SettingUnusable(name, f"a range has 2 to {RANGE_STEPS_MAX} values")
        step = (Decimal(high) - Decimal(low)) / (int(steps) - 1)
        values = tuple(_number(Decimal(low) + step * index, unit) for index in range(int(steps)))
    # By their texts, as results tell them apart.
    if len({text_of(each) for each in values}) < len(values):
        raise SettingUnusable(name, f'"{written}" has a value twice')
    return values


def _plain(text: str) -> Value:
    if text in ("true", "false"):
        return text == "true"
    if _is_number(text) is None:
        return text
    return float(text) if "." in text else int(text)


def _number(value: Decimal, unit: str) -> Value:
    # Six digits are as fine as any quantity of a scenario.
    rounded = f"{value:.6f}".rstrip("0").rstrip(".")
    return f"{rounded}{unit}" if unit else _plain(rounded)


def combinations(settings: Sequence[Setting]) -> Iterator[dict[str, Value]]:
    """Every combination of values, the last setting fastest."""
    names = [setting.name for setting in settings]
    for values in product(*(setting.values for setting in settings)):
        yield dict(zip(names, values, strict=True))


def drawn_combinations(settings: Sequence[Setting], count: int, seed: int) -> Iterator[dict[str, Value]]:
    """So many combinations, each value equally likely; none comes twice, so there may be fewer."""
    known: set[tuple[str, ...]] = set()
    for trial in range(count):
        drawn: dict[str, Value] = {}
        for setting in settings:
            index = draw(stream(seed, f"sweep/{setting.name}"), trial) * len(setting.values) >> DRAW_BITS
            drawn[setting.name] = setting.values[index]
        told = tuple(map(str, drawn.values()))
        if told not in known:
            known.add(told)
            yield drawn


class Template:
    """A scenario as a document, in which settings take the places that their names say."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(scenario, enc_hook=encode_quantity))

    def under(self, settings: Settings) -> Scenario:
        """The scenario under these settings. Raises SettingUnusable, which names the nearest place or value.

        A number that stands where a text is wanted, as for a price or a balance, is read as one, and `none` where no
        text is as nothing.
        """
        if not settings:
            return self._scenario
        tried = dict(settings)
        while True:
            try:
                return self._built(tried)
            except SettingUnusable as error:
                value = tried.get(error.name)
                if isinstance(value, (int, float)) and not isinstance(value, bool):
                    tried[error.name] = str(value)
                elif value == "none":
                    tried[error.name] = None
                elif value != settings.get(error.name):
                    return self._built(settings)  # for its error: of the value as it was written
                else:
                    raise

    def place(self, name: str) -> str:
        """The dotted name of a place with numbers for names, the same for all its names. Raises SettingUnusable."""
        return _place(_copy(self._document), name, None)

    def _built(self, settings: Settings) -> Scenario:
        document = _copy(self._document)
        names: dict[str, str] = {}
        for name, value in settings.items():
            place = _place(document, name, value)
            for other, other_name in names.items():
                if place == other:
                    raise SettingUnusable(name, f"it is the same as {other_name}: give one of the two")
                if f"{place}.".startswith(f"{other}.") or f"{other}.".startswith(f"{place}."):
                    raise SettingUnusable(name, f"one of it and {other_name} is part of the other: give one of the two")
            names[place] = name
        try:
            return build_scenario(document, origin="the scenario under these settings", folder=None)
        except ScenarioError as error:
            problem = error.problems[0]
            raise SettingUnusable(_meant(names, problem.field), problem.message) from None


def with_trace(scenario: Scenario, trace: Recording) -> Scenario:
    """The scenario with a trace in place of its first recording of availability. Raises SettingUnusable."""
    recordings = scenario.market.recordings
    if not recordings.availability:
        raise SettingUnusable("trace", "the scenario follows no recording of availability that it could replace")
    first, *others = recordings.availability
    played = replace(recordings, availability=(replace(first, trace=trace), *others))
    return replace(scenario, market=replace(scenario.market, recordings=played))


def told(settings: Settings) -> dict[str, str]:
    """The settings as texts, as results bear them."""
    return {name: text_of(value) for name, value in settings.items()}


def text_of(value: Value) -> str:
    """A value as a text, which `--set` would take."""
    if isinstance(value, bool):
        return str(value).lower()
    return "none" if value is None else str(value)


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(each) for key, each in value.items()}
    # Deep copies of what no setting reaches into, such as the steps of recordings, would take most of the time.
    return [_copy(each) for each in value] if isinstance(value, list) and _has_parts(value) else value


def _has_parts(value: list[Any]) -> bool:
    return (bool(value) and isinstance(value[0], (dict, str))) or len(value) < 64  # a list to set into


def _place(document: dict[str, Any], name: str, value: Value) -> str:
    """Put the value where the name says, and return that place with numbers in place of names; what is on the way and
    has its default is made."""
    here: Any = document
    path: list[str] = []
    *way, last = name.split(".")
    for step in way:
        here, place = _step(here, step, name)
        path.append(place)
    if isinstance(here, list):
        number = _index(here, last, name)
        here[number] = value
        last = str(number)
    elif isinstance(here, dict) and value is None and isinstance(here.get(last), dict):
        del here[last]  # a block is taken back whole
    elif isinstance(here, dict):
        here[last] = value
    else:
        raise SettingUnusable(name, f'"{last}" is part of a value, not of a scenario')
    return ".".join([*path, last])


def _step(here: Any, step: str, name: str) -> tuple[Any, str]:
    """The part under that step, and the step with a number in place of a name."""
    if isinstance(here, list):
        number = _index(here, step, name)
        return here[number], str(number)
    if not isinstance(here, dict):
        raise SettingUnusable(name, f'nothing is under "{step}"')
    return here.setdefault(step, {}), step


def _index(here: list[Any], step: str, name: str) -> int:
    """The place in a list: its number, or the name of what stands there."""
    if step.isdecimal() and int(step) < len(here):
        return int(step)
    names = [str(each["name"]) for each in here if isinstance(each, dict) and "name" in each]
    if step in names:
        return next(index for index, each in enumerate(here) if isinstance(each, dict) and each.get("name") == step)
    known = f", numbered 0 to {len(here) - 1}" if here else ""
    raise SettingUnusable(name, f'there is no "{step}" among {len(here)}{known}{did_you_mean(step, names)}')


def _meant(names: Mapping[str, str], path: str) -> str:
    """The setting that a problem at a path of the scenario is about, by the places of settings; the path itself where
    that is none."""
    dotted = re.sub(r"\[(\d+)\]", r".\1", path)
    near = (
        name
        for place, name in names.items()
        if f"{dotted}.".startswith(f"{place}.") or f"{place}.".startswith(f"{dotted}.")
    )
    return next(near, path or next(iter(names.values()), ""))
