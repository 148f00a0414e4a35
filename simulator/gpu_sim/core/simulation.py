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

    All that happens to it is `apply(check(command))` or `advance(to_ms)`; reads never change it. Times are
    whole ms since the start, money whole micro-dollars.
    """

    @gc_pause()
    def __init__(self, scenario: Scenario, *, seed: int | None = None, start_epoch_ms: int | None = None) -> None:
        self.scenario = scenario
        self.seed = scenario.seed if seed is None else seed
        default_start = scenario.clock.start if scenario.clock.start is not None else epoch_ms(DEFAULT_START)
        self.start_epoch_ms = default_start if start_epoch_ms is None else start_epoch_ms
        self._turn = 0
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
            recorded=recorded_series(scenario.market),
        )
        self._churn = Churn(self.market, scenario.market, self.seed, self._schedule)
        self.rentals = Rentals(scenario, self.seed, self._schedule, self.market, self.ledger, record)
        for account in scenario.accounts:
            self._accounts.open(account.name, int(account.balance), 0)
        self._interventions = Interventions(self._schedule, self.rentals, record)
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
        self.advance(0)

    @classmethod
    def restored(
        cls, scenario: Scenario, state: bytes, *, seed: int, start_epoch_ms: int, history: History | None = None
    ) -> "Simulation":
        """The simulation that `snapshot` was taken of. Raises SnapshotInvalid.

        Its journal begins with `restored_from`, unless `history` is given: the events and the ended rentals up to
        the snapshot that are known, of which the same journal goes on.
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
        """Run all events of the next instant at or before `until_ms` and say so; with none left, move there and say
        no."""
        self._turn += 1
        return self._schedule.step(until_ms)

    def advance(self, to_ms: int) -> None:
        """Run everything due at or before `to_ms`, which is not in the past, and move there."""
        self._turn += 1
        self._schedule.run(to_ms)

    @property
    def scheduled(self) -> int:
        """How many events have been scheduled so far: a measure of the work that led here."""
        return self._schedule.scheduled

    @property
    def next_due_ms(self) -> int | None:
        """When the next event is due, in virtual ms since the start, or None where none is pending."""
        return self._schedule.next_due_ms()

    def close(self) -> None:
        """Nothing happens any more: what is pending is dropped, and so are the ties that would keep its memory once
        nobody refers to it. What happened can still be read."""
        self._turn += 1
        self._schedule.close()
        self.timeline.close()
        self.rentals.interruptions.close()

    # Commands

    def check(self, command: Command, key: Key | None = None) -> Accepted:
        """Accept a command that can be applied now. Raises a Refusal, and changes nothing either way."""
        return COMMAND_RULES[type(command)].check(self._parts, command, key, self._turn)

    def apply(self, accepted: Accepted) -> Rental | None:
        """Let an accepted command happen, and answer the rental that it concerns. It cannot be refused."""
        assert accepted.turn == self._turn, "something happened between check and apply"
        self._turn += 1
        if not accepted.leaves_a_line:
            return accepted.rental
        self._journal.accept(self.now_ms, accepted.command)
        return self._execute(accepted)

    def execute(self, command: Command, key: Key | None = None) -> Rental | None:
        """`apply(check(command))`."""
        return self.apply(self.check(command, key))

    def write_down(self, line: Struct) -> None:
        """Note in the journal what was decided beside the simulation, such as a fault. Nothing else changes."""
        self._journal.accept(self.now_ms, line)

    # Reads

    @property
    def accounts(self) -> dict[str, None]:
        """The names of the customers, in the order in which they came. Read only."""
        return self._accounts.names

    @property
    def events(self) -> list[Recorded]:
        """What happened, in order: number i has `seq` `events_dropped` + i + 1. Read only."""
        return self._journal.events

    @property
    def events_total(self) -> int:
        """How many events there have been: the `seq` of the latest."""
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
        """Where the journal's next line will be."""
        return self._journal.end

    @property
    def journal_began(self) -> Mark:
        """Where the journal begins: where another run had come to, if it goes on from one."""
        return self._journal.began

    def journal_header(self) -> bytes:
        """The journal's first line."""
        return self._journal.header()

    def journal_lines(self, since: Mark) -> Iterator[bytes]:
        """The lines of the journal from a place on, without its first and last line."""
        return self._journal.lines(since)

    # Snapshots and what is held

    def snapshot(self, *, with_ended: bool = True) -> bytes:
        """The whole state, and the ended rentals that are held if they are wanted; the journal by its digest only."""
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
        """Hold no more than the latest so many ended rentals, events, and lines of the journal that are no events; the
        older ones are as if they had been forgotten, and nothing that is to come changes."""
        self.rentals.drop_ended(rentals)
        gone = self._journal.drop(events=events, lines=lines)
        self.ledger.drop(sum(isinstance(event, Entry) for event in gone))

    def digest_some(self, events: int) -> bool:
        """Do a part of what `snapshot` has to do about a long journal, and say whether some is left."""
        return self._journal.digest_some(events)

    @property
    def lines_held(self) -> int:
        """How many lines of the journal are held that are no events."""
        return self._journal.lines_held

    @property
    def events_dropped(self) -> int:
        """How many events are no longer held: `events` begins after them."""
        return self._journal.dropped

    @gc_pause()
    def _restore(self, state: SimulationState, history: History | None) -> None:
        events = [] if history is None else history.events
        check_state(state)
        awaited = AwaitedEvents(state.schedule)
        self._accounts.restore(state.accounts)
        self.ledger.restore(state.ledger, [event for event in events if isinstance(event, Entry)])
        self.market.restore(state.offers, awaited)
        self.market.paths.restore(state.levels, awaited.now_ms)
        self._churn.restore(state.churn, awaited)
        ended = state.rentals.ended if history is None else history.rentals(self.market.named)
        self.rentals.restore(replace(state.rentals, ended=ended), state.accounts, awaited)
        self.rentals.interruptions.restore(state.interruptions, self.rentals.by_id, awaited)
        self._keys.restore(state.keys, awaited.now_ms)
        self.timeline.restore(state.timeline, awaited)
        awaited.check_empty()
        self._schedule.restore(state.schedule, self._find_subject)
        if history is None:
            self._journal.go_on(self.now_ms, state.journal)
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
        """A command of the timeline: the journal's header has it already."""
        accepted = self.check(command)
        return self._execute(accepted) if accepted.leaves_a_line else accepted.rental

    def _execute(self, accepted: Accepted) -> Rental | None:
        command = accepted.command
        return COMMAND_RULES[type(command)].execute(self._parts, command, accepted)
