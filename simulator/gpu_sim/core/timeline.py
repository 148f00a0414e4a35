"""The acts of the scenario and of control calls: each begins at its instant; passing ones are lifted at their end."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec import Struct

from .acts_in_force import ActInForce, ActPlan, ActsInForce, ActState, act_fields
from .commands import AddCredit, Command, MoveRental, PlayAct, TerminateRental, TouchRental, rent_command
from .events import ActEnded, ActRefused, ActStarted, EndedBy, Event
from .kernel.awaited_events import AwaitedEvents
from .kernel.errors import ActExists, ActNotFound, InvalidValue, Refusal
from .kernel.names import did_you_mean, is_name
from .kernel.quantities import Natural
from .kernel.schedule import NO_TICKET, Priority, Schedule, Subject, Ticket
from .market.market import Market
from .market.overlays import Overlay, overlay_of
from .rentals.interventions import Interventions
from .rentals.rental import Rental
from .rentals.rentals import Rentals
from .scenario.acts import (
    Act,
    InterruptAct,
    LastingAct,
    MarketAct,
    OutageAct,
    ProvisioningAct,
    ends_ms,
    timeline_names,
)


class _Due(Struct, frozen=True, gc=False):
    """The subject of an event: act number `act` begins, or ends."""

    act: int
    ends: bool = False


class TimelineState(Struct, frozen=True):
    """The timeline's part of a snapshot: the number of acts so far, those that are in force in the order in which they
    began, and the ids of the rentals that the scenario's have made, by their names there."""

    acts_total: Natural
    in_force: tuple[ActState, ...]
    rented: dict[str, str]


