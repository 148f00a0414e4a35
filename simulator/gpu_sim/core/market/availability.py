"""How offers go down and come back in the `realistic` mode: stresses, shocks of a group, and the phases of each offer.

All holding times are exponential, so that whenever a stress changes an offer's rates the time to its next change may
be drawn anew. None of it depends on who rents. Its streams are `stress/model/<GPU model>`,
`stress/group/<group>`, `shocks/<group>` and `reach/<offer>` for the shocks, and `pool/<offer>`.

What happens to an offer here shows in the market `lead_ms` later: as long before an interruption as its notice is.
"""

from collections.abc import Callable, Sequence
from typing import Annotated

from msgspec import Meta, Struct

from ..kernel.awaited_events import AwaitedEvents
from ..kernel.clock import HOUR_MS
from ..kernel.numerics import delay_ms, probability_of, uniform
from ..kernel.quantities import Natural, Share
from ..kernel.randomness import PPM, draw, happens, stream
from ..kernel.schedule import NO_TICKET, Priority, Schedule, Subject, Ticket
from ..scenario.availability_shape import Shape
from ..scenario.market_settings import MarketSettings
from .availability_rates import (
    FRAGILE,
    LEVELS,
    LONG,
    PHASES,
    SETTLED,
    SHORT,
    UP,
    AvailabilityRates,
    MarketRates,
    PhaseEnds,
)
from .market import Market
from .offer import Offer

OnInterruption = Callable[[Offer], None]
"""Is told that an offer's rentals are struck: it went down, or it is down and is struck again."""


class Stress:
    """A stress that is on or off."""

    __slots__ = ("draws", "is_on", "key", "name")

    def __init__(self, name: str, seed: int, tight: Share) -> None:
        self.name = name
        self.key = stream(seed, f"stress/{name}")
        self.is_on = happens(draw(self.key, 0), tight)
        self.draws = 1

    def wait_ms(self, mean_ms: float) -> int:
        """How long it stays as it is."""
        self.draws += 1
        return delay_ms(draw(self.key, self.draws - 1), mean_ms)


class Group:
    """Offers that the same `stress` and the same shocks strike; `index` is the number of the next shock."""

    __slots__ = ("index", "key", "name", "pools", "stress")

    def __init__(self, name: str, seed: int, stress: Stress, pools: "list[OfferAvailability]") -> None:
        self.name = name
        self.stress = stress
        self.pools = pools
        self.key = stream(seed, f"shocks/{name}")
        self.index = 0


class OfferAvailability:
    """An offer that goes down and comes back."""

    __slots__ = (
        "draws",
        "key",
        "lead_ms",
        "meets_shock",
        "model",
        "offer",
        "phase",
        "rates",
        "reach",
        "region",
        "ticket",
    )

    def __init__(
        self, offer: Offer, rates: AvailabilityRates, lead_ms: int, model: Stress, region: Stress, seed: int
    ) -> None:
        self.offer = offer
        self.lead_ms = lead_ms
        self.rates = rates
        self.model = model
        self.region = region
        self.key = stream(seed, f"pool/{offer.name}")
        self.reach = stream(seed, f"reach/{offer.name}")
        self.draws = 1
        self.phase = _phase_at(rates.phases[self.level], uniform(draw(self.key, 0)))
        self.ticket: Ticket = NO_TICKET
        self.meets_shock = False
        """Whether what comes next is that the rentals left on it are struck, while it is down."""

    @property
    def name(self) -> str:
        """That of its offer."""
        return self.offer.name

    @property
    def level(self) -> int:
        """How many stresses bear on it."""
        return self.model.is_on + self.region.is_on

    @property
    def is_up(self) -> bool:
        """Whether it can be had."""
        return self.phase in UP

    def draw(self) -> int:
        """The next draw of its stream."""
        self.draws += 1
        return draw(self.key, self.draws - 1)


class RealisticAvailabilityState(Struct, frozen=True):
    """Stresses as (is on, draws), groups by their index, pools as (phase, draws, ticket, meets shock), in order."""

    stresses: tuple[tuple[bool, Natural], ...] = ()
    groups: tuple[Natural, ...] = ()
    offers: tuple[tuple[Annotated[int, Meta(ge=0, lt=PHASES)], Natural, Ticket, bool], ...] = ()


