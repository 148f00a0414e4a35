"""The market alone changes an offer: others ask it to."""

import ast
from collections.abc import Iterator
from pathlib import Path

import gpu_sim
from gpu_sim.core.market.offer import Offer
from gpu_sim.core.market.prices import PricePath

CORE = Path(gpu_sim.__file__).parent / "core"
OWN = {"market/market.py", "market/offer.py"}
FIELDS = {*Offer.__slots__, "pressure"} - {"name"}


def writes(tree: ast.AST) -> Iterator[ast.Attribute]:
    """Attributes of the names that an offer's fields have which are assigned or deleted, but for those of `self`."""
    attributes = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in FIELDS)
    for node in attributes:
        if not isinstance(node.ctx, ast.Load) and ast.unparse(node.value) != "self":
            yield node


def test_nobody_but_the_market_writes_the_fields_of_an_offer() -> None:
    found = [
        f"{file.relative_to(CORE)}:{node.lineno}: {ast.unparse(node)}"
        for file in sorted(CORE.rglob("*.py"))
        if str(file.relative_to(CORE)) not in OWN
        for node in writes(ast.parse(file.read_text()))
    ]
    assert found == []


def test_the_market_does_write_them() -> None:
    """So the search above finds what it looks for."""
    written = {node.attr for node in writes(ast.parse((CORE / "market/market.py").read_text()))}
    assert written == FIELDS - {"path"}
    assert "pressure" in PricePath.__slots__
