"""The one mutable root of a world's market and money."""

from collections.abc import Iterator
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from .accepted import Accepted
from .billing.accounts import Accounts
from .billing.ledger import Entry, Ledger
from .command_rules import COMMAND_RULES, SimulationParts
from .commands import Command
from .journal import Journal, Mark, Recorded
from .kernel.awaited_events import AwaitedEvents
from .kernel.clock import DEFAULT_START, epoch_ms
from .kernel.errors import JournalDropped, SnapshotInvalid
from .kernel.gc_pause import gc_pause
from .kernel.schedule import Priority, Schedule, Subject
from .market.churn import Churn
from .market.market import Market
from .market.playback import recorded_series
from .rentals.idempotency import Key, Keys
from .rentals.interventions import Interventions
from .rentals.rental import Rental
from .rentals.rentals import Rentals
from .scenario.market_settings import opening_offers
from .scenario.scenario import Scenario
from .snapshot import History, SimulationState, check_state, decode_state, encode_state
from .timeline import Timeline

_OF_ACTS = (Priority.ACT_END, Priority.TIMELINE)
_OF_OFFERS = (Priority.PRICE, Priority.CHURN)


class Simulation:
    """A market, its customers and their money under one scenario, one seed and one virtual clock.

    Only `apply(check(command))`, `advance(to_ms)` and `step(until_ms)` change it; reads never do. Times are whole ms
    since the start, money whole micro-dollars.
    """

    @gc_pause()
    def __init__(self, scenario: Scenario, *, seed: int | None = None, start_epoch_ms: int | None = None) -> None:
        self.scenario = scenario
        self.seed = scenario.seed if seed is None else seed
        default_start = scenario.clock.start if scenario.clock.start is not None else epoch_ms(DEFAULT_START)
        self.start_epoch_ms = default_start if start_epoch_ms is None else start_epoch_ms
        self._turn = 0
        # The order in which the parts are made must not change: each schedules its first events as it is made (market,
        # churn, interruptions, timeline), and tickets number them in that order. Snapshots hold tickets, and events of
        # one kind that are due at one instant run by them.
        self._keys = Keys()
        self._schedule = Schedule()
        self._journal = Journal(scenario, self.seed, self.start_epoch_ms)
        record = self._journal.events.append
        self.ledger = Ledger(record)
        self._accounts = Accounts(self.ledger, record)
        self.market = Market(
            opening_offers(scenario.market),
            scenario.market.prices,
            self.seed,
            self._schedule,
            record,
            full=scenario.journal == "full",
            recorded=recorded_series(scenario.market, self.seed),
        )
        self._churn = Churn(self.market, scenario.market, self.seed, self._schedule)
        self.rentals = Rentals(scenario, self.seed, self._schedule, self.market, self.ledger, record)
        # Before any event runs: the journal of a run begins with its accounts.
        for account in scenario.accounts:
            self._accounts.open(account.name, int(account.balance), 0)
        self._interventions = Interventions(self._schedule, self.rentals, record, self.seed)
        # Before `_parts`, of which `_perform` makes use: a timeline that is made schedules its acts and performs none.
        self.timeline = Timeline(
            scenario.timeline,
            self._schedule,
            self.market,
            self.rentals,
            self._interventions,
            record,
            self._perform,
        )
        self._parts = SimulationParts(
            self._schedule,
            self._accounts,
            self._keys,
            self.market,
            self.rentals,
            self._interventions,
            self.timeline,
        )
        # The acts of the instant 0 come before the first command, as at every instant.
        self.advance(0)

    @classmethod
    def restored(
        cls, scenario: Scenario, state: bytes, *, seed: int, start_epoch_ms: int, history: History | None = None
    ) -> "Simulation":
        """The simulation of which `snapshot` returned this state. Raises SnapshotInvalid.

        Its journal begins anew with `restored_from`. Given a `history`, the known events and ended rentals up to the
        snapshot, it continues the journal of the same run instead.
        """
        simulation = cls(scenario, seed=seed, start_epoch_ms=start_epoch_ms)
        decoded = decode_state(state, SimulationState, simulation.market.named)
        try:
            simulation._restore(decoded, history)
        except (LookupError, ValueError) as error:
            raise SnapshotInvalid(f"the snapshot does not fit its scenario: {error}") from None
        return simulation

    # Time

    @property
    def now_ms(self) -> int:
        """Virtual ms since the start."""
        return self._schedule.now_ms

    def step(self, until_ms: int) -> bool:
        """Run all events of the next instant at or before `until_ms` and return True; with none left, move there and
        return False."""
        self._turn += 1
        return self._schedule.step(until_ms)

    def advance(self, to_ms: int) -> None:
        """Run everything due at or before `to_ms`, which is not in the past, and move there."""
        self._turn += 1
        self._schedule.run(to_ms)

    @property
    def scheduled(self) -> int:
        """The number of events scheduled so far: a measure of the work that led here."""
        return self._schedule.scheduled

    @property
    def next_due_ms(self) -> int | None:
        """The time of the next event, in virtual ms since the start, or None where none is pending."""
        return self._schedule.next_due_ms()

    def close(self) -> None:
        """Run nothing any more. Pending events are dropped, and with them the reference cycles, so that the memory is
        free as soon as nobody refers to the simulation. Reads still work."""
        self._turn += 1
        self._schedule.close()
        self.timeline.close()
        self.rentals.interruptions.close()

    # Commands

    def check(self, command: Command, key: Key | None = None) -> Accepted:
        """Accept a command that can be applied now. Raises a Refusal, and changes nothing either way."""
        rule = COMMAND_RULES.get(type(command))
        assert rule is not None, f"{type(command).__name__} has no rule: only the types of `Command` do, no others"
        return rule.check(self._parts, command, key, self._turn)

    def apply(self, accepted: Accepted) -> Rental | None:
        """Execute an accepted command, and return the rental that it concerns. It cannot be refused."""
        assert accepted.turn == self._turn, "something happened between check and apply"
        self._turn += 1
        if not accepted.leaves_a_line:
            return accepted.rental
        # The line comes before the events that the command causes.
        self._journal.accept(self.now_ms, accepted.command)
        return self._execute(accepted)

    def execute(self, command: Command, key: Key | None = None) -> Rental | None:
        """`apply(check(command))`."""
        return self.apply(self.check(command, key))

    def write_down(self, line: Struct) -> None:
        """Write a decision made beside the simulation, such as a fault, to the journal. Nothing else changes."""
        self._journal.accept(self.now_ms, line)

    # Reads

    @property
    def accounts(self) -> dict[str, None]:
        """The names of the customers, in the order in which they were created. Read only."""
        return self._accounts.names

    @property
    def events(self) -> list[Recorded]:
        """The events that are held, in order: number i has `seq` `events_dropped` + i + 1. Read only."""
        return self._journal.events

    @property
    def events_total(self) -> int:
        """The number of events so far: the `seq` of the latest."""
        return self._journal.end.events

    def journal(self) -> Iterator[bytes]:
        """The lines of the journal up to now. Raises JournalDropped where its first lines are no longer held."""
        if not self._journal.is_whole:
            raise JournalDropped(
                "the first lines of the journal are no longer held: hold more with --keep, or all with --state"
            )
        return self._journal.export(self.now_ms)

    @property
    def journal_end(self) -> Mark:
        """The place of the journal's next line."""
        return self._journal.end

    @property
    def journal_began(self) -> Mark:
        """The place where the journal begins: the end of another run's, if it continues one."""
        return self._journal.began

    def journal_header(self) -> bytes:
        """The journal's first line."""
        return self._journal.header()

    def journal_lines(self, since: Mark) -> Iterator[bytes]:
        """The lines of the journal from a place on, without its header and its end line."""
        return self._journal.lines(since)

    # Snapshots and what is held

    def snapshot(self, *, with_ended: bool = True) -> bytes:
        """The whole state as JSON, with or without the ended rentals that are held; of the journal only its digest."""
        state = SimulationState(
            schedule=self._schedule.state(self._name_subject),
            accounts=tuple(self._accounts.names),
            ledger=self.ledger.state(),
            offers=self.market.state(),
            levels=self.market.paths.state(),
            churn=self._churn.state(),
            rentals=self.rentals.state(with_ended=with_ended),
            interruptions=self.rentals.interruptions.state(),
            keys=self._keys.state(),
            timeline=self.timeline.state(),
            journal=self._journal.state(),
        )
        return encode_state(state)

    def drop(self, *, rentals: int, events: int, lines: int) -> None:
        """Hold only the latest so many ended rentals, events, and other lines of the journal. The older ones cannot be
        read any more; nothing in the future changes by it."""
        self.rentals.drop_ended(rentals)
        gone = self._journal.drop(events=events, lines=lines)
        self.ledger.drop(sum(isinstance(event, Entry) for event in gone))

    def digest_some(self, events: int) -> bool:
        """Digest so many events of the journal ahead of the next `snapshot`; True where some are left."""
        return self._journal.digest_some(events)

    @property
    def lines_held(self) -> int:
        """The number of lines of the journal that are held, events aside."""
        return self._journal.lines_held

    @property
    def events_dropped(self) -> int:
        """The number of events that are no longer held: `events` begins after them."""
        return self._journal.dropped

    @gc_pause()
    def _restore(self, state: SimulationState, history: History | None) -> None:
        events = [] if history is None else history.events
        check_state(state)
        # Each part claims the pending events that it awaits, and a part that refers to others comes after them: rentals
        # to offers, which must be under their acts by then, and interruptions to running rentals.
        awaited = AwaitedEvents(state.schedule)
        self._accounts.restore(state.accounts)
        self.ledger.restore(state.ledger, [event for event in events if isinstance(event, Entry)])
        self.market.restore(state.offers, awaited)
        self.market.paths.restore(state.levels, awaited.now_ms)
        self._churn.restore(state.churn, awaited)
        self.timeline.restore(state.timeline, awaited)
        ended = state.rentals.ended if history is None else history.rentals(self.market.named)
        self.rentals.restore(replace(state.rentals, ended=ended), state.accounts, awaited)
        self.rentals.interruptions.restore(state.interruptions, self.rentals.by_id, awaited)
        self._keys.restore(state.keys, awaited.now_ms)
        awaited.check_empty()
        # Last, for the subjects of events are found among the restored parts; it also drops what the constructor
        # scheduled.
        self._schedule.restore(state.schedule, self._find_subject)
        if history is None:
            self._journal.begin_from(self.now_ms, state.journal)
        else:
            self._journal.resume(state.journal, events)

    def _name_subject(self, priority: int, subject: Any) -> Subject:
        if priority in _OF_ACTS:
            return self.timeline.name_subject(subject)
        if priority in _OF_OFFERS:
            name: str = subject.name
            return name
        return self.rentals.name_subject(priority, subject)

    def _find_subject(self, priority: int, name: Subject) -> object:
        if priority in _OF_ACTS:
            return self.timeline.find_subject(name)
        if priority in _OF_OFFERS:
            return self.market.named(str(name))
        return self.rentals.find_subject(priority, name)

    def _perform(self, command: Command) -> Rental | None:
        """Perform a command of the timeline, without a line of its own: the journal's header has it already."""
        accepted = self.check(command)
        return self._execute(accepted) if accepted.leaves_a_line else accepted.rental

    def _execute(self, accepted: Accepted) -> Rental | None:
        command = accepted.command
        # It has a rule: `check` has accepted it.
        return COMMAND_RULES[type(command)].execute(self._parts, command, accepted)
