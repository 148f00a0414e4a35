"""The prices of a simulated market by provider class, measured as the recorded ones were."""

from collections.abc import Sequence

import numpy as np

from ...core.kernel.clock import DAY_MS
from ...core.scenario.catalog import ProviderClass
from ..traces.arrays import NOTHING, Floats, mean
from .market_run import MarketHistory, OfferHistory
from .price_statistics import (
    daily_medians,
    frozen_share,
    persistence_less_noise,
    regional_spread,
    typical_change,
    unchanged_share,
)

OFFERS_OF_MODEL_MIN = 3
"""Medians and spreads are of GPU models that so many offers have."""

FROZEN_DAYS = 90
"""Over so many days it was recorded which prices never move, and how far the others do at most: some of those that
stand still for 45 days move in 90."""

FLOOR = 0.30
"""The floor of hyperscalers' prices, over on-demand."""


def measure_prices(market: MarketHistory) -> dict[str, float]:
    """The statistics of prices, NaN where the market has none of a class. What depends on how long one looks is the
    mean over whole windows of `FROZEN_DAYS`, NaN where the market is shorter."""
    hosts, clouds = _of_class(market, "marketplace"), _of_class(market, "neocloud")
    scalers = _of_class(market, "hyperscaler")
    by_day, by_day_clouds = daily_prices(market, hosts), daily_prices(market, clouds)
    models, windows = _of_models(market, hosts), _windows(market)
    return {
        "marketplace_unchanged": unchanged_share(by_day),
        "marketplace_change": typical_change(by_day),
        "marketplace_persistence": _median([persistence_less_noise(daily_medians(prices)) for prices in models]),
        "regional_spread": _median([float(regional_spread(prices).mean()) for prices in models]),
        "hyperscaler_frozen": mean([_frozen(market, scalers, window) for window in windows]),
        "hyperscaler_step": mean(
            [max((_largest_step(offer, window) for offer in scalers), default=NOTHING) for window in windows]
        ),
        "hyperscaler_floor": min(
            (_ratios(offer).min() for offer in scalers if _ratios(offer)[0] >= FLOOR), default=NOTHING
        ),
        "neocloud_unchanged": unchanged_share(by_day_clouds),
        "within_on_demand": float(all(_is_within(offer) for offer in market.offers)),
    }


def daily_prices(market: MarketHistory, offers: Sequence[OfferHistory]) -> Floats:
    """The prices of these offers at the start of each day and at the end, a row per offer."""
    instants = np.arange(0, market.length_ms + 1, DAY_MS, dtype=np.int64)
    return np.array([offer.price_at(instants) for offer in offers], np.float64).reshape(len(offers), len(instants))


def _of_class(market: MarketHistory, provider_class: ProviderClass) -> list[OfferHistory]:
    return [offer for offer in market.offers if offer.spec.provider_class == provider_class]


def _of_models(market: MarketHistory, offers: Sequence[OfferHistory]) -> list[Floats]:
    """The daily prices of each GPU model with offers enough."""
    models: dict[str, list[OfferHistory]] = {}
    for offer in offers:
        models.setdefault(offer.spec.gpu_model, []).append(offer)
    return [daily_prices(market, each) for each in models.values() if len(each) >= OFFERS_OF_MODEL_MIN]


def _ratios(offer: OfferHistory) -> Floats:
    """Every price over on-demand."""
    ratios: Floats = offer.prices * 1_000_000 / int(offer.spec.on_demand_price)
    return ratios


def _windows(market: MarketHistory) -> list[tuple[int, int]]:
    """The first and the last day of each whole window, one after the other."""
    return [
        (first, first + FROZEN_DAYS) for first in range(0, market.length_ms // DAY_MS - FROZEN_DAYS + 1, FROZEN_DAYS)
    ]


def _frozen(market: MarketHistory, offers: Sequence[OfferHistory], window: tuple[int, int]) -> float:
    """The share of these offers with one price on all days of a window."""
    first, last = window
    return frozen_share(daily_prices(market, offers)[:, first : last + 1])


def _largest_step(offer: OfferHistory, window: tuple[int, int]) -> float:
    """The largest relative change from one price to the next within a window."""
    steps = np.abs(np.diff(offer.prices)) / offer.prices[:-1]
    first, last = window
    within = steps[(offer.priced_ms[1:] > first * DAY_MS) & (offer.priced_ms[1:] <= last * DAY_MS)]
    return float(within.max()) if len(within) else 0.0


def _is_within(offer: OfferHistory) -> bool:
    micros = np.rint(offer.prices * 1_000_000)
    return bool(np.all((micros > 0) & (micros <= int(offer.spec.on_demand_price))))


def _median(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.median(known)) if known else NOTHING
