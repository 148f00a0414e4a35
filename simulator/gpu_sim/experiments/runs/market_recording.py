"""The recordings that a run's market follows, tick by tick, for a policy that is to know them."""

from collections.abc import Iterator, Sequence

from ...core.market.playback import Playback, drawn_begin_ms, offers_meant, recorded_series
from ...core.scenario.experiment.renters import RenterSpec
from ...core.scenario.market_settings import opening_offers
from ...core.scenario.scenario import Scenario
from .policy_failed import RunImpossible


class MarketRecording:
    """The spot offers that a renter may rent and that follow a trace: when they are up, and at which price."""

    def __init__(self, scenario: Scenario, seed: int, spec: RenterSpec, length_ms: int) -> None:
        """Raises RunImpossible where prices move as no recording says: nobody can know them ahead."""
        market = scenario.market
        self._length_ms = length_ms
        self._series = recorded_series(market, seed) if market.recordings.prices else {}
        traces = market.recordings.availability
        begin_ms = drawn_begin_ms(market.recordings, seed)
        offers = spec.may_rent(opening_offers(market))
        # With the nodes that it takes: a trace that counts none leaves the offer all the GPUs that it has.
        self._traces = {
            offer.name: (offer, Playback(traces[index], begin_ms), spec.gpus if traces[index].counts_nodes else 1)
            for offer, index in offers_meant(traces, offers)
            if traces[index].counts_nodes or spec.gpus <= offer.capacity
        }
        for name, (offer, *_) in self._traces.items():
            if name not in self._series and market.prices.process_of(offer) != "constant":
                raise RunImpossible(
                    "market.prices", f'the policy "{spec.policy}" needs prices that are constant or recorded'
                )

    def offers(self) -> Sequence[str]:
        """The names of the offers."""
        return list(self._traces)

    def prices(self, offer: str, tick_ms: int) -> Sequence[int | None]:
        """The price of an offer at each whole tick of the run; None where a rental cannot begin, or is interrupted
        before the next."""
        spec, trace, needed = self._traces[offer]
        nodes = _by_tick(trace, tick_ms, self._length_ms)
        series = self._series.get(offer)
        if series is None:
            return [int(spec.spot_price) if least >= needed else None for _, least in nodes]
        costs = _by_tick(series, tick_ms, self._length_ms)
        return [at if least >= needed else None for (at, _), (_, least) in zip(costs, nodes, strict=True)]


def _by_tick(playback: Playback, tick_ms: int, length_ms: int) -> Iterator[tuple[int, int]]:
    """The value at each whole tick, and the lowest from there until before the next."""
    changes = 0
    for begin_ms in range(0, length_ms - tick_ms + 1, tick_ms):
        changes = _changes_by(playback, changes, begin_ms)
        at = least = playback.value(changes)
        last = _changes_by(playback, changes, begin_ms + tick_ms - 1)
        least = min([at, *(playback.value(number) for number in range(changes + 1, last + 1))])
        changes = last
        yield at, least


def _changes_by(playback: Playback, changes: int, at_ms: int) -> int:
    """The number of changes that have come by an instant, of which so many are known to have."""
    while (due_ms := playback.due_ms(changes)) is not None and due_ms <= at_ms:
        changes += 1
    return changes
