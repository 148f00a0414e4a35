"""The offers list in bytes: each offer is encoded once per price and probability, each answer is kept until the market
changes."""

import re
from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping
from decimal import Decimal
from itertools import islice
from operator import attrgetter
from typing import NamedTuple

import msgspec

from ..core.errors import InvalidValue
from ..core.money import MICROS_PER_DOLLAR, format_price
from ..core.offer import Offer
from ..core.randomness import PPM
from ..world import World
from .problems import Reply
from .wire import parse_query

PARAMETERS = ("gpu_model", "provider", "min_vram", "max_price")
ANSWERS_MAX = 256
FEW = 8
"""Changes of less than one offer in so many are taken up one by one."""
_JSON = (b"content-type", b"application/json")

_is_decimal = re.compile(r"\d+(\.\d+)?", re.ASCII).fullmatch


class Row(NamedTuple):
    """An offer that is listed. What comes first orders the list (A15), and no two offers have all of it in common."""

    price_micros: int
    provider_id: str
    region: str
    gpu_model: str
    offer: Offer
    json: bytes
    interruption_ppm: int
    model: str
    """The model, whatever its case (A14)."""
    provider: str
    """The provider, likewise."""


_price = attrgetter("price_micros")

Names = tuple[str | None, str | None]
"""Model and provider asked for, whatever their case; None for any."""


class Listing:
    """The list of one simulation's offers (F3–F6), and the answers to the latest queries."""

    __slots__ = ("_answers", "_encoded", "_listed", "_refuse_unknown", "_rows", "_simulation", "_version")

    def __init__(self, world: World) -> None:
        self._simulation = world.simulation
        self._refuse_unknown = world.scenario.api.unknown_fields == "refuse"
        self._version = -1
        self._encoded: dict[str, Row] = {}
        self._listed: dict[str, Row] = {}
        self._rows: dict[Names, list[Row]] = {}
        self._answers: dict[bytes, Reply] = {}

    def answer(self, query: bytes) -> Reply:
        """The answer to a raw query string. Raises UnknownParameter or InvalidValue (A14)."""
        if self._version != self._simulation.market.version:
            self._refresh()
        known = self._answers.get(query)
        if known is None:
            known = self._compose(query)
            if len(self._answers) >= ANSWERS_MAX:
                del self._answers[next(iter(self._answers))]
            self._answers[query] = known
        return known

    def _refresh(self) -> None:
        """Take up what has changed: offer by offer where it is little."""
        market = self._simulation.market
        changes = market.version - self._version
        self._answers.clear()
        self._version = market.version
        if changes <= len(market.recent) and changes * FEW < len(market.offers):
            for offer in islice(reversed(market.recent), changes):
                self._renew(offer)
            return
        self._rows = {}
        self._listed = {}
        for row in sorted(map(self._row, market.listed())):
            self._listed[row.offer.name] = row
            for names in _asked(row):
                self._rows.setdefault(names, []).append(row)

    def _renew(self, offer: Offer) -> None:
        before = self._listed.pop(offer.name, None)
        now = self._row(offer) if offer.is_listed else None
        if now is not None:
            self._listed[offer.name] = now
        if before is now:
            return
        if before is not None:
            for names in _asked(before):
                rows = self._rows[names]
                del rows[bisect_left(rows, before)]
        if now is not None:
            for names in _asked(now):
                insort(self._rows.setdefault(names, []), now)

    def _row(self, offer: Offer) -> Row:
        row = self._encoded.get(offer.name)
        price, probability_ppm = offer.price_micros_per_hour, offer.interruption_ppm
        if row is None or row.price_micros != price or row.interruption_ppm != probability_ppm:
            names = offer.spec.provider_id, offer.spec.region, offer.spec.gpu_model
            folded = names[2].casefold(), names[0].casefold()
            row = Row(price, *names, offer, _encode(offer), probability_ppm, *folded)
            self._encoded[offer.name] = row
        return row

    def _compose(self, query: bytes) -> Reply:
        rows = self._select(parse_query(query, PARAMETERS, refuse_unknown=self._refuse_unknown))
        data = b",".join([row.json for row in rows])
        body = b'{"object":"list","count":%d,"data":[%b]}' % (len(rows), data)
        return Reply(200, body, (_JSON,))

    def _select(self, parameters: Mapping[str, str]) -> list[Row]:
        """The offers that match all of the parameters (F5), in order."""
        least: int | None = None
        most: Decimal | None = None
        for name, value in parameters.items():
            if name == "min_vram":
                least = _gigabytes(name, value)
            elif name == "max_price":
                most = _decimal(name, value) * MICROS_PER_DOLLAR
        model, provider = parameters.get("gpu_model"), parameters.get("provider")
        names = None if model is None else model.casefold(), None if provider is None else provider.casefold()
        rows = self._rows.get(names, [])
        if most is not None:
            rows = rows[: bisect_right(rows, most, key=_price)]
        if least is not None:
            rows = [row for row in rows if row.offer.spec.vram_gb >= least]
        return rows


def _asked(row: Row) -> tuple[Names, ...]:
    """The ways of asking by name that find it."""
    return (None, None), (row.model, None), (None, row.provider), (row.model, row.provider)


def _gigabytes(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 18):
        raise InvalidValue("min_vram must be a whole number of GB", param=name)
    return int(value)


def _decimal(name: str, value: str) -> Decimal:
    if len(value) > 24 or _is_decimal(value) is None:
        raise InvalidValue(f'{name} must be a decimal number of dollars such as "0.50"', param=name)
    return Decimal(value)


def _encode(offer: Offer) -> bytes:
    spec = offer.spec
    return msgspec.json.encode(
        {
            "gpu_model": spec.gpu_model,
            "vram_gb": spec.vram_gb,
            "provider_id": spec.provider_id,
            "region": spec.region,
            "price_per_gpu_hour": format_price(offer.price_micros_per_hour),
            "interruption_probability": offer.interruption_ppm / PPM,
            "spot": True,
        }
    )
