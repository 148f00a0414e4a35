"""The scenario's acts: each takes place at its instant, and passing ones are lifted when their time is over."""

from collections.abc import Callable

from msgspec import Struct

from .acts import Act
from .commands import AddCredit, Command, RentGpu, TerminateRental, TouchRental
from .errors import Refusal
from .events import ActEnded, ActRefused, ActStarted, Event
from .offers import Market, Offer
from .rental import Rental
from .rentals import Rentals
from .schedule import Priority, Schedule, Subject


class _Due(Struct, frozen=True, gc=False):
    """Act number `act` begins, or ends."""

    act: int
    ends: bool = False


class TimelineState(Struct, frozen=True):
    """Which rentals the acts have rented, by their names in the scenario."""

    rented: dict[str, str]


class Timeline:
    """Plays the acts of a scenario. Commands among them go the way of a client's, without a line of their own."""

    def __init__(
        self,
        acts: tuple[Act, ...],
        schedule: Schedule,
        market: Market,
        rentals: Rentals,
        record: Callable[[Event], None],
        perform: Callable[[Command], Rental | None],
    ) -> None:
        self._acts = acts
        self._schedule = schedule
        self._market = market
        self._rentals = rentals
        self._record = record
        self._perform = perform
        self._rented: dict[str, str] = {}
        self._owners = {act.rent.as_: act.rent.account for act in acts if act.rent is not None}
        schedule.on(Priority.TIMELINE, self._act_is_due)
        for number, act in enumerate(acts):  # at the instant at which an act is over it is over for what begins then
            span = _span_ms(act)
            if span is not None:
                schedule.at(act.at + span, Priority.TIMELINE, _Due(number, ends=True))
        for number, act in enumerate(acts):
            schedule.at(act.at, Priority.TIMELINE, _Due(number))

    def close(self) -> None:
        """No act takes place any more; whoever performed them is let go of."""
        self._perform = _perform_nothing

    def state(self) -> TimelineState:
        """What a snapshot holds of it."""
        return TimelineState(dict(self._rented))

    def restore(self, state: TimelineState) -> None:
        """Be as the state says."""
        self._rented = dict(state.rented)

    def name_subject(self, due: _Due) -> Subject:
        """What a snapshot calls the beginning or the end of an act."""
        return due.act, int(due.ends)

    def find_subject(self, name: Subject) -> _Due:
        """The inverse of `name_subject`."""
        return _Due(int(name[0]), ends=bool(name[1]))

    def _act_is_due(self, due: _Due) -> None:
        act = self._acts[due.act]
        if due.ends:
            for offer in self._affected(act):
                self._market.lift(offer, due.act)
            self._record(ActEnded(self._schedule.now_ms, due.act, act.kind))
        elif act.interrupt is not None:
            self._record(ActStarted(self._schedule.now_ms, due.act, act.kind))
            self._rentals.interrupt(act.interrupt)
        elif act.outage is not None or act.price is not None or act.capacity is not None:
            self._begin(due.act, act)
        else:
            self._command(act)

    def _begin(self, number: int, act: Act) -> None:
        self._record(ActStarted(self._schedule.now_ms, number, act.kind))
        for offer in self._affected(act):
            if act.price is not None and act.price.set is not None:
                self._market.lay_over(offer, (number, "price_set", int(act.price.set)))
            elif act.price is not None and act.price.multiply is not None:
                self._market.lay_over(offer, (number, "price_multiply", act.price.multiply))
            elif act.capacity is not None:
                self._market.lay_over(offer, (number, "capacity", act.capacity.set))
            else:
                self._market.begin_outage(offer, number)

    def _affected(self, act: Act) -> list[Offer]:
        assert act.selector is not None
        return self._market.matching(act.selector)

    def _command(self, act: Act) -> None:
        reference = act.rent.as_ if act.rent is not None else act.terminate or act.touch or ""  # none of them is empty
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
            else:
                self._perform(TouchRental(rental_id))
        except Refusal as refusal:
            self._record(ActRefused(self._schedule.now_ms, account, act.kind, refusal.code))


def _perform_nothing(command: Command) -> Rental | None:
    raise AssertionError(f"{command} came after the end")


def _span_ms(act: Act) -> int | None:
    passing = act.outage or act.price or act.capacity
    return None if passing is None else passing.for_


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
