"""The acts of the scenario and of control calls: each begins at its instant; passing ones are lifted at their end."""

from collections.abc import Callable

from msgspec import Struct

from .commands import AddCredit, Command, MoveRental, PlayAct, RentGpu, TerminateRental, TouchRental
from .events import ActEnded, ActRefused, ActStarted, Event
from .kernel.awaited_events import AwaitedEvents
from .kernel.errors import Refusal
from .kernel.quantities import Natural
from .kernel.schedule import Priority, Schedule, Subject
from .market.market import Market
from .market.overlays import overlay_of
from .rentals.interventions import Interventions
from .rentals.rental import Rental
from .rentals.rentals import Rentals
from .scenario.acts import Act, InterruptAct, MarketAct, OutageAct, PassingAct, ProvisioningAct


class _Due(Struct, frozen=True, gc=False):
    """The subject of an event: act number `act` begins, or ends."""

    act: int
    ends: bool = False


class TimelineState(Struct, frozen=True):
    """The timeline's part of a snapshot: the number of acts so far, the called ones that have not ended, and the ids of
    the rentals that the scenario's have made, by their names there."""

    acts_total: Natural
    called: dict[int, PlayAct]
    rented: dict[str, str]


class Timeline:
    """Plays acts. Commands among the scenario's are checked and executed as a client's, without a line of their own.

    `acts_total` is the number of acts: those of the scenario come first, then those called. Of the called ones only
    those that have yet to end are remembered.
    """

    def __init__(
        self,
        acts: tuple[Act, ...],
        schedule: Schedule,
        market: Market,
        rentals: Rentals,
        interventions: Interventions,
        record: Callable[[Event], None],
        perform: Callable[[Command], Rental | None],
    ) -> None:
        self._acts = acts
        self._schedule = schedule
        self._market = market
        self._rentals = rentals
        self._interventions = interventions
        self._record = record
        self._perform = perform
        self.acts_total = len(acts)
        self._called: dict[int, PlayAct] = {}
        self._rented: dict[str, str] = {}
        self._owners = {act.rent.as_: act.rent.account for act in acts if act.rent is not None}
        schedule.on(Priority.ACT_END, self._act_ends)
        schedule.on(Priority.TIMELINE, self._act_is_due)
        # The end of an act has a lower priority number than its beginning: where one act ends as the next begins, the
        # next one finds the offer free.
        for number, act in enumerate(acts):
            if act.market_act is not None:
                self._await_end(number, act.market_act, act.at)
            schedule.at(act.at, Priority.TIMELINE, _Due(number))

    def close(self) -> None:
        """Play nothing any more, and drop the reference to whoever performs commands."""
        self._perform = _perform_nothing

    def play(self, command: PlayAct) -> None:
        """Begin a called act now."""
        number = self.acts_total
        self.acts_total += 1
        if self._await_end(number, command.act, self._schedule.now_ms):
            self._called[number] = command
        self._begin(number, command.act)

    def _await_end(self, number: int, act: MarketAct, begins_ms: int) -> bool:
        """Schedule the end of a passing act, and return True if it has one. It comes before all else of its instant."""
        ends_ms = _ends_ms(act, begins_ms)
        if ends_ms is None:
            return False
        self._schedule.at(ends_ms, Priority.ACT_END, _Due(number, ends=True))
        return True

    def state(self) -> TimelineState:
        """Its part of a snapshot."""
        return TimelineState(self.acts_total, dict(self._called), dict(self._rented))

    def restore(self, state: TimelineState, awaited: AwaitedEvents) -> None:
        """Restore from `state`. Raises ValueError unless exactly the future beginnings and ends of acts are pending,
        and all acts over offers have begun."""
        self.acts_total = state.acts_total
        self._called, self._rented = dict(state.called), dict(state.rented)
        for number, act in enumerate(self._acts):
            ends_ms = _ends_ms(act.market_act, act.at)
            awaited.claim_due(Priority.TIMELINE, (number, 0), _if_future(awaited, act.at))
            awaited.claim_due(Priority.ACT_END, (number, 1), _if_future(awaited, ends_ms))
        for number, command in self._called.items():
            awaited.claim_one(Priority.ACT_END, (number, 1))
            if not len(self._acts) <= number < self.acts_total or _ends_ms(command.act, 0) is None:
                raise ValueError(f"act {number} was not called, or has no end")
        over = {n for offer in self._market.offers for n in (*offer.outages, *(each[0] for each in offer.overlays))}
        if self.acts_total < len(self._acts) or any(number >= self.acts_total for number in over):
            raise ValueError("there are fewer acts than have begun")

    def name_subject(self, due: _Due) -> Subject:
        """Name the beginning or the end of an act for a snapshot."""
        return due.act, int(due.ends)

    def find_subject(self, name: Subject) -> _Due:
        """The inverse of `name_subject`."""
        return _Due(int(name[0]), ends=bool(name[1]))

    def _act_is_due(self, due: _Due) -> None:
        act = self._acts[due.act]
        if act.market_act is not None:
            self._begin(due.act, act.market_act)
        else:
            self._command(act)

    def _begin(self, number: int, act: MarketAct) -> None:
        self._record(ActStarted(self._schedule.now_ms, number, act.KIND))
        if isinstance(act, InterruptAct):
            self._rentals.interrupt(act)
            return
        offers, endless = self._market.matching(act), act.for_ is None
        if isinstance(act, OutageAct):
            for offer in offers:
                self._market.begin_outage(offer, number, endless=endless)
            if act.interrupt:
                self._interventions.interrupt_all(offers)
            return
        overlay = overlay_of(number, act)
        for offer in offers:
            self._market.lay_over(offer, overlay, endless=endless)
        if isinstance(act, ProvisioningAct):
            self._interventions.settle_due(offers)

    def _act_ends(self, due: _Due) -> None:
        called = self._called.pop(due.act, None)
        act = self._acts[due.act].market_act if called is None else called.act
        assert act is not None
        offers = self._market.matching(act)
        for offer in offers:
            self._market.lift(offer, due.act)
        self._record(ActEnded(self._schedule.now_ms, due.act, act.KIND))
        if isinstance(act, ProvisioningAct):
            self._interventions.settle_due(offers)

    def _command(self, act: Act) -> None:
        reference = act.rent.as_ if act.rent is not None else act.reference or ""  # none of them is empty
        account = act.credit.account if act.credit is not None else self._owners[reference]
        rental_id = self._rented.get(reference, "")
        try:
            if act.rent is not None:
                rental = self._perform(_rent_command(act))
                assert rental is not None
                self._rented[reference] = rental.rental_id
            elif act.credit is not None:
                self._perform(AddCredit(account, int(act.credit.amount)))
            elif act.terminate is not None:
                self._perform(TerminateRental(account, rental_id))
            elif act.transition is not None:
                transition = act.transition
                self._perform(MoveRental(rental_id=rental_id, to=transition.to, hold=transition.hold))
            else:
                self._perform(TouchRental(rental_id))
        except Refusal as refusal:
            self._record(ActRefused(self._schedule.now_ms, account, act.kind, refusal.code))


def _ends_ms(act: MarketAct | None, begins_ms: int) -> int | None:
    """The end of an act, or None for one without."""
    return begins_ms + act.for_ if isinstance(act, PassingAct) and act.for_ is not None else None


def _if_future(awaited: AwaitedEvents, at_ms: int | None) -> list[int]:
    """An instant, if it lies in the future."""
    return [] if at_ms is None or at_ms <= awaited.now_ms else [at_ms]


def _perform_nothing(command: Command) -> Rental | None:
    raise AssertionError(f"{command} came after the end")


def _rent_command(act: Act) -> RentGpu:
    rent = act.rent
    assert rent is not None
    return RentGpu(
        account=rent.account,
        provider_id=rent.provider_id,
        gpu_model=rent.gpu_model,
        region=rent.region,
        gpu_count=rent.gpu_count,
        model_id=rent.model_id,
        docker_image=rent.docker_image,
        fine_tuned=rent.fine_tuned,
    )
