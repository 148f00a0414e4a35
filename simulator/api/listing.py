"""The offers list in bytes: each offer is encoded once per price and probability, each answer is kept until the market
changes."""

import re
from decimal import Decimal
from operator import itemgetter

import msgspec

from ..core.errors import InvalidValue
from ..core.money import MICROS_PER_DOLLAR, format_price
from ..core.offers import Offer
from ..core.randomness import PPM
from ..world import World
from .problems import Reply
from .wire import parse_query

PARAMETERS = ("gpu_model", "provider", "min_vram", "max_price")
ANSWERS_MAX = 256
_JSON = (b"content-type", b"application/json")

_is_decimal = re.compile(r"\d+(\.\d+)?", re.ASCII).fullmatch

Row = tuple[int, str, str, str, Offer, bytes, int]
"""Price, provider, region and model, which order the list (A15), the offer, its JSON, and the chance of interruption in
parts per million that this shows."""


class Listing:
    """The list of one simulation's offers (F3–F6), and the answers to the latest queries."""

    __slots__ = ("_answers", "_encoded", "_refuse_unknown", "_rows", "_simulation", "_version")

    def __init__(self, world: World) -> None:
        self._simulation = world.simulation
        self._refuse_unknown = world.scenario.api.unknown_fields == "refuse"
        self._version = -1
        self._encoded: dict[str, Row] = {}
        self._rows: list[Row] = []
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
        self._answers.clear()
        self._rows = sorted(map(self._row, self._simulation.market.listed()), key=itemgetter(0, 1, 2, 3))
        self._version = self._simulation.market.version

    def _row(self, offer: Offer) -> Row:
        row = self._encoded.get(offer.name)
        price, probability_ppm = offer.price_micros_per_hour, offer.interruption_ppm
        if row is None or row[0] != price or row[6] != probability_ppm:
            spec = offer.spec
            row = (price, spec.provider_id, spec.region, spec.gpu_model, offer, _encode(offer), probability_ppm)
            self._encoded[offer.name] = row
        return row

    def _compose(self, query: bytes) -> Reply:
        parameters = parse_query(query, PARAMETERS, refuse_unknown=self._refuse_unknown)
        rows = self._rows
        for name, value in parameters.items():
            rows = _filter(rows, name, value)
        body = b'{"object":"list","count":%d,"data":[%b]}' % (len(rows), b",".join(row[5] for row in rows))
        return Reply(200, body, (_JSON,))


def _filter(rows: list[Row], name: str, value: str) -> list[Row]:
    if name == "gpu_model":
        folded = value.casefold()
        return [row for row in rows if row[3].casefold() == folded]
    if name == "provider":
        folded = value.casefold()
        return [row for row in rows if row[1].casefold() == folded]
    if name == "min_vram":
        if not (value.isascii() and value.isdigit() and len(value) <= 18):
            raise InvalidValue("min_vram must be a whole number of GB", param=name)
        least = int(value)
        return [row for row in rows if row[4].spec.vram_gb >= least]
    most = _decimal(name, value) * MICROS_PER_DOLLAR
    return [row for row in rows if row[0] <= most]


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
