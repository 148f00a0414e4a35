"""Small recordings for tests, and what they say at an instant, worked out another way than the core does."""

from collections.abc import Sequence
from typing import Any

from gpu_sim.core.events import OfferCameBack, OfferWentDown
from gpu_sim.core.kernel.quantities import Duration, Factor, RecordingBegin, Share
from gpu_sim.core.kernel.randomness import draw, stream
from gpu_sim.core.scenario.market_settings import InterruptionSettings, MarketSettings, NoticeSettings, PriceSettings
from gpu_sim.core.scenario.recordings import PlayedSeries, PlayedTrace, Recording, ReplaySettings
from gpu_sim.core.scenario.scenario import BillingSettings
from gpu_sim.core.simulation import Simulation

from ...support.builders import MINUTE, market, offer, scenario, seen


def recorded(values: Sequence[int], gap_ms: int = MINUTE) -> Recording:
    """A value per tick."""
    steps = [(0, values[0])]
    for tick, value in enumerate(values):
        if value != steps[-1][1]:
            steps.append((tick * gap_ms, value))
    return Recording(Duration(len(values) * gap_ms), tuple(steps))


def generated(seed: int, ticks: int, most: int = 1) -> list[int]:
    """A walk of our own: each tick goes up, down or stays, between 0 and `most`, by no more than a third of that."""
    key, value, values = stream(seed, "generated"), most, list[int]()
    reach = max(1, most // 3)
    for tick in range(ticks):
        values.append(value)
        value = max(0, min(most, value + draw(key, tick) % (2 * reach + 1) - reach))
    return values


def said(values: Sequence[int], now_ms: int, gap_ms: int = MINUTE, **how: Any) -> int:
    """The value of the recording at an instant of its playback."""
    offset, scale, loop = how.get("offset", 0), how.get("scale", 1_000_000), how.get("loop", True)
    current = values[0]
    tick = 0
    while offset + tick * gap_ms * scale // 1_000_000 <= now_ms:
        current = values[tick % len(values)] if loop else values[min(tick, len(values) - 1)]
        tick += 1
    return current


def trace(values: Sequence[int], gap_ms: int = MINUTE, **how: Any) -> PlayedTrace:
    """All offers follow this trace."""
    return PlayedTrace(trace=recorded(values, gap_ms), **plain(how))


def series(values: Sequence[int], gap_ms: int = MINUTE, **how: Any) -> PlayedSeries:
    """All offers cost what this says, in micro-dollars."""
    return PlayedSeries(series=recorded(values, gap_ms), **plain(how))


def plain(how: dict[str, Any]) -> dict[str, Any]:
    """Settings of a replay with their quantities."""
    kinds: dict[str, Any] = {"offset": Duration, "scale": Factor, "severity": Share, "begin": RecordingBegin}
    return {key: kinds[key](value) if key in kinds else value for key, value in how.items()}


def replaying(*traces: PlayedTrace, notice: int = 0, **how: Any) -> MarketSettings:
    """A market of one offer, with nothing else that moves, that follows traces."""
    fields: dict[str, Any] = {
        "interruptions": InterruptionSettings(mode="replay"),
        "recordings": ReplaySettings(availability=traces),
        "notices": NoticeSettings(all=Duration(notice)),
    }
    return market(*how.pop("offers", (offer(capacity=100),)), **(fields | how))


def priced(*played: PlayedSeries, **how: Any) -> MarketSettings:
    """A market of one offer that follows a series."""
    fields: dict[str, Any] = {
        "prices": PriceSettings(all="replay"),
        "recordings": ReplaySettings(prices=played),
    }
    return market(*how.pop("offers", (offer(),)), **(fields | how))


def world(settings: MarketSettings, *, seed: int = 1, **how: Any) -> Simulation:
    """A full journal in which nothing but the market ends a rental."""
    billing = BillingSettings(idle_timeout=None, hold_expiry=None)
    return Simulation(scenario(settings, balance=10**15, journal="full", billing=billing, **how), seed=seed)


def turns(sim: Simulation) -> list[tuple[int, bool]]:
    """When the offer went down (False) or came back."""
    return [(event.at, isinstance(event, OfferCameBack)) for event in seen(sim, OfferWentDown, OfferCameBack)]


def nodes(*counts: int, notice: int = 0, **how: Any) -> Simulation:
    """An offer with so many nodes in each minute, and no more after the last."""
    return world(replaying(trace(counts, loop=False), notice=notice, **how))