class RealisticAvailability:
    """All offers of a market that go down and come back, and what makes them."""

    def __init__(
        self, market: Market, settings: MarketSettings, seed: int, schedule: Schedule, on_interruption: OnInterruption
    ) -> None:
        self._shape = shape = settings.interruptions.shape or Shape()
        self._settings = settings.interruptions
        self._shows_stress = settings.interruptions.show == "current"
        self._market = market
        self._notices = settings.notices
        self._schedule = schedule
        self._on_interruption = on_interruption
        self._stresses: dict[str, Stress] = {}
        self._under: dict[str, list[OfferAvailability]] = {}
        self._groups: dict[str, Group] = {}
        self._offers: dict[str, OfferAvailability] = {}
        self._ends = PhaseEnds(shape)
        self._on_prices = tuple(shape.pressure(level) - shape.mean_pressure for level in range(LEVELS))
        self._stays_ms = HOUR_MS / shape.comes_on, HOUR_MS / shape.goes_off
        rates = MarketRates(settings)
        for offer in market.offers:
            self._open(offer, rates.of(offer.spec), seed)
        if self._offers:  # in the mode `replay` there are none, and `RecordedAvailability` handles the last two kinds
            schedule.on(Priority.STRESS, self._stress_flips)
            schedule.on(Priority.GROUP_SHOCK, self._group_is_struck)
            schedule.on(Priority.AVAILABILITY, self._changes)
            schedule.on(Priority.AVAILABILITY_SHOWN, self._shows)
        for stress in self._stresses.values():
            self._await_flip(stress)
        for group in self._groups.values():
            self._await_shock(group)
        for pool in self._offers.values():
            self._await_change(pool)

    def _open(self, offer: Offer, rates: AvailabilityRates | None, seed: int) -> None:
        if rates is None:
            return
        model = self._stress(f"model/{offer.spec.gpu_model}", seed)
        name = offer.spec.shock_group
        group = self._groups.get(name)
        if group is None:
            region = self._stress(f"group/{name}", seed)
            group = self._groups[name] = Group(name, seed, region, self._under[region.name])
        lead_ms = int(self._notices.of(offer.spec.provider_id, offer.spec.provider_class))
        pool = self._offers[offer.name] = OfferAvailability(offer, rates, lead_ms, model, group.stress, seed)
        self._under[model.name].append(pool)
        group.pools.append(pool)
        self._press(pool)
        self._market.set_down(offer, is_down=not pool.is_up)
        if self._shows_stress:
            self._market.set_probability(offer, self._probability(pool))

    def _stress(self, name: str, seed: int) -> Stress:
        if name not in self._stresses:
            self._stresses[name] = Stress(name, seed, self._shape.tight)
            self._under[name] = []
        return self._stresses[name]

    def close(self) -> None:
        """Nothing goes down any more; whoever is told of it is let go of."""
        self._on_interruption = _tell_nobody

    def lost_per_hour(self, offer: Offer) -> float | None:
        """How often an offer goes down in an hour of being up; None for one that is always there."""
        pool = self._offers.get(offer.name)
        return None if pool is None else pool.rates.lost

    # What comes next

    def _await_flip(self, stress: Stress) -> None:
        wait = stress.wait_ms(self._stays_ms[stress.is_on])
        self._schedule.at(self._schedule.now_ms + wait, Priority.STRESS, stress)

    def _await_shock(self, group: Group) -> None:
        due = self._schedule.now_ms + delay_ms(draw(group.key, group.index), float(self._shape.shock_every))
        self._schedule.at(due, Priority.GROUP_SHOCK, group)

    def _await_change(self, pool: OfferAvailability) -> None:
        """Draw anew what comes next of a pool, whatever was drawn before."""
        self._schedule.cancel(pool.ticket)
        change = delay_ms(pool.draw(), HOUR_MS / self._ends.of(pool.rates, pool.phase, pool.level))
        shock = change if pool.is_up else delay_ms(pool.draw(), HOUR_MS / pool.rates.lost)
        pool.meets_shock = shock < change
        pool.ticket = self._schedule.at(self._schedule.now_ms + min(change, shock), Priority.AVAILABILITY, pool)

    def _probability(self, pool: OfferAvailability) -> int:
        """The chance of interruption within the horizon, in parts per million, were the stress to stay as it is."""
        settings, spec = self._settings, pool.offer.spec
        shared = settings.shared / PPM
        times_usual = 1.0 - shared + shared * pool.rates.lost_at[pool.level] / pool.rates.lost
        return probability_of(times_usual * settings.horizon / settings.mean_life_ms(spec.interruption_probability))

    def _press(self, pool: OfferAvailability) -> None:
        """The stress on it moves its price too, about what it is in the long run."""
        self._market.press(pool.offer, self._on_prices[pool.level])

    # What the schedule does

    def _stress_flips(self, stress: Stress) -> None:
        stress.is_on = not stress.is_on
        self._await_flip(stress)
        for pool in self._under[stress.name]:
            self._press(pool)
            if self._shows_stress:
                self._market.show_probability(pool.offer, self._probability(pool))
            if pool.phase in (SETTLED, LONG):
                self._await_change(pool)

    def _group_is_struck(self, group: Group) -> None:
        index = group.index
        group.index = index + 1
        for pool in group.pools:
            if pool.is_up and happens(draw(pool.reach, index), pool.rates.hit_ppm):
                self._change(pool)
        self._await_shock(group)

    def _changes(self, pool: OfferAvailability) -> None:
        if pool.meets_shock:
            self._on_interruption(pool.offer)
            self._await_change(pool)
        else:
            self._change(pool)

    def _change(self, pool: OfferAvailability) -> None:
        """It goes down or comes back."""
        if pool.is_up:
            pool.phase = LONG if happens(pool.draw(), self._shape.long) else SHORT
            self._on_interruption(pool.offer)
        else:
            pool.phase = FRAGILE if happens(pool.draw(), self._shape.fragile) else SETTLED
        self._schedule.at(self._schedule.now_ms + pool.lead_ms, Priority.AVAILABILITY_SHOWN, pool)
        self._await_change(pool)

    def _shows(self, pool: OfferAvailability) -> None:
        """What was decided a lead ago shows: it is down now, or back."""
        self._market.turn(pool.offer)

    # Snapshots

    def state(self) -> RealisticAvailabilityState:
        """What a snapshot holds of them."""
        return RealisticAvailabilityState(
            stresses=tuple((stress.is_on, stress.draws) for stress in self._stresses.values()),
            groups=tuple(group.index for group in self._groups.values()),
            offers=tuple((pool.phase, pool.draws, pool.ticket, pool.meets_shock) for pool in self._offers.values()),
        )

    def restore(self, state: RealisticAvailabilityState, awaited: AwaitedEvents) -> None:
        """Be as the state says. Raises ValueError where that is not what the pending events make of it."""
        for stress, told in zip(self._stresses.values(), state.stresses, strict=True):
            stress.is_on, stress.draws = told
            awaited.claim_one(Priority.STRESS, stress.name)
        for group, index in zip(self._groups.values(), state.groups, strict=True):
            group.index = index
            awaited.claim_one(Priority.GROUP_SHOCK, group.name)
        for pool, known in zip(self._offers.values(), state.offers, strict=True):
            pool.phase, pool.draws, pool.ticket, pool.meets_shock = known
            self._check(pool, awaited)
            self._press(pool)
            if self._shows_stress:
                self._market.set_probability(pool.offer, self._probability(pool))

    def _check(self, pool: OfferAvailability, awaited: AwaitedEvents) -> None:
        """What comes next is pending, and what is decided and does not show yet."""
        is_up = pool.is_up != bool(len(awaited.claim(Priority.AVAILABILITY_SHOWN, pool.name)) % 2)
        if awaited.claim_one(Priority.AVAILABILITY, pool.name) != pool.ticket or pool.offer.is_down == is_up:
            raise ValueError(f"{pool.name} is not where its pending events lead on from")
        if pool.meets_shock and pool.is_up:
            raise ValueError(f"{pool.name} cannot wait for a shock that strikes what is left, for it is up")

    def find_subject(self, priority: int, name: Subject) -> Stress | Group | OfferAvailability:
        """What a snapshot's name of the subject of one of their events means."""
        if priority == Priority.STRESS:
            return self._stresses[str(name)]
        return self._groups[str(name)] if priority == Priority.GROUP_SHOCK else self._offers[str(name)]


def _tell_nobody(offer: Offer) -> None:
    raise AssertionError(f"{offer.name} was struck after the end")


def _phase_at(shares: Sequence[float], drawn: float) -> int:
    """The phase in which a share of all luck finds an offer at the start."""
    for phase, share in enumerate(shares[:-1]):
        if drawn < share:
            return phase
        drawn -= share
    return len(shares) - 1
