"""Availability in the mode `realistic`: stresses, shocks of a group, and the phases of each offer, up or down.

All phases have exponential lengths, so that whenever a stress changes an offer's rates the time to its next change may
be drawn anew. None of it depends on who rents. Its streams are `stress/model/<GPU model>`,
`stress/group/<group>`, `shocks/<group>` and `reach/<offer>` for the shocks, and `pool/<offer>`.

A change decided here shows in the market `lead_ms` later, so that an interruption can be announced its notice ahead.
"""

from collections.abc import Callable, Sequence
from typing import Annotated

from msgspec import Meta, Struct

from ..kernel.awaited_events import AwaitedEvents
from ..kernel.clock import HOUR_MS
from ..kernel.hazard_rate import probability_of
from ..kernel.numerics import delay_ms, uniform
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
"""Called when an interruption hits an offer: it has just gone down, or a shock hits it while down."""


class Stress:
    """A stress that is on or off."""

    __slots__ = ("draws", "is_on", "key", "name")

    def __init__(self, name: str, seed: int, tight: Share) -> None:
        self.name = name
        self.key = stream(seed, f"stress/{name}")
        self.is_on = happens(draw(self.key, 0), tight)
        self.draws = 1

    def wait_ms(self, mean_ms: float) -> int:
        """Draw the time until it next comes on or goes off."""
        self.draws += 1
        return delay_ms(draw(self.key, self.draws - 1), mean_ms)


class Group:
    """Offers that the same `stress` and the same shocks hit; `index` is the number of the next shock."""

    __slots__ = ("index", "key", "name", "offers", "stress")

    def __init__(self, name: str, seed: int, stress: Stress, offers: "list[OfferAvailability]") -> None:
        self.name = name
        self.stress = stress
        self.offers = offers
        self.key = stream(seed, f"shocks/{name}")
        self.index = 0


class OfferAvailability:
    """The availability of one offer: its phase, and the event that changes it next."""

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
        # This name stays, whatever an offer is called elsewhere: another one would change the luck of every run.
        self.key = stream(seed, f"pool/{offer.name}")
        self.reach = stream(seed, f"reach/{offer.name}")
        self.draws = 1
        self.phase = _phase_at(rates.phases[self.level], uniform(draw(self.key, 0)))
        self.ticket: Ticket = NO_TICKET
        self.meets_shock = False
        """True if its next event is a shock that hits the rentals left on it while it is down."""

    @property
    def name(self) -> str:
        """The name of its offer."""
        return self.offer.name

    @property
    def level(self) -> int:
        """The number of stresses that are on for it."""
        return self.model.is_on + self.region.is_on

    @property
    def is_up(self) -> bool:
        """True if it can be rented, once the lead has passed."""
        return self.phase in UP

    def draw(self) -> int:
        """The next draw of its stream."""
        self.draws += 1
        return draw(self.key, self.draws - 1)


class RealisticAvailabilityState(Struct, frozen=True):
    """Stresses as (is on, draws), groups by their index, offers as (phase, draws, ticket, meets shock), in order."""

    stresses: tuple[tuple[bool, Natural], ...] = ()
    groups: tuple[Natural, ...] = ()
    offers: tuple[tuple[Annotated[int, Meta(ge=0, lt=PHASES)], Natural, Ticket, bool], ...] = ()