class Timeline:
    """Plays acts. Commands among the scenario's are checked and executed as a client's, without a line of their own.

    `acts_total` is the number of acts: those of the scenario come first, then those called. Of the called ones only
    those that are `in_force` are remembered.
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
        self.in_force = ActsInForce()
        self._names = timeline_names(acts)
        self._numbers = {name: number for number, name in enumerate(self._names) if name is not None}
        self._tickets: dict[int, Ticket] = {}
        """The ends of the timeline's acts that have yet to begin."""
        self._rented: dict[str, str] = {}
        self._owners = {act.rent.as_: act.rent.account for act in acts if act.rent is not None}
        schedule.on(Priority.ACT_END, self._act_ends)
        schedule.on(Priority.TIMELINE, self._act_is_due)
        # The end of an act has a lower priority number than its beginning: where one act ends as the next begins, the
        # next one finds the offer free.
        for number, act in enumerate(acts):
            if act.market_act is not None:
                self._tickets[number] = self._await_end(number, act.market_act, act.at)
            schedule.at(act.at, Priority.TIMELINE, _Due(number))

    def close(self) -> None:
        """Play nothing any more, and drop the reference to whoever performs commands."""
        self._perform = _perform_nothing

    def to_come(self) -> Iterator[tuple[int, str, Act]]:
        """The acts on offers that the scenario has yet to begin: number, name and act."""
        for number, act in enumerate(self._acts):
            name = self._names[number]
            if name is not None and act.at > self._schedule.now_ms:
                yield number, name, act

    # What is called

    def check_play(self, command: PlayAct) -> ActPlan:
        """The plan of a called act that begins now, in place of the one of its name, and of such as no longer fit.

        Raises InvalidValue for a name that is none and for an act that finds too many over an offer, ActExists for the
        name of an act that the scenario has yet to begin.
        """
        act, number, replaced = command.act, self.acts_total, None
        if act.name is not None:
            if not is_name(act.name):
                raise InvalidValue("a name is 1 to 64 of A-Z a-z 0-9 _ -", param="name")
            if self._is_to_come(act.name):
                raise ActExists(f'an act of the timeline that has yet to begin is named "{act.name}"', param="name")
            replaced = self.in_force.named(act.name)
        ending: list[tuple[ActInForce, EndedBy]] = [] if replaced is None else [(replaced, "name")]
        if isinstance(act, LastingAct):
            market = self._market
            displaced = self.in_force.displaced_by(act, market.matching(act), replaced, market.offers)
            ending += [(each, "superseded") for each in displaced]
        return ActPlan(number, act.name or self._made_name(act.KIND, number), tuple(ending))

    def play(self, command: PlayAct, plan: ActPlan) -> None:
        """Begin a called act now."""
        self.acts_total += 1
        self._lift(plan.ending)
        ticket = self._await_end(plan.number, command.act, self._schedule.now_ms)
        self._begin(plan.number, plan.name, command, ticket)
        # Only now: what waits for one act goes on waiting where another of the kind takes its place.
        self._settle(each.act for each, _ in plan.ending)

    def check_end(self, name: str) -> None:
        """Raises ActNotFound where no act of that name is in force, with the nearest name."""
        if self.in_force.named(name) is None:
            hint = "; it has yet to begin" if self._is_to_come(name) else did_you_mean(name, self.in_force.names)
            raise ActNotFound(f'no act "{name}" is in force{hint}')

    def end(self, name: str) -> None:
        """End the act of that name, which is in force."""
        act = self.in_force.named(name)
        assert act is not None, name
        self._end([act], "operator")

    def end_all(self) -> None:
        """End all acts that are in force."""
        self._end(list(self.in_force), "reset")

    def _is_to_come(self, name: str, now_ms: int | None = None) -> bool:
        number = self._numbers.get(name)
        now_ms = self._schedule.now_ms if now_ms is None else now_ms
        return number is not None and self._acts[number].at > now_ms

    def _made_name(self, kind: str, number: int) -> str:
        """A name for a called act that has none: nobody else's, also not that of an act of the timeline."""
        while (name := f"{kind}-{number}") in self.in_force.names or name in self._numbers:
            number += 1
        return name

    # Beginnings and ends

    def _await_end(self, number: int, act: MarketAct, begins_ms: int) -> Ticket:
        """Schedule the end of a passing act; its ticket. It comes before all else of its instant."""
        at_ms = ends_ms(act, begins_ms)
        return NO_TICKET if at_ms is None else self._schedule.at(at_ms, Priority.ACT_END, _Due(number, ends=True))

    def _act_is_due(self, due: _Due) -> None:
        act, name = self._acts[due.act], self._names[due.act]
        if name is not None:
            self._begin(due.act, name, act, self._tickets.pop(due.act))
        elif act.end is not None:
            # By its number: another one may have begun under its name meanwhile. What is over already stays so.
            in_force = self.in_force.numbered(self._numbers[act.end])
            if in_force is not None:
                self._end([in_force], "timeline")
        else:
            self._command(act)

    def _begin(self, number: int, name: str, source: PlayAct | Act, ticket: Ticket) -> None:
        act, now = source.market_act, self._schedule.now_ms
        assert act is not None
        until_ms = ends_ms(act, now)
        self._record(ActStarted(now, number, act.KIND, name, until_ms, *act_fields(source)))
        if isinstance(act, InterruptAct):
            self._interventions.interrupt_drawn(act, self._market.matching(act))
            return
        self.in_force.add(ActInForce(number, name, source, now, until_ms, ticket))
        # One overlay for all offers: a hundred acts may lie over each of many.
        offers, overlay = self._market.matching(act), overlay_of(number, act)
        for offer in offers:
            self._market.lay_over(offer, overlay)
        if isinstance(act, OutageAct) and act.interrupt:
            self._interventions.interrupt_all(act.interruption, offers)
        self._settle([act])

    def _act_ends(self, due: _Due) -> None:
        act = self.in_force.numbered(due.act)
        assert act is not None, due
        self._end([act], "time")

    def _end(self, acts: list[ActInForce], ended_by: EndedBy) -> None:
        self._lift([(act, ended_by) for act in acts])
        self._settle(act.act for act in acts)

    def _lift(self, ending: Sequence[tuple[ActInForce, EndedBy]]) -> None:
        """Take acts from their offers, all before any is told: nothing shows for a moment what lies beneath."""
        numbers = {act.number for act, _ in ending}
        for offer in self._market.matching_any([act.act for act, _ in ending]):
            self._market.lift(offer, numbers)
        for act, ended_by in ending:
            self._schedule.cancel(act.ticket)
            self.in_force.remove(act)
            at_ms, until_ms = self._schedule.now_ms, act.until_ms
            self._record(
                ActEnded(at_ms, act.number, act.act.KIND, act.name, until_ms, *act_fields(act.source), ended_by)
            )

    def _settle(self, acts: Iterable[LastingAct]) -> None:
        """Settle what is due to run where acts that decided on it have begun or ended."""
        offers = self._market.matching_any([act for act in acts if isinstance(act, ProvisioningAct)])
        if offers:
            self._interventions.settle_due(offers)

    def _command(self, act: Act) -> None:
        reference = act.rent.as_ if act.rent is not None else act.reference or ""  # none of them is empty
        account = act.credit.account if act.credit is not None else self._owners[reference]
        rental_id = self._rented.get(reference, "")
        try:
            if act.rent is not None:
                rental = self._perform(rent_command(act.rent))
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

    # Snapshots

    def state(self) -> TimelineState:
        """Its part of a snapshot."""
        in_force = (
            ActState(act.number, act.name, act.since_ms, act.source if isinstance(act.source, PlayAct) else None)
            for act in self.in_force
        )
        return TimelineState(self.acts_total, tuple(in_force), dict(self._rented))

    def restore(self, state: TimelineState, awaited: AwaitedEvents) -> None:
        """Restore from `state`, and put the offers under the acts. Raises ValueError unless all acts in force can be,
        and exactly their ends and the beginnings and ends of acts to come are pending."""
        self.acts_total, self._rented = state.acts_total, dict(state.rented)
        now, planned = awaited.now_ms, len(self._acts)
        if self.acts_total < planned:
            raise ValueError("there are fewer acts than the timeline has")
        self._tickets.clear()
        for number, act in enumerate(self._acts):
            is_to_come = act.at > now
            awaited.claim_due(Priority.TIMELINE, (number, 0), [act.at] if is_to_come else [])
            if is_to_come and act.market_act is not None:
                self._tickets[number] = _claim_end(awaited, number, ends_ms(act.market_act, act.at))
        overlays: dict[str, tuple[Overlay, ...]] = {}
        for saved in state.in_force:
            restored = self._restored(saved, awaited)
            self.in_force.add(restored)
            overlay = overlay_of(restored.number, restored.act)
            for offer in self._market.matching(restored.act):
                overlays[offer.name] = (*overlays.get(offer.name, ()), overlay)
        for name, acts in overlays.items():
            self._market.set_acts(self._market.named(name), acts)

    def _restored(self, saved: ActState, awaited: AwaitedEvents) -> ActInForce:
        number, name, now_ms = saved.number, saved.name, awaited.now_ms
        is_planned = number < len(self._acts)
        source: Act | PlayAct | None = self._acts[number] if is_planned else saved.called
        act = None if source is None else source.market_act
        if source is None or not isinstance(act, LastingAct):
            raise ValueError(f"act {number} was not called, or does not last")
        if is_planned:
            can_be = (name, saved.since_ms) == (self._names[number], self._acts[number].at)
        else:
            can_be = number < self.acts_total and is_name(name) and act.name in (None, name)
            can_be = can_be and not self._is_to_come(name, now_ms)
        until_ms = ends_ms(act, saved.since_ms)
        if not can_be or not saved.since_ms <= now_ms < (now_ms + 1 if until_ms is None else until_ms):
            raise ValueError(f'act {number} cannot be in force as "{name}"')
        return ActInForce(number, name, source, saved.since_ms, until_ms, _claim_end(awaited, number, until_ms))

    def name_subject(self, due: _Due) -> Subject:
        """Name the beginning or the end of an act for a snapshot."""
        return due.act, int(due.ends)

    def find_subject(self, name: Subject) -> _Due:
        """The inverse of `name_subject`."""
        return _Due(int(name[0]), ends=bool(name[1]))


def _claim_end(awaited: AwaitedEvents, number: int, at_ms: int | None) -> Ticket:
    """The ticket of the end of an act, which is pending for that instant, or not at all if that is None."""
    if at_ms is None:
        return NO_TICKET
    claimed = awaited.claim(Priority.ACT_END, (number, 1))
    if [due_ms for due_ms, _ in claimed] != [at_ms]:
        raise ValueError(f"events of kind ACT_END are pending for act {number} at {claimed}, not at {at_ms}")
    return claimed[0][1]


def _perform_nothing(command: Command) -> Rental | None:
    raise AssertionError(f"{command} came after the end")
