"""The names of offers as traces of zones, and the traces that a recorder writes of them.

A zone is a region and a letter. The place of an offer is its region up to the first comma: `us-east-1a` of
"us-east-1a, US". A place that ends in a digit and a letter is such a zone already. Any other is given a letter, in the
catalogue's order, within the region of those that share stress by default: its country, the part of its region behind
the last comma (`vast-ai-us`). Where a scenario has more than one provider, their ids go before the regions.
"""

import re
from collections.abc import Iterable, Sequence
from string import ascii_lowercase

from ...core.scenario.catalog import OfferSpec
from ..traces.observation import LookSchedule, observe_changes
from ..traces.traces import Trace, TraceName
from .market_run import MarketHistory, OfferHistory

RECORDING = "gpu-sim"
"""The name of exported recordings, before the scenario's."""

_is_zone = re.compile(r"(.*\d)([a-z])", re.ASCII).fullmatch


def trace_names(specs: Sequence[OfferSpec], recording: str = RECORDING) -> tuple[TraceName, ...]:
    """The names of all offers of a scenario; no two are alike."""
    several = len({spec.provider_id for spec in specs}) > 1
    taken: dict[str, None] = {}
    names: list[TraceName] = []
    for spec in specs:
        name = next(name for name in _candidates(spec, recording, several=several) if str(name) not in taken)
        taken[str(name)] = None
        names.append(name)
    return tuple(names)


def _candidates(spec: OfferSpec, recording: str, *, several: bool) -> Iterable[TraceName]:
    """The names that an offer may have, the best one first."""
    gpu, provider = _plain(spec.gpu_model), f"{_plain(spec.provider_id)}-" if several else ""
    place, country = _plain(spec.region.partition(",")[0]), _plain(spec.region.rpartition(",")[2])
    zone = _is_zone(place)
    if zone is not None:
        yield TraceName(provider + zone[1], zone[2], gpu, 1, recording)
    region = provider + country
    for letter in ascii_lowercase:
        yield TraceName(region, letter, gpu, 1, recording)
    number = 2
    while True:
        for letter in ascii_lowercase:
            yield TraceName(f"{region}-{number}", letter, gpu, 1, recording)
        number += 1


def _plain(text: str) -> str:
    """Lower-case letters and digits, all else a dash."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "x"


def observe(offer: OfferHistory, name: TraceName, recorder: LookSchedule, length_ms: int) -> Trace:
    """The trace that a recorder writes of an offer: up or down at each tick."""
    values = observe_changes(recorder, offer.turned_ms, up_at_start=offer.up_at_start, length_ms=length_ms)
    gap_seconds, rest_ms = divmod(recorder.gap_ms, 1000)
    return Trace(name, recorder.gap_ms / 1000 if rest_ms else gap_seconds, values)


def observe_all(
    market: MarketHistory, names: Sequence[TraceName], recorder: LookSchedule, ticks: int | None = None
) -> tuple[Trace, ...]:
    """The traces that a recorder writes of a market's offers, in their order, for so many ticks or until the end."""
    length_ms = market.length_ms if ticks is None else min(market.length_ms, ticks * recorder.gap_ms)
    return tuple(observe(offer, name, recorder, length_ms) for offer, name in zip(market.offers, names, strict=True))


def zones_of_one_gpu(traces: Iterable[Trace]) -> tuple[Trace, ...]:
    """Of the traces that change, those of the GPU model with the most of them; of two such the first by name."""
    by_gpu: dict[str, list[Trace]] = {}
    for trace in traces:
        if trace.up.any() and not trace.up.all():
            by_gpu.setdefault(trace.name.gpu, []).append(trace)
    most = max(sorted(by_gpu), key=lambda gpu: len(by_gpu[gpu]), default=None)
    return () if most is None else tuple(by_gpu[most])
