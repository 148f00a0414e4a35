"""Targets: what was measured of real markets, and the bounds for a simulated one, in one table with sources."""

from math import inf
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from ...core.scenario.catalog import ProviderClass
from ..runs.offer_prices import FROZEN_DAYS

Part = Literal["zones", "pairs", "fleets", "prices", "poisson"]
"""The part of a market that a statistic is of: nine zones, pairs of offers, fleets, prices, or constant hazard."""

SOURCES = {
    "V1": "AWS V100 spot, 9 zones in 3 regions, 45 days of 2023 on ticks of 195 s: skypilot-org/spot-traces",
    "V2": "AWS V100 and K80 spot of 2022: skypilot-org/spot-traces",
    "V16": "AWS V100 spot, fleets of 16 and of 4 nodes on ticks of 300 s, 2023: skypilot-org/spot-traces",
    "S1": "Spot-and-Scoot, 2635 interruptions of 68 types in 15 regions: arXiv 2604.16457",
    "P1": "vast.ai listings by country and GPU, 73 days of 2026",
    "P2": "AWS GPU spot price history, some 90 days of 2021",
    "P3": "Listings of RunPod, Lambda, Nebius, Crusoe and Hyperstack, 2026",
    "M": "By definition of the model",
}


class Target(Struct, frozen=True):
    """A statistic, what it really is, and the bounds within which the mean over seeds has to lie.

    `aim` are closer bounds, to be reached where they can be. Names end in the unit unless it is a share of 1 or a plain
    number; `measure` is what the statistic is called where it is measured, and `of_class` whose prices it is about.
    What depends on how long one looks is measured over `window_days`, as it was recorded. `value` is what was measured
    of the recorded zones, for statistics that traces have; `carried` says whether the bounds lie so many times away
    from it or so far, and `most` beyond which nothing can be.
    """

    measure: str
    name: str
    real: str
    low: float
    high: float
    part: Part
    sources: tuple[str, ...]
    aim: tuple[float, float] | None = None
    of_class: ProviderClass | None = None
    window_days: int | None = None
    value: float | None = None
    carried: Literal["times", "plus"] = "times"
    most: float = inf

    @property
    def nodes(self) -> int | None:
        """The nodes of the fleets that it is about, None where it is not about fleets."""
        if self.part != "fleets":
            return None
        return 4 if self.measure.endswith("_4") else 16

    def around(self, recorded: float) -> "Target":
        """The same target with its bounds about what was recorded elsewhere."""
        if self.value is None:
            return self
        low, high = self._about(recorded, (self.low, self.high))
        return replace(self, low=low, high=high, aim=None if self.aim is None else self._about(recorded, self.aim))

    def _about(self, recorded: float, bounds: tuple[float, float]) -> tuple[float, float]:
        assert self.value is not None
        low, high = bounds
        if self.carried == "plus":
            around = round(recorded + low - self.value, 3) + 0.0, round(recorded + high - self.value, 3) + 0.0  # no −0
        else:
            around = recorded * (low / self.value), recorded * (high / self.value)
        return around[0], min(around[1], self.most)


def _price(
    measure: str, name: str, real: str, low: float, high: float, of_class: ProviderClass, window_days: int | None = None
) -> Target:
    source = {"marketplace": "P1", "hyperscaler": "P2"}.get(of_class, "P3")
    return Target(measure, f"{of_class}s: {name}", real, low, high, "prices", (source,), None, of_class, window_days)


def _zone(
    measure: str,
    name: str,
    real: float,
    low: float,
    high: float,
    aim: tuple[float, float] | None = None,
    most: float = inf,
) -> Target:
    return Target(measure, name, f"{real:.3g}", low, high, "zones", ("V1",), aim, value=real, most=most)


def _phi(measure: str, name: str, real: str, value: float, low: float, high: float, *sources: str) -> Target:
    return Target(measure, name, real, low, high, "pairs", sources, value=value, carried="plus", most=1)


def _fails(minutes: float, ago: str, real: float, low: float, high: float) -> Target:
    measure, name = f"fail_given_fail {minutes:g}min", f"launch fails, given one failed {ago} ago"
    return Target(measure, name, f"{real:.3g}", low, high, "zones", ("V1",), value=real, carried="plus", most=1)


