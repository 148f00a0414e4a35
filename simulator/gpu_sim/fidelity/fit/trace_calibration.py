"""Calibration of a market to traces: its shape, and the availability and the rate of each zone."""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from msgspec import Struct

from ...core.market.availability_rates import AvailabilityRates, CannotCalibrate
from ...core.scenario.availability_shape import Shape
from ...core.scenario.market_settings import InterruptionSettings
from ..runs.zones import zones_of_one_gpu
from ..traces.lifetimes import interruptions
from ..traces.look_interval import find_look_interval
from ..traces.node_losses import NodeLosses, fit_losses
from ..traces.traces import Trace, TraceName, align
from .shape_fit import DAYS_MIN, ZONES_MIN, fit_shape, setting_of, shows_shape
from .unsampled_rates import ZoneRates, unsampled_or_recorded_rates

ShapeChoice = Literal["fit", "shipped"]

_DAY_SECONDS = 86_400


class Zone(Struct, frozen=True):
    """One zone of a market: the most nodes seen there, what was recorded, and its rates.

    `recorded` and `rates` are None for a zone that was always up. `unsampled` says that `rates` allow for what came and
    went between looks; where that cannot be known, it is False, and the rate is the one recorded.
    """

    name: TraceName
    nodes: int
    recorded: ZoneRates | None
    rates: AvailabilityRates | None
    unsampled: bool = True


class CalibratedMarket(Struct, frozen=True, eq=False):
    """A market found from traces. Its shape is fitted to `measured`, the changing traces of the GPU model with the most
    of them, but for zones `left_out`, whose real rates cannot be known; `fitted` is False where it is as shipped.
    `losses` are those of the traces that count nodes, None where too few do."""

    zones: tuple[Zone, ...]
    measured: tuple[Trace, ...]
    shape: Shape
    fitted: bool
    look_seconds: float
    losses: NodeLosses | None = None
    left_out: tuple[TraceName, ...] = ()

    @property
    def interruptions(self) -> InterruptionSettings:
        """The settings for interruptions of its offers: as shipped but for what was found."""
        shape = None if self.shape == Shape() else self.shape
        if self.losses is None:
            return InterruptionSettings(mode="realistic", shape=shape)
        shared, severity = self.losses.shared, self.losses.severity
        return InterruptionSettings(mode="realistic", shape=shape, shared=shared, severity=severity)


def calibrate_traces(
    traces: Iterable[Trace],
    look_seconds: float | None = None,
    choice: ShapeChoice | None = None,
    on_look: Callable[[], None] = lambda: None,
) -> CalibratedMarket:
    """Calibrate a market to traces that a recorder wrote who looked every `look_seconds`; found from them unless given.

    A shape is fitted where they show one, unless `choice` says otherwise; `on_look` is called for each one looked at.
    Raises ValueError where they can't be used, CannotCalibrate where no offer behaves like one of them.
    """
    aligned = align(traces)
    refuse_unusable(aligned)
    every = look_seconds_of(aligned, look_seconds)
    measured = zones_of_one_gpu(aligned)
    # A zone whose real rate cannot be known is no evidence of a shape.
    telling = tuple(trace for trace in measured if calibrate_zone(trace, every, Shape()).unsampled)
    shape = _shape(telling, every, choice, on_look)
    zones = tuple(calibrate_zone(trace, every, shape or Shape()) for trace in aligned)
    left_out = () if shape is None else tuple(trace.name for trace in measured if trace not in telling)
    return CalibratedMarket(zones, measured, shape or Shape(), shape is not None, every, fit_losses(aligned), left_out)


def look_seconds_of(aligned: Sequence[Trace], given: float | None) -> float:
    """The seconds between two looks of the recorder: as given or found from the traces, and at least its tick."""
    gap_seconds = aligned[0].gap_seconds
    return max(given or find_look_interval([trace.up for trace in aligned], gap_seconds), gap_seconds)


def _shape(
    telling: Sequence[Trace], look_seconds: float, choice: ShapeChoice | None, on_look: Callable[[], None]
) -> Shape | None:
    """The shape fitted to these zones, or None where it stays as shipped."""
    enough = bool(telling) and shows_shape(telling)
    if choice == "fit" and not enough:
        raise ValueError(
            f"to fit a shape takes {ZONES_MIN} zones that change, of one GPU model, and {DAYS_MIN} days of each, which "
            "are down for more than a look at a time"
        )
    if choice == "shipped" or not enough:
        return None
    return fit_shape(telling, setting_of(telling, look_seconds), on_look)


def calibrate_zone(trace: Trace, look_seconds: float, shape: Shape) -> Zone:
    """Calibrate one zone; falls back to the recorded rate if no true rate is recorded so. Raises CannotCalibrate, with
    the zone, where no offer of this shape behaves so."""
    nodes = int(trace.values.max())
    # A zone that was always up has no rate to be found, and becomes an offer that is always there.
    if trace.up.all():
        return Zone(trace.name, nodes, None, None)
    recorded = ZoneRates.of(trace.up, trace.gap_seconds)
    try:
        rates, unsampled = unsampled_or_recorded_rates(recorded, look_seconds / 3600, shape)
    except CannotCalibrate as error:
        raise CannotCalibrate(f"{trace.name}: {error}") from None
    return Zone(trace.name, nodes, recorded, rates, unsampled)


def refuse_unusable(aligned: Sequence[Trace]) -> None:
    """Raises ValueError where one of these traces says too little for a market to have such a zone."""
    if len(aligned[0].values) * aligned[0].gap_seconds < _DAY_SECONDS:
        raise ValueError("the shortest trace is shorter than a day")
    for trace in aligned:
        if not trace.up.any():
            raise ValueError(f"{trace.name} was never up: nothing can be had there, and it is no offer")
        if not trace.up.all() and len(interruptions(trace.up)) == 0:
            raise ValueError(
                f"{trace.name} was never seen to go down, only to come up: it has no rate of interruptions"
            )
