"""A scenario file as one document that needs no other file, for a server that cannot read the folder it is in."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from ..core.scenario.catalog import REALISTIC_ONLY, OfferSpec
from ..core.scenario.recordings import Recording
from ..notation import encode_quantity
from .catalog import default_catalog, read_catalog
from .inheritance import DEFAULT_CATALOG, RECORDINGS, Folder, inherit
from .load import load_scenario
from .problems import read_text
from .recordings import read_price_recording, read_trace_recording
from .yaml_tree import BYTES_MAX, read_tree


def scenario_document(file: Path) -> dict[str, Any]:
    """The document of a scenario file: all that it extends merged in, its catalogue and recordings written out.

    Raises ScenarioError, with file and line, for a scenario that cannot be used.
    """
    load_scenario(str(file))  # for its errors, which name file and line: the document has no lines any more
    root = inherit(read_tree(read_text(file, BYTES_MAX), str(file)), Folder(file.parent), str(file))
    document: dict[str, Any] = _numbers_plain(root.plain())
    document.pop("extends", None)
    market = document.get("market", {})
    catalog = market.get("catalog")
    # Only by its name: the server has the shipped catalogue too.
    if catalog == str(default_catalog()):
        market["catalog"] = DEFAULT_CATALOG
    elif isinstance(catalog, str):
        del market["catalog"]
        market["offers"] = [_written(offer) for offer in read_catalog(Path(catalog))]
    # A list that was inherited or read from a catalogue is the document's own now, and one's own settings without
    # effect are refused.
    if "offers" in market and market.get("interruptions", {}).get("mode") != "realistic":
        market["offers"] = [_for_any_mode(offer) for offer in market["offers"]]
    _embed_recordings(market.get("replay", {}))
    return document


def _for_any_mode(offer: dict[str, Any]) -> dict[str, Any]:
    """The offer without what a shared list may say for the mode `realistic` alone."""
    return {key: value for key, value in offer.items() if key not in REALISTIC_ONLY}


def _embed_recordings(replay: dict[str, Any]) -> None:
    """Write the recordings out in place of the names of their files."""
    readers = {"trace": read_trace_recording, "series": read_price_recording}
    for kind, key, _ in RECORDINGS:
        for entry in replay.get(kind, ()):
            if isinstance(entry[key], str):
                entry[key] = _written(readers[key](Path(entry[key])))


def _numbers_plain(value: Any) -> Any:
    """The document as JSON can carry it."""
    if isinstance(value, dict):
        return {key: _numbers_plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_numbers_plain(inner) for inner in value]
    return float(value) if isinstance(value, Decimal) else value


def _written(part: OfferSpec | Recording) -> Any:
    return msgspec.to_builtins(part, enc_hook=encode_quantity)
