"""The scenario whose market behaves like recorded zones: its text, and its statistics when it is run and recorded."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import yaml

from ...core.kernel.clock import HOUR_MS
from ...core.kernel.hazard_rate import probability_of
from ...core.kernel.quantities import Price, Share
from ...core.kernel.randomness import PPM
from ...core.scenario.availability_shape import Shape
from ...core.scenario.market_settings import InterruptionSettings
from ...core.scenario.scenario import Scenario
from ...notation import encode_quantity, format_share
from ...scenario_files.load import parse_scenario
from ..runs.market_run import run_market
from ..runs.zones import observe_all
from ..traces.node_losses import LOSSES_MIN
from ..traces.observation import LookSchedule
from ..traces.statistics import TraceStatistics, measure
from ..traces.traces import Trace
from .trace_calibration import CalibratedMarket, Zone

PROVIDER_ID: Final = "recorded"
PROVIDER_CLASS: Final = "hyperscaler"
VRAM_GB = 16
SPOT_PRICE, ON_DEMAND_PRICE = Price(300_000), Price(1_000_000)
"""Parts of an offer that no trace holds, and that decide nothing of its availability."""

NODES_UNKNOWN = 16
"""The nodes of an offer whose trace says only whether one could be had."""

_REMARK = """\
# Availability, group, interruption_probability and shape are from the traces. What traces do not hold is made up:
# provider_id, provider_class, vram_gb, the prices, which stand still, and the capacity of zones with one node or none.
"""


def write_scenario(market: CalibratedMarket, name: str) -> str:
    """The text of a scenario file, which loads."""
    days = _length_seconds(market.measured) / 86_400 if market.measured else 0.0
    how = "fitted to them" if market.fitted else "as shipped"
    description = (
        f"Zones as up and as often interrupted as in {len(market.zones)} recorded traces"
        f"{f' of {days:.3g} days' if days else ''}, looked at every {market.look_seconds:.0f} s; "
        f"the shape of their availability is {how}."
    )
    document = {
        "scenario": 1,
        "name": name,
        "description": description,
        "market": {
            "offers": [_offer(zone, market.interruptions) for zone in market.zones],
            "prices": {"all": "constant"},
            "interruptions": _interruptions_document(market),
        },
    }
    remark = _REMARK + "".join(f"# {line}.\n" for line in (*loss_remarks(market), *_rate_remarks(market)))
    text = remark + yaml.safe_dump(document, sort_keys=False, width=300, allow_unicode=True, default_flow_style=None)
    parse_scenario(text, origin=name, folder=None)  # a name from a trace may make no scenario: refuse it unwritten
    return text


def loss_remarks(market: CalibratedMarket) -> Iterator[str]:
    """Remarks on the source of `shared` and `severity`, and on what no trace shows."""
    if market.losses is None:
        yield f"shared and severity are as shipped: to see them takes {LOSSES_MIN} losses of zones that count nodes"
    else:
        shared, mean, count = format_share(market.losses.shared), market.losses.severity.mean, market.losses.losses
        yield f"shared {shared}, severity {mean:.2f} on average: from {count} losses of two nodes or more"
    yield "shock_share is as shipped: no trait of traces, but a guard"


def _rate_remarks(market: CalibratedMarket) -> Iterator[str]:
    """Remarks on the zones whose rate is the recorded one, not the unsampled one behind it."""
    for zone in market.zones:
        if not zone.unsampled:
            yield f"{zone.name} goes down as often as was seen: what came and went between looks cannot be told there"


def _interruptions_document(market: CalibratedMarket) -> dict[str, Any]:
    document: dict[str, Any] = {"mode": "realistic"}
    if market.losses is not None:
        severity = market.losses.severity
        document["shared"] = encode_quantity(market.losses.shared)
        document["severity"] = {"a": encode_quantity(severity.a), "b": encode_quantity(severity.b)}
    shape = shape_document(market.shape)
    return document | ({"shape": shape} if shape else {})


def shape_document(shape: Shape) -> dict[str, Any]:
    """The numbers that differ from the shipped shape, as scenario files write them."""
    return {
        name: written
        for name, written in shape_as_written(shape).items()
        if getattr(shape, name) != getattr(Shape(), name)
    }


def shape_as_written(shape: Shape) -> dict[str, Any]:
    """All numbers of a shape as scenario files write them."""
    return {name: encode_quantity(getattr(shape, name)) for name in Shape.__struct_fields__}


def _offer(zone: Zone, settings: InterruptionSettings) -> dict[str, Any]:
    name = zone.name
    gpu = name.gpu.upper() if name.gpus == 1 else f"{name.gpu.upper()} x{name.gpus}"
    return {
        "provider_id": PROVIDER_ID,
        "provider_class": PROVIDER_CLASS,
        "gpu_model": gpu,
        "vram_gb": VRAM_GB,
        "region": name.zone,
        "spot_price": encode_quantity(SPOT_PRICE),
        "on_demand_price": encode_quantity(ON_DEMAND_PRICE),
        "interruption_probability": format_share(0 if zone.rates is None else probability(zone.rates.lost, settings)),
        "capacity": zone.nodes if zone.nodes > 1 else NODES_UNKNOWN,
        "availability": "always" if zone.recorded is None else format_share(zone.recorded.availability),
        "group": f"{name.region} {gpu}",
    }


def probability(per_hour: float, settings: InterruptionSettings) -> Share:
    """The chance of an interruption within the horizon on an offer that goes down `per_hour` times in an hour of being
    up: the inverse of `InterruptionSettings.goes_down_per_hour`."""
    hazard = per_hour * settings.severity.mean * PPM / settings.shared * settings.horizon / HOUR_MS
    # Not 0: an offer with no probability of interruption is always there.
    return Share(max(1, probability_of(hazard)))


def run_again(
    market: CalibratedMarket, scenario: Scenario, seeds: Sequence[int], on_day: Callable[[], None] = lambda: None
) -> list[TraceStatistics]:
    """The statistics of the measured zones of a market in its scenario, run for as long as the recording and looked at
    as its recorder did, for each seed."""
    first = market.measured[0]
    recorder = LookSchedule(round(first.gap_seconds * 1000), round(market.look_seconds * 1000))
    names = [zone.name for zone in market.zones]
    measured_names = {trace.name for trace in market.measured}
    found = []
    for seed in seeds:
        history = run_market(scenario, seed, days_to_run(market), fleets=False, on_day=on_day)
        observed = [trace for trace in observe_all(history, names, recorder) if trace.name in measured_names]
        found.append(measure(Trace(each.name, each.gap_seconds, each.values[: len(first.values)]) for each in observed))
    return found


def days_to_run(market: CalibratedMarket) -> int:
    """The whole days in which as many ticks begin as the recording has."""
    first = market.measured[0]
    return int((len(first.values) - 1) * first.gap_seconds // 86_400) + 1


def _length_seconds(measured: Sequence[Trace]) -> float:
    return len(measured[0].values) * measured[0].gap_seconds