class RealisticAvailability:
    """All offers of a market that go down and come back, with their stresses and shocks."""

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
            schedule.on(Priority.GROUP_SHOCK, self._shock_hits)
            schedule.on(Priority.AVAILABILITY, self._changes)
            schedule.on(Priority.AVAILABILITY_SHOWN, self._shows)
        # The order decides the tickets, and so which of two events of one kind and instant comes first.
        for stress in self._stresses.values():
            self._await_flip(stress)
        for group in self._groups.values():
            self._await_shock(group)
        for availability in self._offers.values():
            self._await_change(availability)

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
        availability = self._offers[offer.name] = OfferAvailability(offer, rates, lead_ms, model, group.stress, seed)
        self._under[model.name].append(availability)
        group.offers.append(availability)
        self._press(availability)
        self._market.set_down(offer, is_down=not availability.is_up)
        if self._shows_stress:
            self._market.set_probability(offer, self._probability(availability))

    def _stress(self, name: str, seed: int) -> Stress:
        if name not in self._stresses:
            self._stresses[name] = Stress(name, seed, self._shape.tight)
            self._under[name] = []
        return self._stresses[name]

    def close(self) -> None:
        """Drop the callback, which refers to the whole simulation: no offer goes down any more."""
        self._on_interruption = _after_close

    def lost_per_hour(self, offer: Offer) -> float | None:
        """The rate at which an offer goes down, per hour of being up; None for one that is always available."""
        availability = self._offers.get(offer.name)
        return None if availability is None else availability.rates.lost

    # Upcoming events

    def _await_flip(self, stress: Stress) -> None:
        wait = stress.wait_ms(self._stays_ms[stress.is_on])
        self._schedule.at(self._schedule.now_ms + wait, Priority.STRESS, stress)

    def _await_shock(self, group: Group) -> None:
        due = self._schedule.now_ms + delay_ms(draw(group.key, group.index), float(self._shape.shock_every))
        self._schedule.at(due, Priority.GROUP_SHOCK, group)

    def _await_change(self, availability: OfferAvailability) -> None:
        """Draw the next event of an offer anew, whatever was drawn before."""
        self._schedule.cancel(availability.ticket)
        change = delay_ms(
            availability.draw(), HOUR_MS / self._ends.of(availability.rates, availability.phase, availability.level)
        )
        # Only while it is down: shocks then hit what still runs there, as often as it would go down.
        shock = change if availability.is_up else delay_ms(availability.draw(), HOUR_MS / availability.rates.lost)
        availability.meets_shock = shock < change
        availability.ticket = self._schedule.at(
            self._schedule.now_ms + min(change, shock), Priority.AVAILABILITY, availability
        )

    def _probability(self, availability: OfferAvailability) -> int:
        """The chance of interruption within the horizon, in parts per million, were the stress to stay as it is."""
        settings, spec = self._settings, availability.offer.spec
        shared = settings.shared / PPM
        times_usual = 1.0 - shared + shared * availability.rates.lost_at[availability.level] / availability.rates.lost
        return probability_of(times_usual * settings.horizon / settings.mean_life_ms(spec.interruption_probability))

    def _press(self, availability: OfferAvailability) -> None:
        """Let the stress on the offer move its price too, up and down around the stress of the long run."""
        self._market.press(availability.offer, self._on_prices[availability.level])

    # Handlers of the schedule

    def _stress_flips(self, stress: Stress) -> None:
        stress.is_on = not stress.is_on
        self._await_flip(stress)
        for availability in self._under[stress.name]:
            self._press(availability)
            if self._shows_stress:
                self._market.show_probability(availability.offer, self._probability(availability))
            if availability.phase in (SETTLED, LONG):  # the rates of the others do not depend on the stress
                self._await_change(availability)

    def _shock_hits(self, group: Group) -> None:
        index = group.index
        group.index = index + 1
        for availability in group.offers:
            if availability.is_up and happens(draw(availability.reach, index), availability.rates.hit_ppm):
                self._change(availability)
        self._await_shock(group)

    def _changes(self, availability: OfferAvailability) -> None:
        if availability.meets_shock:
            self._on_interruption(availability.offer)
            self._await_change(availability)
        else:
            self._change(availability)

    def _change(self, availability: OfferAvailability) -> None:
        """Let the offer go down or come back."""
        if availability.is_up:
            availability.phase = LONG if happens(availability.draw(), self._shape.long) else SHORT
            self._on_interruption(availability.offer)
        else:
            availability.phase = FRAGILE if happens(availability.draw(), self._shape.fragile) else SETTLED
        self._schedule.at(self._schedule.now_ms + availability.lead_ms, Priority.AVAILABILITY_SHOWN, availability)
        self._await_change(availability)

    def _shows(self, availability: OfferAvailability) -> None:
        """The change that was decided a lead ago shows: the offer is down now, or back."""
        self._market.turn(availability.offer)

    # Snapshots

    def state(self) -> RealisticAvailabilityState:
        """Their part of a snapshot."""
        return RealisticAvailabilityState(
            stresses=tuple((stress.is_on, stress.draws) for stress in self._stresses.values()),
            groups=tuple(group.index for group in self._groups.values()),
            offers=tuple(
                (availability.phase, availability.draws, availability.ticket, availability.meets_shock)
                for availability in self._offers.values()
            ),
        )

    def restore(self, state: RealisticAvailabilityState, awaited: AwaitedEvents) -> None:
        """Restore from `state`. Raises ValueError if no run leads there."""
        for stress, saved in zip(self._stresses.values(), state.stresses, strict=True):
            stress.is_on, stress.draws = saved
            awaited.claim_one(Priority.STRESS, stress.name)
        for group, index in zip(self._groups.values(), state.groups, strict=True):
            group.index = index
            awaited.claim_one(Priority.GROUP_SHOCK, group.name)
        for availability, saved_offer in zip(self._offers.values(), state.offers, strict=True):
            availability.phase, availability.draws, availability.ticket, availability.meets_shock = saved_offer
            self._check(availability, awaited)
            self._press(availability)
            if self._shows_stress:
                self._market.set_probability(availability.offer, self._probability(availability))

    def _check(self, availability: OfferAvailability, awaited: AwaitedEvents) -> None:
        """Raises ValueError unless the next event is pending, and each change that is decided and does not show yet."""
        # Each change that does not show yet turns the offer: an odd number of them, and it shows the other state.
        is_up = availability.is_up != bool(len(awaited.claim(Priority.AVAILABILITY_SHOWN, availability.name)) % 2)
        if (
            awaited.claim_one(Priority.AVAILABILITY, availability.name) != availability.ticket
            or availability.offer.is_down == is_up
        ):
            raise ValueError(f"{availability.name} is not where its pending events lead on from")
        if availability.meets_shock and availability.is_up:
            raise ValueError(f"{availability.name} cannot wait for a shock that hits what is left, for it is up")

    def find_subject(self, priority: int, name: Subject) -> Stress | Group | OfferAvailability:
        """The subject of one of their events, by its name in a snapshot."""
        if priority == Priority.STRESS:
            return self._stresses[str(name)]
        return self._groups[str(name)] if priority == Priority.GROUP_SHOCK else self._offers[str(name)]


def _after_close(offer: Offer) -> None:
    raise AssertionError(f"{offer.name} was interrupted after the end")


def _phase_at(shares: Sequence[float], drawn: float) -> int:
    """The phase of an offer at the start, by a uniform draw and the share of each phase."""
    for phase, share in enumerate(shares[:-1]):
        if drawn < share:
            return phase
        drawn -= share
    return len(shares) - 1
