"""One vocabulary: words that were given up stay away, and docstrings say what a thing is or does."""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
from gpu_sim.core.scenario.experiment.expectation import in_words
from gpu_sim.scenario_files.load import load_scenario, shipped_scenarios, shipped_studies

from ..support.processes import ROOT

ROOMS = ("simulator", "contract", "tests")
OPENS_INDIRECTLY = re.compile(r"(?:What|Whether|How)\b")
INDIRECT_SHARE_MAX = 0.05

GIVEN_UP_NAMES = re.compile(
    r"Pools?|PoolRates|pool_rates|TakeBacks?|falls_ms|Strike|Struck|Exposed|exposed"
    r"|Replayed(?:Offers?|Prices?)|replayed_(?:offers|prices|series)"
    r"|Keeping|Holding|Happened|happened|Words|rulings|Shelf|ScenarioShelf|no_garbage|tell_from_outside"
    r"|Keeper|Life|Lives|Standing|SeenChain|Beside|Strangers|Meeting|Wanted"
    r"|Wall|Heard|Books"
)
"""Names of classes, functions and variables that have another one now. Only whole names count, as many of these words
are good ones within others."""
GIVEN_UP_MODULES = re.compile(
    r"pools?|takebacks|exposed|rental_states|replayed_(?:offers|prices|series)|keeping|durable|store|holding|happened"
    r"|words|rulings|pending|building|told|tell|pacing|waiting|standing|expectations|beside|strangers"
    r"|foretold|history|stage|scenes|books|injected|spending|kept|walls|team|rich|busy|aviary"
)
"""Names of modules and packages that have another one now, `test_` in front apart."""
GIVEN_UP_WORDS = frozenset({"aviary", "deprobe", "durable", "foretold", "keeping", "takeback", "takebacks"})
"""Words that no name may contain: the glossary has others for all that they stood for."""
GIVEN_UP_PROSE = re.compile(
    r"\b(?:(?:is|are|was|were) struck|strikes (?:a|an|the)\b|take-?backs?|foretold|aviary|deprobe"
    r"|(?:rentals?|offers?|zones?|fleets?|nodes?|of (?:four|five|six|them)) (?:all )?falls?\b"
    r"|fall(?:s|ing|en)? together)",
    re.IGNORECASE,
)
"""Other words for interruptions, which the glossary has given up: they hit an offer, and rentals are interrupted."""
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
"""The words of a name in any case."""


class Texts(NamedTuple):
    """What of a Python file is in words."""

    docstrings: tuple[str, ...]
    names: frozenset[str]


def docstrings(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """The docstrings of a module and of its classes and functions, and those below the names that it assigns."""
    for node in nodes:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text is not None:
                yield text
            for before, after in pairwise(node.body):
                match before, after:
                    case ast.Assign() | ast.AnnAssign(), ast.Expr(value=ast.Constant(value=str(text))):
                        yield text


def names_in(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """The names that a module defines or uses, except those of modules."""
    for node in nodes:
        match node:
            case ast.Name(id=name) | ast.arg(arg=name) | ast.Attribute(attr=name) | ast.keyword(arg=str(name)):
                yield name
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.alias(name=name, asname=other):
                yield from (name.rpartition(".")[2], other or name.rpartition(".")[2])


@cache
def files() -> dict[Path, Texts]:
    """The texts of each Python file, by its path from the root of the checkout. No syntax tree is kept: each collection
    of garbage would go through all of them, to the end of the process."""
    found = {}
    for path in (path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))):
        nodes = [*ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path)))]
        found[path.relative_to(ROOT)] = Texts(tuple(docstrings(nodes)), frozenset(names_in(nodes)))
    assert len(found) > 400
    return found


def prose() -> Iterator[tuple[str, str]]:
    """The texts that are read by people, each with its place: docstrings, READMEs and descriptions of scenarios."""
    for path, texts in files().items():
        yield from ((str(path), text) for text in texts.docstrings)
    pages = [path for path in ROOT.rglob("*.md") if not path.relative_to(ROOT).parts[0].startswith(".")]
    assert len(pages) > 8
    for path in pages:
        yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
    for name in (*shipped_scenarios(), *shipped_studies()):
        scenario = load_scenario(name)
        yield f"scenario {name}", f"{scenario.description} {in_words(scenario.expect)}"


