"""What does not fit together in what a scenario replays: recordings, and the offers that follow them."""

from collections.abc import Iterator, Sequence

from .catalog import PROVIDER_CLASSES, OfferSpec
from .market_settings import ChurnTerms, MarketSettings
from .money import PRICE_STEP_MICROS, format_usd
from .offer_names import OfferNames, Path
from .randomness import PPM
from .recordings import Played, PlayedSeries, PlayedTrace, offers_meant

NODES_MAX = 1_000_000


def replay_problems(
    market: MarketSettings, offers: tuple[OfferSpec, ...], names: OfferNames
) -> Iterator[tuple[Path, str]]:
    """Each problem with the path of its field within `market.replay`."""
    settings = market.recordings
    for index, trace in enumerate(settings.availability):
        yield from names.problems(trace, ("availability", index))
        yield from _pace_problems(trace, ("availability", index))
        yield from _trace_problems(trace, ("availability", index))
    for index, series in enumerate(settings.prices):
        yield from names.problems(series, ("prices", index))
        yield from _pace_problems(series, ("prices", index))
        yield from _series_problems(series, ("prices", index))
    yield from _repeats(settings.availability, offers, "availability")
    yield from _repeats(settings.prices, offers, "prices")
    yield from _price_problems(market, offers)


def churn_problems(market: MarketSettings, offers: tuple[OfferSpec, ...]) -> Iterator[tuple[Path, str]]:
    """Settings of `market.churn` that mean nobody: offers that follow a trace never leave, it says when they are
    there."""
    traces = market.recordings.availability
    if not traces:
        return
    followed = {spec.name for spec, _ in offers_meant(traces, offers)}
    for key in (*PROVIDER_CLASSES, "all"):
        terms: ChurnTerms | None = getattr(market.churn, key)
        if terms is None or not terms.away:
            continue
        meant = [spec for spec in offers if (getattr(market.churn, spec.provider_class) or market.churn.all) is terms]
        names = [spec.name for spec in meant]
        if names and followed.issuperset(names):
            yield (key,), f'nobody leaves by this: offer "{names[0]}" follows a trace, and so do all that it is about'


def _pace_problems(played: Played, where: Path) -> Iterator[tuple[Path, str]]:
    if played.recording.shortest_ms * played.scale < PPM:
        yield (*where, "scale"), "a step would last less than a millisecond"


def _trace_problems(played: PlayedTrace, where: Path) -> Iterator[tuple[Path, str]]:
    if played.recording.most > NODES_MAX:
        yield (*where, "trace"), f"a trace counts at most {NODES_MAX} nodes"
    if played.counts_nodes and played.severity != PPM:
        yield (*where, "severity"), "severity goes with traces of 0 and 1: this one counts nodes, and so what falls"


def _series_problems(played: PlayedSeries, where: Path) -> Iterator[tuple[Path, str]]:
    if any(price <= 0 or price % PRICE_STEP_MICROS for _, price in played.recording.steps):
        yield (*where, "series"), "prices must be multiples of $0.001 above 0"


def _repeats(played: Sequence[Played], offers: tuple[OfferSpec, ...], kind: str) -> Iterator[tuple[Path, str]]:
    first: dict[str, int] = {}
    told: set[int] = set()
    for spec, index in offers_meant(played, offers):
        earlier = first.setdefault(spec.name, index)
        if earlier != index and index not in told:
            told.add(index)
            yield (kind, index), f'offer "{spec.name}" follows {kind}[{earlier}] already'


def _price_problems(market: MarketSettings, offers: tuple[OfferSpec, ...]) -> Iterator[tuple[Path, str]]:
    series = market.recordings.prices
    for spec, index in offers_meant(series, offers):
        if not market.prices.replays(spec.provider_class):
            reason = f'offer "{spec.name}" is of class {spec.provider_class}, whose price process is not replay'
            yield ("prices", index), reason
        most = series[index].recording.most
        if most > spec.on_demand_price:
            over = f'${format_usd(spec.on_demand_price)}, the on-demand price of offer "{spec.name}"'
            yield ("prices", index, "series"), f"goes up to ${format_usd(most)}, above {over}"
