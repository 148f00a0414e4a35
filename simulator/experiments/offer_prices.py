"""The prices of a simulated market by provider class, measured as the recorded ones were."""

from collections.abc import Sequence

import numpy as np

from ..core.catalog import ProviderClass
from ..core.clock import DAY_MS
from .arrays import NOTHING, Floats
from .headless import MarketHistory, OfferHistory
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

FLOOR = 0.30
"""The floor of hyperscalers' prices, over on-demand."""


def measure_prices(market: MarketHistory) -> dict[str, float]:
    """The statistics of prices, NaN where the market has none of a class."""
    hosts, clouds = _of_class(market, "marketplace"), _of_class(market, "neocloud")
    scalers = _of_class(market, "hyperscaler")
    by_day, by_day_clouds = daily_prices(market, hosts), daily_prices(market, clouds)
    models = _of_models(market, hosts)
    return {
        "marketplace_unchanged": unchanged_share(by_day),
        "marketplace_change": typical_change(by_day),
        "marketplace_persistence": _median([persistence_less_noise(daily_medians(prices)) for prices in models]),
        "regional_spread": _median([float(regional_spread(prices).mean()) for prices in models]),
        "hyperscaler_frozen": frozen_share(daily_prices(market, scalers)),
        "hyperscaler_step": max((_largest_step(offer) for offer in scalers), default=NOTHING),
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


def _largest_step(offer: OfferHistory) -> float:
    """The largest relative change from one price to the next."""
    steps = np.abs(np.diff(offer.prices)) / offer.prices[:-1]
    return float(steps.max()) if len(steps) else 0.0


def _is_within(offer: OfferHistory) -> bool:
    micros = np.rint(offer.prices * 1_000_000)
    return bool(np.all((micros > 0) & (micros <= int(offer.spec.on_demand_price))))


def _median(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.median(known)) if known else NOTHING