def modules_in(path: Path) -> Iterator[str]:
    """The names of a module and of the packages around it."""
    for part in path.with_suffix("").parts:
        yield part.removeprefix("test_")


def is_given_up(name: str, names: re.Pattern[str] = GIVEN_UP_NAMES) -> bool:
    """True if a name has been replaced by another."""
    words = {word.lower() for word in WORD.findall(name)}
    return bool(GIVEN_UP_WORDS & words) or names.fullmatch(name.strip("_")) is not None


@pytest.mark.parametrize("room", ROOMS)
def test_few_docstrings_open_with_what_whether_or_how(room: str) -> None:
    texts = [text for path, found in files().items() if path.parts[0] == room for text in found.docstrings]
    indirect = [text.splitlines()[0] for text in texts if OPENS_INDIRECTLY.match(text)]
    assert len(texts) > 300
    assert len(indirect) <= INDIRECT_SHARE_MAX * len(texts), f"{len(indirect)} of {len(texts)}: {indirect}"


def test_every_kind_of_docstring_is_read() -> None:
    tree = ast.parse(
        '"""1"""\nX = 1\n"""2"""\nasync def f():\n    """3"""\nclass C:\n    """4"""\n    x: int\n    """5"""\n'
        '    def __init__(self):\n        """6"""\n        self.x = 1\n        """7"""\n        "no docstring" + f()\n'
    )
    assert sorted(docstrings(ast.walk(tree))) == list("1234567")


def test_names_that_were_given_up_stay_away() -> None:
    named = ((path, name) for path, texts in files().items() for name in texts.names)
    assert sorted(f"{path}: {name}" for path, name in named if is_given_up(name)) == []


def test_modules_do_not_have_names_that_were_given_up() -> None:
    assert [
        str(path) for path in files() if any(is_given_up(part, GIVEN_UP_MODULES) for part in modules_in(path))
    ] == []


def test_prose_has_no_words_that_were_given_up() -> None:
    found = [(place, " ".join(text.split())) for place, text in prose()]
    assert len(found) > 2_000
    assert [(place, given_up[0]) for place, text in found for given_up in GIVEN_UP_PROSE.finditer(text)] == []


@pytest.mark.parametrize(
    "text",
    [
        "the whole offer is struck",
        "The hazard strikes a whole offer",
        "Take-backs of the market",
        "all six rentals fall at once",
        "Fleets fall as seen",
        "five of six fall",
        "how they fall together",
        "an end that was foretold",
    ],
)
def test_prose_that_was_given_up_would_be_found(text: str) -> None:
    assert GIVEN_UP_PROSE.search(text) is not None


@pytest.mark.parametrize("text", ["prices fall", "events fall due", "a striking rate", "a pool of strings"])
def test_other_prose_is_left_alone(text: str) -> None:
    assert GIVEN_UP_PROSE.search(text) is None


def test_given_up_names_would_be_found() -> None:
    tree = ast.parse(
        "from x.y import Holding as Retention\nimport a.durable_module\n"
        "def _deprobe(keeping): self._exposed = Keeper.string_pool(takebacks=pool)\n"
        "class SeenChain: pool: StringPool\nasync def happened(): pass\n"
    )
    found = {name for name in names_in(ast.walk(tree)) if is_given_up(name)}
    classes = {"Holding", "Keeper", "SeenChain"}
    assert found == classes | {"durable_module", "_deprobe", "keeping", "_exposed", "takebacks", "happened"}


@pytest.mark.parametrize("path", ["simulator/gpu_sim/pacing.py", "tests/core/test_takebacks.py", "contract/stage/a.py"])
def test_given_up_modules_would_be_found(path: str) -> None:
    assert any(is_given_up(part, GIVEN_UP_MODULES) for part in modules_in(Path(path)))
