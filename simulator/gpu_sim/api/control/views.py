"""Views of the control plane: its JSON shapes, with durations as text, instants RFC 3339, money with six decimals."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from ...core.billing.ledger import Entry, Posting
from ...core.events import Reason
from ...core.journal import Recorded
from ...core.kernel.money import format_price, format_usd
from ...core.kernel.randomness import PPM
from ...core.market.offer import Offer
from ...core.rentals.rental import Rental
from ...core.rentals.transitions import Status
from ...core.scenario.acts import MarketAct, PassingAct
from ...core.simulation import Simulation
from ...notation import format_duration
from ...worlds.world import World
from ..gpu import extended_view
from ..queries.list_queries import OPENING_BALANCE
from .answers.accounts import AccountView, EntryView, PostingView
from .answers.market import ActView, OfferView
from .answers.rentals import NoticeView, RentalView, SshAccess, TransitionView
from .answers.worlds import ClockView


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
    fields = msgspec.structs.asdict(event)
    del fields["at"]
    shown = (_shown(world, name, value) for name, value in fields.items())
    return {"seq": seq, "at": world.instant(event.at), "type": event.__struct_config__.tag, **dict(shown)}


def _shown(world: World, name: str, value: Any) -> tuple[str, Any]:
    if name == "price_micros_per_hour":
        return "price_per_gpu_hour", format_price(value)
    if name.endswith("_micros"):
        return name.removesuffix("_micros"), format_usd(value)
    if name == "interrupts_ms":
        return "interrupts_at", world.instant(value)
    return name, value


def rental_view(world: World, rental: Rental) -> RentalView:
    """A rental with fields that the API does not show: account, hold status, transitions, provisioning phase, the
    transition that is held back, and the latest interruption notice."""
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
        process=settings.prices.process(spec.provider_class),
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
    )


def act_view(world: World, act: MarketAct, number: int, ended: int) -> ActView:
    """An act that began now: its number and span, the numbers of offers it concerns and of rentals it ended."""
    began_ms = world.simulation.now_ms
    span_ms = act.for_ if isinstance(act, PassingAct) else None
    until_ms = None if span_ms is None else began_ms + span_ms
    if until_ms is not None and until_ms > world.last_ms:
        until_ms = None  # it outlasts the calendar
    return ActView(
        act=number,
        kind=act.KIND,
        at=world.instant(began_ms),
        until=None if until_ms is None else world.instant(until_ms),
        offers=len(world.simulation.market.matching(act)),
        rentals=ended,
    )