TARGETS = (
    _zone("up_weibull_k", "Weibull k of the times up", 0.595, 0.50, 0.72),
    _zone("up_mean_h", "mean time up, h", 3.22, 2.58, 3.86),
    _zone("up_median_h", "median time up, h", 0.542, 0.4, 0.9),
    _zone("hazard_ratio", "hazard at 0–30 min over that at 4–8 h", 8.11, 4, 14),
    _zone("hazard_1_2h_per_h", "hazard at 1–2 h, per h", 0.426, 0.3, 0.6),
    _zone("down_median_h", "median time down, h", 0.488, 0.35, 0.65),
    _zone("down_p90_h", "90th percentile of times down, h", 4.39, 2.5, 6.5, (3.5, 5.3)),
    _phi("phi_same_region", "phi of zones of a region, same GPU", "0.43 (0.11–0.59)", 0.432, 0.25, 0.55, "V1", "V2"),
    _phi("phi_other_region", "phi across regions, same GPU", "0.14 (0.03–0.27)", 0.136, 0.0, 0.27, "V1"),
    _phi("phi_other_gpu", "phi in a region, other GPU", "−0.03–0.03", 0.0, -0.10, 0.10, "V2"),
    _zone("co_interruption_lift", "lift of going down within 195 s of a zone of the region", 3.11, 2, 5, (2.5, 5)),
    _zone("fano_zone 1h", "Fano factor, one zone, 1 h", 1.02, 0.9, 1.3),
    _zone("fano_zone 6h", "Fano factor, one zone, 6 h", 1.82, 1.3, 2.2),
    _zone("fano_zone 24h", "Fano factor, one zone, 24 h", 2.81, 1.5, 4),
    _zone("fano_all 24h", "Fano factor, all zones, 24 h", 5.17, 2, 7, (4, 7)),
    _zone("all_zones_down", "all zones down", 0.00794, 0.001, 0.03, (0.004, 0.015), most=1),
    _fails(3.25, "3 min", 0.962, 0.862, 1.0),
    _fails(15, "15 min", 0.843, 0.743, 0.943),
    _fails(60, "1 h", 0.724, 0.624, 0.824),
    _fails(240, "4 h", 0.551, 0.451, 0.651),
    _fails(1440, "24 h", 0.511, 0.411, 0.611),
    Target("partner_16", "nodes lost with another, fleets of 16", "0.92–0.99", 0.90, 1.0, "fleets", ("S1", "V16")),
    Target("partner_4", "nodes lost with another, fleets of 4", "0.37–0.91", 0.40, 0.92, "fleets", ("V16",)),
    Target("severity_16", "share of a fleet of 16 lost at once", "0.53–0.84", 0.5, 0.85, "fleets", ("V16",)),
    Target(
        "severity_scarce",
        "the same in offers down most of the time",
        "0.80–0.84",
        0.5,
        0.9,
        "fleets",
        ("V16",),
        (0.7, 0.9),
    ),
    Target("rate_ratio", "realised rate of interruptions over that advertised", "1", 1, 1, "poisson", ("M",)),
    Target("lives_ks_p", "KS test of lifetimes against the exponential, p", "> 0.01", 0.01, 1, "poisson", ("M",)),
    _price("marketplace_unchanged", "days without a change", "0.52–0.61", 0.45, 0.70, "marketplace"),
    _price("marketplace_change", "median |log change|", "0.11–0.18", 0.05, 0.20, "marketplace"),
    _price("marketplace_persistence", "daily AR(1) of a GPU's median", "0.60–0.91", 0.6, 0.95, "marketplace", 73),
    _price("regional_spread", "sd of log price across regions", "0.34", 0.2, 0.5, "marketplace"),
    _price("hyperscaler_frozen", "offers that never move in 90 days", "0.75", 0.60, 0.90, "hyperscaler", FROZEN_DAYS),
    _price("hyperscaler_step", "largest step in 90 days", "0.051", 0, 0.06, "hyperscaler", FROZEN_DAYS),
    _price("hyperscaler_floor", "lowest price over on-demand", "0.30", 0.2995, 1, "hyperscaler"),
    _price("neocloud_unchanged", "days without a change", "> 0.98", 0.97, 1, "neocloud"),
    Target("within_on_demand", "prices above 0 and at most on-demand", "always", 1, 1, "prices", ("P2",)),
)
