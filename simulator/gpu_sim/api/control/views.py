"""Views of the control plane: its JSON shapes, with durations as text, instants RFC 3339, money with six decimals."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import UNSET, Struct

from ...core.acts_in_force import ActPlan
from ...core.billing.ledger import Entry, Posting
from ...core.events import ActEnded, ActEvent, Reason
from ...core.journal import Recorded
from ...core.kernel.money import format_price, format_usd
from ...core.kernel.randomness import PPM
from ...core.market.offer import Offer
from ...core.rentals.rental import Rental
from ...core.rentals.transitions import Status
from ...core.scenario.acts import MarketAct, Selector, ends_ms
from ...core.scenario.scenario import Scenario, canonical
from ...core.simulation import Simulation
from ...notation import encode_quantity, format_duration
from ...worlds.world import World
from ..gpu import extended_view
from ..queries.list_queries import OPENING_BALANCE
from .answers.accounts import AccountView, EntryView, PostingView
from .answers.events import shown_as
from .answers.market import ActView, ListedActView, OfferView
from .answers.rentals import NoticeView, RentalView, SshAccess, TransitionView
from .answers.texts import AmountText, InstantText, PriceText
from .answers.worlds import ClockView

OFFERS_NAMED_MAX = 100
"""So many of the offers that an act is about are named."""


class ListedAct(NamedTuple):
    """An act of the list of acts: `since_ms` is when it began, or will."""

    name: str
    number: int
    act: MarketAct
    state: Literal["in_force", "scheduled"]
    source: Literal["timeline", "call"]
    since_ms: int
    until_ms: int | None


def clock_view(world: World) -> ClockView:
    """A world's clock."""
    settings = world.pacer.settings
    return ClockView(
        world=world.name,
        mode=settings.mode,
        speed=None if settings.speed is None else settings.speed / PPM,
        step=None if settings.step is None else format_duration(settings.step),
        now=world.now,
    )


def scenario_view(scenario: Scenario) -> Any:
    """A scenario in canonical form, as files and inline scenarios write it."""
    return msgspec.to_builtins(canonical(scenario), enc_hook=encode_quantity)


def account_view(world: World, name: str, token: str) -> AccountView:
    """An account with its balance, available and held credit (F16)."""
    ledger = world.simulation.ledger
    return AccountView(
        name=name,
        token=token,
        balance=format_usd(ledger.balance(name)),
        available=format_usd(ledger.available(name)),
        held=format_usd(ledger.held(name)),
    )


class OpeningBalance(Struct, frozen=True, gc=False, tag=OPENING_BALANCE, tag_field="type"):
    """An entry that stands for those no longer in memory: it sums them up, so that the postings of a whole list always
    add up to the balances."""

    at: int
    balances: tuple[Posting, ...]

    account = None
    rental_id = None

    def postings(self) -> tuple[Posting, ...]:
        return self.balances


def entry_view(world: World, seq: int, entry: Entry | OpeningBalance) -> EntryView:
    """A ledger entry with its postings."""
    return EntryView(
        seq=seq,
        at=world.instant(entry.at),
        kind=entry.__struct_config__.tag,  # type: ignore[arg-type]  # the tags of entries are these
        account=entry.account,
        rental_id=entry.rental_id,
        postings=[PostingView(name, format_usd(amount)) for name, amount in entry.postings()],
    )


def entries_of(simulation: Simulation) -> tuple[Sequence[Entry | OpeningBalance], int]:
    """The ledger's entries in order, and the number of the first of them, which may be an opening balance."""
    ledger = simulation.ledger
    if not ledger.dropped:
        return ledger.entries, 1
    at_ms = ledger.entries[0].at if ledger.entries else simulation.now_ms
    return [OpeningBalance(at_ms, tuple(ledger.opening.items())), *ledger.entries], ledger.dropped


def event_view(world: World, seq: int, event: Recorded) -> dict[str, Any]:
    """An event: its `seq`, `at`, `type` and own fields."""
    if isinstance(event, ActEvent):
        return {"seq": seq, "at": world.instant(event.at), "type": event.__struct_config__.tag, **_of_act(world, event)}
    fields = msgspec.structs.asdict(event)
    del fields["at"]
    shown = (_shown(world, name, value) for name, value in fields.items())
    return {"seq": seq, "at": world.instant(event.at), "type": event.__struct_config__.tag, **dict(shown)}


def _of_act(world: World, event: ActEvent) -> dict[str, Any]:
    selector, parameters = _terms(event.market_act)
    shown = {"act": event.act, "name": event.name, "kind": event.kind, "selector": selector, "parameters": parameters}
    shown["until"] = _until(world, event.until_ms)
    return shown | ({"ended_by": event.ended_by} if isinstance(event, ActEnded) else {})


def _until(world: World, until_ms: int | None) -> str | None:
    """The end of an act; None where it has none, or outlasts the calendar."""
    return None if until_ms is None or until_ms > world.last_ms else world.instant(until_ms)


