"""Price paths: where an offer's price stands, as its process moves it.

The latent ln(price / on-demand price) is kept in whole 10⁻⁹ and rounded after each step. `activity` makes steps come
more often and time run faster for those that come back to an anchor; it never changes the size of a step.
"""

from collections.abc import Sequence
from functools import lru_cache

from msgspec import Struct

from ..kernel.clock import DAY_MS
from ..kernel.money import PRICE_STEP_MICROS
from ..kernel.numerics import NANO, delay_ms, exp, ln, nano, normal
from ..kernel.quantities import Factor, Natural
from ..kernel.randomness import PPM, draw, stream
from ..scenario.catalog import OfferSpec, ProviderClass
from ..scenario.market_settings import PriceSettings
from .price_levels import LevelState, PriceLevel
from .price_processes import DRAWS_PER_STEP, HostSet, PriceProcess, process_for

_FLOORS_PPM: dict[ProviderClass, int] = {
    "marketplace": 300_000,
    "neocloud": 500_000,
    "hyperscaler": 300_000,
    "exchange": 300_000,
}


class PriceState(Struct, frozen=True, array_like=True):
    """Where a price path stands."""

    price_micros: int
    latent_nano: int
    moved_ms: Natural
    steps: Natural


class PricePath:
    """One offer's price as its process makes it: always a multiple of $0.001 within [floor, cap].

    The cap is the on-demand price; the floor is the class floor, or the start price where that is lower.
    Where hosts set prices, the anchor moves with `level`, that of the GPU model, and with `pressure`, the stress that
    is on the offer now (`Shape`). Its state is `latent_nano`, `moved_ms` and `steps`, the counter of the stream
    `price/<offer>`; the pressure follows from that of the stresses.
    """

    __slots__ = (
        "_anchor_nano",
        "_cap_steps",
        "_days_per_ms",
        "_floor_micros",
        "_floor_nano",
        "_key",
        "_level",
        "_mean_ms",
        "_process",
        "latent_nano",
        "moved_ms",
        "pressure",
        "price_micros",
        "steps",
    )

    def __init__(
        self,
        key: bytes,
        process: PriceProcess | None,
        *,
        activity: Factor,
        start_micros: int,
        on_demand_micros: int,
        provider_class: ProviderClass,
        level: PriceLevel | None = None,
    ) -> None:
        # In price steps and rounded up: no price is below the floor.
        class_floor = -(-on_demand_micros * _FLOORS_PPM[provider_class] // (PPM * PRICE_STEP_MICROS))
        self._key = key
        self._process = process if activity else None
        self._level = level
        self.pressure = 0.0
        self._days_per_ms = activity / PPM / DAY_MS
        self._mean_ms = 0.0 if self._process is None else 1.0 / (self._process.steps_per_day * self._days_per_ms)
        self._cap_steps = on_demand_micros // PRICE_STEP_MICROS
        self._floor_micros = min(start_micros, class_floor * PRICE_STEP_MICROS)
        self._floor_nano = _latent_nano(self._floor_micros, on_demand_micros)
        self._anchor_nano = self.latent_nano = _latent_nano(start_micros, on_demand_micros)
        self.price_micros = start_micros
        self.moved_ms = 0
        self.steps = 0

    def first_delay_ms(self) -> int | None:
        """The time until the first step; None if there is none."""
        if self._process is None:
            return None
        return delay_ms(draw(self._key, 0), self._mean_ms)

    def step(self, now_ms: int) -> int:
        """Take the step that is due now, and return the time until the next."""
        process, key, before = self._process, self._key, self.latent_nano
        assert process is not None
        steps = self.steps
        days = (now_ms - self.moved_ms) * self._days_per_ms
        gap = (before - self._anchor_nano) / NANO
        if isinstance(process, HostSet):
            gap -= self._shift(process, now_ms)
        self._become(before + nano(process.move(gap, days, key, steps * DRAWS_PER_STEP)))
        self.moved_ms = now_ms
        self.steps = steps + 1
        return delay_ms(draw(key, (steps + 1) * DRAWS_PER_STEP), self._mean_ms)

    def start_anew(self, now_ms: int, drawn: int) -> None:
        """Another host takes the offer's place and draws its price around the anchor; other prices stay as they are."""
        process = self._process
        if isinstance(process, HostSet):
            away = self._shift(process, now_ms) + normal(drawn) * process.newcomer_spread
            self._become(self._anchor_nano + nano(away))
            self.moved_ms = now_ms

    def _shift(self, process: HostSet, now_ms: int) -> float:
        """The distance of the anchor from where it was at the start."""
        level = 0.0 if self._level is None else self._level.move_to(now_ms) / NANO
        return level + process.stress_weight * self.pressure

    def _become(self, latent_nano: int) -> None:
        """Take on a latent value, cut at floor and cap, and the price that goes with it."""
        if latent_nano > 0:
            latent_nano = 0
        elif latent_nano < self._floor_nano:
            latent_nano = self._floor_nano
        self.latent_nano = latent_nano
        price = int(self._cap_steps * exp(latent_nano / NANO) + 0.5) * PRICE_STEP_MICROS
        self.price_micros = price if price > self._floor_micros else self._floor_micros

    def state(self) -> PriceState:
        """Its part of a snapshot."""
        return PriceState(self.price_micros, self.latent_nano, self.moved_ms, self.steps)

    def restore(self, state: PriceState, now_ms: int, awaited_ms: Sequence[int]) -> None:
        """Restore from `state`; `awaited_ms` are the pending steps. Raises ValueError if no run leads there."""
        if not (
            state.moved_ms <= now_ms
            and self._floor_nano <= state.latent_nano <= 0
            and self._floor_micros <= state.price_micros <= self._cap_steps * PRICE_STEP_MICROS
            and state.price_micros % PRICE_STEP_MICROS == 0
            and len(awaited_ms) == (self._process is not None)
        ):
            raise ValueError("a price is where its process never leads, or does not move as it does")
        self.price_micros, self.latent_nano = state.price_micros, state.latent_nano
        self.moved_ms, self.steps = state.moved_ms, state.steps


@lru_cache(maxsize=10_000)
def _latent_nano(price_micros: int, on_demand_micros: int) -> int:
    """ln(price / on-demand price); very many offers have few different prices."""
    return nano(ln(price_micros / on_demand_micros))


class PricePaths:
    """The price paths of a market and the levels that they share: one for each GPU model of which hosts set prices."""

    __slots__ = ("_activity", "_levels", "_seed", "_settings")

    def __init__(self, settings: PriceSettings, seed: int) -> None:
        self._activity = settings.activity
        self._settings = settings
        self._seed = seed
        self._levels: dict[str, PriceLevel] = {}

    def open(self, spec: OfferSpec) -> PricePath:
        """The path of an offer, at its start."""
        pace = stream(self._seed, f"pace/{spec.name}")
        process = process_for(self._settings.process_of(spec), spec.provider_class, pace)
        return PricePath(
            stream(self._seed, f"price/{spec.name}"),
            process,
            activity=self._activity,
            start_micros=int(spec.spot_price),
            on_demand_micros=int(spec.on_demand_price),
            provider_class=spec.provider_class,
            level=self._level(spec.gpu_model) if isinstance(process, HostSet) else None,
        )

    def _level(self, gpu_model: str) -> PriceLevel:
        level = self._levels.get(gpu_model)
        if level is None:
            level = self._levels[gpu_model] = PriceLevel(gpu_model, self._seed, self._activity)
        return level

    def state(self) -> tuple[LevelState, ...]:
        """The levels' part of a snapshot, in the order in which the catalogue has their GPU models."""
        return tuple(level.state() for level in self._levels.values())

    def restore(self, state: tuple[LevelState, ...], now_ms: int) -> None:
        """Restore from `state`. Raises ValueError if no run leads there."""
        for level, saved in zip(self._levels.values(), state, strict=True):
            level.restore(saved, now_ms)
