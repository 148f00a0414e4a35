"""The offers list as bytes: an offer is encoded once per price and probability, an answer once per query and state of
the market."""

import re
from bisect import bisect_left
from collections.abc import Mapping
from decimal import Decimal
from itertools import islice
from weakref import finalize, ref

import msgspec

from ...core.kernel.errors import InvalidValue
from ...core.kernel.money import MICROS_PER_DOLLAR, format_price
from ...core.kernel.randomness import PPM
from ...core.market.offer import Offer
from ...worlds.world import World
from ..exchange import Exchange
from ..fields import parse_query
from ..replies import Reply
from .sorted_rows import Row, SortedRows

PARAMETERS = ("gpu_model", "provider", "min_vram", "max_price")
ANSWERS_MAX = 256
ANSWERS_BYTES_MAX = 64_000_000
"""Bounds of the cached answers, in number and in bytes; the latest is cached in any case.

Clients repeat few queries, but `max_price` alone allows any number of them, and an answer may have megabytes.
"""
MEMORY_FILTERS_MAX = 32
"""The number of filters with a lower bound on memory whose sorted rows are cached."""
OFFERS_PER_CHANGE_MIN = 8
"""Changed offers are updated one by one where there are more offers than this for each change. Below, it is quicker to
sort all rows anew."""
_JSON = (b"content-type", b"application/json")

_is_decimal = re.compile(r"\d+(\.\d+)?", re.ASCII).fullmatch


Filter = tuple[str | None, str | None, int]
"""Model and provider, casefolded, None for any; and the least GB of memory, a size that an offer has, or 0 for any."""


class Listing:
    """The offers list of one simulation (F3–F6), with cached answers to the latest queries."""

    __slots__ = (
        "_answers",
        "_answers_bytes",
        "_encoded",
        "_listed",
        "_market",
        "_memories",
        "_refuse_unknown",
        "_rows",
        "_rows_by_memory",
        "_version",
    )

    def __init__(self, world: World) -> None:
        self._market = world.simulation.market
        self._refuse_unknown = world.scenario.api.unknown_fields == "refuse"
        self._version = -1
        self._encoded: dict[str, Row] = {}
        self._listed: dict[str, Row] = {}
        self._memories = sorted({offer.spec.vram_gb for offer in self._market.offers})
        self._rows: dict[Filter, SortedRows] = {}
        self._rows_by_memory: dict[Filter, SortedRows] = {}
        self._answers: dict[bytes, Reply] = {}
        self._answers_bytes = 0

    def answer(self, query: bytes) -> Reply:
        """The answer to a raw query string. Raises UnknownParameter or InvalidValue (A14)."""
        # A list of prepared bytes is almost always the answer: the market changes far less often than clients poll.
        if self._version != self._market.version:
            self._refresh()
        known = self._answers.get(query)
        if known is None:
            known = self._compose(query)
            self._cache(query, known)
        return known

    def _cache(self, query: bytes, answer: Reply) -> None:
        answers, size = self._answers, len(answer.body)
        while answers and (len(answers) >= ANSWERS_MAX or self._answers_bytes + size > ANSWERS_BYTES_MAX):
            self._answers_bytes -= len(answers.pop(next(iter(answers))).body)
        answers[query] = answer
        self._answers_bytes += size

    def _refresh(self) -> None:
        """Bring the rows up to date with the market: changed offers only, where they are few."""
        market = self._market
        changes = market.version - self._version
        self._answers.clear()
        self._answers_bytes = 0
        self._version = market.version
        # `recent` is bounded: after more changes than it has, those further back are unknown.
        if changes <= len(market.recent) and changes * OFFERS_PER_CHANGE_MIN < len(market.offers):
            for offer in islice(reversed(market.recent), changes):
                self._update(offer)
            return
        self._listed = {}
        found: dict[Filter, list[Row]] = {}
        for row in sorted(map(self._row, market.listed())):
            self._listed[row.offer.name] = row
            for filter_ in _by_names(row):
                found.setdefault(filter_, []).append(row)
        self._rows = {filter_: SortedRows(rows) for filter_, rows in found.items()}
        self._rows_by_memory = {}

    def _update(self, offer: Offer) -> None:
        before = self._listed.pop(offer.name, None)
        now = self._row(offer) if offer.is_listed else None
        if now is not None:
            self._listed[offer.name] = now
        if before is now:
            return
        if before is not None:
            for rows in self._lists_with(before):
                rows.remove(before)
        if now is not None:
            for filter_ in _by_names(now):
                self._rows.setdefault(filter_, SortedRows(()))
            for rows in self._lists_with(now):
                rows.add(now)

    def _lists_with(self, row: Row) -> list[SortedRows]:
        """All cached lists that this row belongs to."""
        by_names = _by_names(row)
        found = [self._rows[filter_] for filter_ in by_names]
        # A walk over all of them is cheap, as there are at most MEMORY_FILTERS_MAX.
        for (model, provider, least), rows in self._rows_by_memory.items():
            if least <= row.vram_gb and (model, provider, 0) in by_names:
                found.append(rows)
        return found

    def _row(self, offer: Offer) -> Row:
        row = self._encoded.get(offer.name)
        price, probability_ppm = offer.price_micros_per_hour, offer.interruption_ppm
        if row is None or row.price_micros != price or row.interruption_ppm != probability_ppm:
            names = offer.spec.provider_id, offer.spec.region, offer.spec.gpu_model
            folded = names[2].casefold(), names[0].casefold()
            row = Row(price, *names, offer, _encode(offer), probability_ppm, *folded, offer.spec.vram_gb)
            self._encoded[offer.name] = row
        return row

    def _compose(self, query: bytes) -> Reply:
        rows = self._select(parse_query(query, PARAMETERS, refuse_unknown=self._refuse_unknown))
        pieces = rows.pieces or [b""]
        pieces[0] = b'{"object":"list","count":%d,"data":[%b' % (len(rows), pieces[0])
        pieces[-1] += b"]}"
        return Reply(200, b",".join(pieces), (_JSON,))

    def _select(self, parameters: Mapping[str, str]) -> SortedRows:
        """The rows that match all of the parameters (F5), in order. Raises InvalidValue."""
        least = 0
        most: Decimal | None = None
        for name, value in parameters.items():
            if name == "min_vram":
                least = _gigabytes(name, value)
            elif name == "max_price":
                most = _decimal(name, value) * MICROS_PER_DOLLAR
        model, provider = parameters.get("gpu_model"), parameters.get("provider")
        names = None if model is None else model.casefold(), None if provider is None else provider.casefold()
        rows = self._with_memory(names, least)
        return rows if most is None else rows.up_to(most)

    def _with_memory(self, names: tuple[str | None, str | None], least: int) -> SortedRows:
        """The rows with this model and provider and with at least this many GB."""
        everything = self._rows.get((*names, 0))
        # Rounded up to a size that some offer has, so that 65 GB and 80 GB share one cached list.
        at = bisect_left(self._memories, least)
        if everything is None or at == len(self._memories):
            return SortedRows(())
        if at == 0:
            return everything
        filter_ = (*names, self._memories[at])
        rows = self._rows_by_memory.get(filter_)
        if rows is None:
            rows = SortedRows(row for row in everything if row.vram_gb >= least)
            if len(self._rows_by_memory) >= MEMORY_FILTERS_MAX:
                del self._rows_by_memory[next(iter(self._rows_by_memory))]
            self._rows_by_memory[filter_] = rows
        return rows