def _shown(world: World, name: str, value: Any) -> tuple[str, Any]:
    name, type_ = shown_as(name, None)
    if type_ is PriceText:
        return name, format_price(value)
    if type_ is AmountText:
        return name, format_usd(value)
    return name, world.instant(value) if type_ is InstantText else value


def rental_view(world: World, rental: Rental) -> RentalView:
    """A rental with fields that the API does not show: account, hold status, transitions, provisioning phase, the
    transitions that are held back, the DELETE that was answered and has not ended it, and the latest interruption
    notice."""
    shown = extended_view(world, rental)
    ssh = shown.pop("ssh", None)
    return RentalView(
        **shown,
        ssh=UNSET if ssh is None else SshAccess(**ssh),
        account=rental.account,
        hold_status=rental.hold.status,
        transitions=_transitions(world, rental),
        phase=rental.phase,
        held_back=rental.held_back,
        end_held_back=rental.end_held,
        held_delete_at=None if rental.held_delete_ms is None else world.instant(rental.held_delete_ms),
        vanished=rental.is_hidden,
        interruption_notice=_notice(world, rental),
    )


def _notice(world: World, rental: Rental) -> NoticeView | None:
    if rental.noticed_ms is None or rental.interrupts_ms is None:
        return None
    return NoticeView(world.instant(rental.noticed_ms), world.instant(rental.interrupts_ms))


def _transitions(world: World, rental: Rental) -> list[TransitionView]:
    steps: list[tuple[int | None, Status, Reason | None]] = [
        (rental.created_ms, "provisioning", None),
        (rental.running_ms, "running", None),
        (rental.terminated_ms, "terminated", rental.reason),
    ]
    shown: list[TransitionView] = []
    before: Status | None = None
    for at_ms, status, reason in steps:
        if at_ms is not None:
            shown.append(TransitionView(world.instant(at_ms), before, status, reason))
            before = status
    return shown


def offer_view(world: World, offer: Offer) -> OfferView:
    """An offer with fields that the API does not show: class, price process, capacity, its availability as a share of
    time, and what keeps it from being rented."""
    spec, settings = offer.spec, world.scenario.market
    return OfferView(
        name=offer.name,
        provider_id=spec.provider_id,
        gpu_model=spec.gpu_model,
        region=spec.region,
        vram_gb=spec.vram_gb,
        provider_class=spec.provider_class,
        price_per_gpu_hour=format_price(offer.price_micros_per_hour),
        process=settings.prices.process_of(spec),
        process_price_per_gpu_hour=format_price(offer.path.price_micros),
        on_demand_price_per_gpu_hour=format_price(spec.on_demand_price),
        interruption_probability=offer.interruption_ppm / PPM,
        capacity=offer.capacity,
        free=offer.free,
        listed=offer.is_listed,
        availability=settings.availability_shown(spec) / PPM,
        outage=bool(offer.outages),
        down=offer.is_down,
        away=offer.is_away,
        provisioning=offer.provisioning,
        vanish=offer.hides_rentals,
        acts=[act.name for act in world.simulation.timeline.in_force.over(offer)],
    )


def act_view(world: World, act: MarketAct, plan: ActPlan, *, ended: int, notified: int, withdrawn: int) -> ActView:
    """An act that began now: its number, name and span, the numbers of offers it concerns and of rentals it ended,
    notified of their interruption and no longer interrupts, and the names of the acts that it ended."""
    now_ms = world.simulation.now_ms
    return ActView(
        act=plan.number,
        name=plan.name,
        kind=act.KIND,
        at=world.instant(now_ms),
        until=_until(world, ends_ms(act, now_ms)),
        offers=len(world.simulation.market.matching(act)),
        rentals=ended,
        notified=notified,
        withdrawn=withdrawn,
        ended=[each.name for each, _ in plan.ending],
    )


def listed_act_view(world: World, act: ListedAct) -> ListedActView:
    """An act in force or to come: what it does, from when to when, and the offers that it is about, of which the first
    are named."""
    offers = world.simulation.market.matching(act.act)
    selector, parameters = _terms(act.act)
    return ListedActView(
        name=act.name,
        act=act.number,
        kind=act.act.KIND,
        state=act.state,
        source=act.source,
        selector=selector,
        parameters=parameters,
        since=world.instant(min(act.since_ms, world.last_ms)),
        until=_until(world, act.until_ms),
        offers=len(offers),
        offer_names=[offer.name for offer in offers[:OFFERS_NAMED_MAX]],
    )


def _terms(act: MarketAct) -> tuple[dict[str, str], dict[str, Any]]:
    """The selector of an act, and what it does, both as they are posted, with what has a default."""
    given = {name: value for name in act.__struct_fields__ if (value := getattr(act, name)) is not None}
    shown = {name: msgspec.to_builtins(value, enc_hook=encode_quantity) for name, value in given.items()}
    selector = {name: shown.pop(name) for name in Selector.__struct_fields__ if name in shown}
    # A number of rentals stands in place of a share, which is then its default.
    hidden = ("name", "for_", "share") if "count" in shown else ("name", "for_")
    return selector, {name: value for name, value in shown.items() if name not in hidden}
