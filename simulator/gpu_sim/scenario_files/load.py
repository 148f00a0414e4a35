"""Scenario files: YAML in, a `Scenario` of the core out. Every error names file, line, column and field."""

from collections.abc import Iterator
from functools import cache
from itertools import islice
from os.path import isfile
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from ..core.kernel.names import did_you_mean
from ..core.scenario.catalog import REALISTIC_ONLY
from ..core.scenario.market_settings import MarketSettings, opening_offers
from ..core.scenario.recordings import ReplaySettings
from ..core.scenario.scenario import Scenario
from ..core.scenario_problems import find_problems
from ..notation import decode_quantity
from .catalog import default_catalog, find_repeats, read_catalog
from .inheritance import Folder, all_shipped, inherit, shipped_scenarios, shipped_studies
from .problems import FieldPath, Problem, ScenarioError, read_text
from .recordings import read_price_recording, read_trace_recording
from .yaml_tree import BYTES_MAX, Node, read_tree, tree_of

__all__ = [
    "Folder",
    "Problem",
    "ScenarioError",
    "build_scenario",
    "load_scenario",
    "parse_scenario",
    "scenario_schema",
    "shipped_scenarios",
    "shipped_studies",
]

_PROBLEMS_MAX = 20


def load_scenario(name_or_file: str) -> Scenario:
    """The shipped scenario of that name, or the one in that file. Raises ScenarioError."""
    shipped = all_shipped()
    path = shipped.get(name_or_file) or Path(name_or_file)
    # A word that is no file is a misspelt scenario more likely than a file that is missing.
    if name_or_file not in shipped and not path.suffix and not isfile(path):
        known = did_you_mean(name_or_file, shipped) or f": {', '.join(shipped)}"
        message = f"neither a file nor one of the shipped scenarios{known}"
        raise ScenarioError(Problem(name_or_file, None, None, "", message))
    return parse_scenario(read_text(path, BYTES_MAX), origin=str(path), folder=Folder(path.parent))


def parse_scenario(text: str, *, origin: str, folder: Folder | None) -> Scenario:
    """The scenario of a YAML text, complete: what it extends and its catalogue are read as well.

    `origin` names the text in errors; the files that it names are in `folder`, or it may name none where that is
    None. Raises ScenarioError.
    """
    return _complete(inherit(read_tree(text, origin), folder, origin))


def build_scenario(document: object, *, origin: str, folder: Folder | None) -> Scenario:
    """The scenario of a document that is decoded already, as JSON decodes it; otherwise as `parse_scenario`."""
    return _complete(inherit(tree_of(document, origin), folder, origin))


def _complete(root: Node) -> Scenario:
    scenario = _with_recordings(_with_offers(_convert(root), root))
    found = find_problems(scenario, opening_offers(scenario.market))
    # Found one by one: a large catalogue may have a problem in each offer.
    problems = list(islice(found, _PROBLEMS_MAX))
    listed = root.find("market", "offers")
    if listed is not None:
        problems += (
            (("market", "offers", again), f"the same offer as offers[{first}]")
            for again, first in find_repeats(scenario.market.offers)
        )
        if listed.place.file == root.place.file:  # an inherited list is shared, as a catalogue is
            problems += islice(_idle_settings(scenario.market), _PROBLEMS_MAX - len(problems))
    if problems:
        from .explain import place_problem  # noqa: PLC0415  # nothing to explain in most runs

        raise ScenarioError(*(place_problem(path, reason, root) for path, reason in problems))
    return _without_idle_settings(scenario)


def _idle_settings(market: MarketSettings) -> Iterator[tuple[FieldPath, str]]:
    """The settings of a market's offers that mean nothing in its mode of interruptions, as problems."""
    mode = market.interruptions.mode
    if mode != "realistic":
        for index, offer in enumerate(market.offers):
            for name in REALISTIC_ONLY:
                if getattr(offer, name) is not None:
                    reason = f"{name} goes with interruptions of mode realistic and has no effect in mode {mode}"
                    yield ("market", "offers", index, name), reason


def _without_idle_settings(scenario: Scenario) -> Scenario:
    """The scenario without the offers' settings that have no effect in its mode, as those of a shared catalogue."""
    market = scenario.market
    if not any(_idle_settings(market)):
        return scenario
    offers = tuple(replace(offer, availability=None, group=None) for offer in market.offers)
    return replace(scenario, market=replace(market, offers=offers))


def scenario_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of scenario files."""
    from .schema import build_schema  # noqa: PLC0415  # only the command that prints it needs it

    return build_schema()


def _convert(root: Node) -> Scenario:
    data = root.plain()
    problems: list[Problem] = []
    # msgspec stops at the first problem: unknown keys are dropped one by one, so that all of them are reported at once.
    while True:
        try:
            scenario = msgspec.convert(data, Scenario, dec_hook=decode_quantity)
        except msgspec.ValidationError as error:
            from .explain import explain  # noqa: PLC0415  # nothing to explain in most runs

            problem, unknown = explain(str(error), root)
            # Without an unknown key the next one is found; any other problem may only follow from its absence.
            if unknown is None or not _is_there(data, unknown):
                raise ScenarioError(*(problems or [problem])) from None
            problems.append(problem)
            _drop(data, unknown)
        else:
            break
        if len(problems) == _PROBLEMS_MAX:
            break
    if problems:
        raise ScenarioError(*problems)
    return scenario


def _is_there(data: Any, path: tuple[str | int, ...]) -> bool:
    """True where the key of a message is there: a key that looks like a part of a message can be misread."""
    for step in path[:-1]:
        if not (isinstance(data, list) if isinstance(step, int) else isinstance(data, dict) and step in data):
            return False
        data = data[step]
    return isinstance(data, dict) and path[-1] in data


def _drop(data: Any, path: tuple[str | int, ...]) -> None:
    for step in path[:-1]:
        data = data[step]
    del data[path[-1]]


def _with_recordings(scenario: Scenario) -> Scenario:
    """The scenario with its recordings read, each file once."""
    market = scenario.market
    if market.recordings == ReplaySettings():
        return scenario
    # For this load alone: by the next one a file may have changed.
    read_trace, read_series = cache(read_trace_recording), cache(read_price_recording)
    traces = tuple(
        replace(each, trace=read_trace(Path(each.trace)) if isinstance(each.trace, str) else each.trace)
        for each in market.recordings.availability
    )
    series = tuple(
        replace(each, series=read_series(Path(each.series)) if isinstance(each.series, str) else each.series)
        for each in market.recordings.prices
    )
    return replace(scenario, market=replace(market, recordings=ReplaySettings(availability=traces, prices=series)))


def _with_offers(scenario: Scenario, root: Node) -> Scenario:
    """The scenario with its catalogue read; the shipped one where it names no offers at all."""
    market, catalog = scenario.market, scenario.market.catalog
    if isinstance(catalog, str):
        offers = read_catalog(Path(catalog))
    elif catalog is None and root.find("market", "offers") is None:
        offers = read_catalog(default_catalog())
    else:
        return replace(scenario, extends=None)
    return replace(scenario, extends=None, market=replace(market, catalog=None, offers=offers))