class Listings:
    """The listings of a server's simulations, each made at its first use and dropped with its simulation."""

    def __init__(self) -> None:
        # A listing refers to the market and not to the simulation, whose `close` cuts the ties from the one to the
        # other: otherwise no deleted or reset world would be freed. By identity, since a weak dictionary costs each
        # request several times as much; a listing goes before its simulation's identity can be another's.
        self._by_identity: dict[int, Listing] = {}

    async def list_offers(self, exchange: Exchange) -> Reply:
        """Answer with the offers that match the query (F3–F6)."""
        return self.of(exchange.world).answer(exchange.scope["query_string"])

    def of(self, world: World) -> Listing:
        """The listing of the world's present simulation: a reset or a restored snapshot begins a new one."""
        simulation = world.simulation
        listing = self._by_identity.get(id(simulation))
        if listing is None:
            listing = self._by_identity[id(simulation)] = Listing(world)
            # Weakly: what `finalize` refers to lives as long as the simulation, to which the listings lead in turn.
            finalize(simulation, _forget, ref(self), id(simulation)).atexit = False
        return listing

    def forget(self, identity: int) -> None:
        """Drop the listing of a simulation that is no more."""
        del self._by_identity[identity]


def _forget(reference: ref[Listings], identity: int) -> None:
    listings = reference()
    if listings is not None:
        listings.forget(identity)


def _by_names(row: Row) -> tuple[Filter, ...]:
    """The filters by name alone that this row passes."""
    return (None, None, 0), (row.model, None, 0), (None, row.provider, 0), (row.model, row.provider, 0)


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
            "spot": spec.spot,
        }
    )
