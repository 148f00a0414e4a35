"""A scenario file as one document that needs no other file, for a server that cannot read the folder it is in."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from .catalog_file import default_catalog, read_catalog
from .core.catalog import OfferSpec
from .core.money import format_price
from .core.quantities import Availability, Price, Share
from .notation import format_share
from .scenario_error import read_text
from .scenario_file import load_scenario
from .scenario_inheritance import DEFAULT_CATALOG, Folder, inherit
from .yaml_tree import BYTES_MAX, read_tree


def scenario_document(file: Path) -> dict[str, Any]:
    """What the file says, all that it extends merged in, its catalogue as a list of offers. Raises ScenarioError, with
    file and line, for a scenario that cannot be used."""
    load_scenario(str(file))
    root = inherit(read_tree(read_text(file, BYTES_MAX), str(file)), Folder(file.parent), str(file))
    document: dict[str, Any] = _numbers_plain(root.plain())
    document.pop("extends", None)
    market = document.get("market", {})
    catalog = market.get("catalog")
    if catalog == str(default_catalog()):
        market["catalog"] = DEFAULT_CATALOG
    elif isinstance(catalog, str):
        del market["catalog"]
        market["offers"] = [_written(offer) for offer in read_catalog(Path(catalog))]
    return document


def _numbers_plain(value: Any) -> Any:
    """The document as JSON can carry it."""
    if isinstance(value, dict):
        return {key: _numbers_plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_numbers_plain(inner) for inner in value]
    return float(value) if isinstance(value, Decimal) else value


def _written(offer: OfferSpec) -> Any:
    return msgspec.to_builtins(offer, enc_hook=_quantity)


def _quantity(value: object) -> str:
    if isinstance(value, Price):
        return format_price(value)
    assert isinstance(value, Share | Availability), value
    return format_share(value)
