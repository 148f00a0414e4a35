"""The life of rentals: provisioning → running → terminated, by the table of `transitions` (F10, F11)."""

from collections import Counter
from collections.abc import Callable, Iterable

from ..billing.charges import billed_seconds, exhausted_at_ms
from ..billing.holds import Hold, expires_at_ms, hold_micros
from ..billing.ledger import HoldExpired, HoldPlaced, Ledger, RentalSettled
from ..commands import RentGpu
from ..events import (
    Cause,
    DeleteHeld,
    Event,
    GpusReturned,
    Reason,
    RentalCreated,
    RentalRunning,
    RentalTerminated,
    RentalTouched,
)
from ..kernel.awaited_events import AwaitedEvents
from ..kernel.errors import InsufficientCredit, RentalNotInState
from ..kernel.money import cost_micros, format_usd
from ..kernel.names import rental_id, rental_name
from ..kernel.randomness import draw, stream
from ..kernel.schedule import NO_TICKET, Priority, Schedule, Subject, Ticket
from ..market.market import Market
from ..scenario.scenario import Scenario
from .interruptions import Interruptions
from .provisioning import Provisioning
from .rental import Reclaimed, Rental, RentalsState, RentPlan
from .rental_book import RentalBook
from .snapshot_checks import check_rentals
from .transitions import Trigger, check_transition, is_transition


class Rentals(RentalBook):
    """All rentals of a world, and the events that move them through their statuses."""

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        schedule: Schedule,
        market: Market,
        ledger: Ledger,
        record: Callable[[Event], None],
    ) -> None:
        super().__init__()
        self._ordinals: dict[tuple[str, str], int] = {}
        self._exhaustion: dict[str, Ticket] = {}
        self._billing = scenario.billing
        self._seed = seed
        self._schedule = schedule
        self._market = market
        self._ledger = ledger
        self._record = record
        self._reclaim = scenario.market.interruptions.reclaim.sampler()
        self._provisioning = Provisioning(scenario.market.provisioning, seed, schedule, record)
        self.interruptions = Interruptions(market, scenario.market, seed, schedule, record, self._interrupted)
        schedule.on(Priority.HOLD_EXPIRY, self._hold_expires)
        schedule.on(Priority.PROVISIONING, self._provisioning_is_over)
        schedule.on(Priority.CREDIT_EXHAUSTION, self._credit_exhausted)
        schedule.on(Priority.IDLE_TIMEOUT, self._idles)
        schedule.on(Priority.GPUS_RETURN, self._gpus_return)

    # Checks

    def check_rent(self, command: RentGpu) -> RentPlan:
        """State, then money (A13). Raises OfferNotFound, OfferUnavailable or InsufficientCredit."""
        offer = self._market.find(command.provider_id, command.gpu_model, command.region)
        self._market.check_free(offer, command.gpu_count)
        hold = hold_micros(offer.price_micros_per_hour, command.gpu_count, self._billing)
        missing = hold - self._ledger.available(command.account)
        if missing > 0:
            raise InsufficientCredit(
                f"the hold of ${format_usd(hold)} exceeds the available balance by ${format_usd(missing)}",
                amount_needed_micros=missing,
            )
        return RentPlan(command, offer, hold)

    def check_running(self, rental: Rental) -> None:
        """Raises RentalNotInState unless the rental runs."""
        if rental.status != "running":
            raise RentalNotInState(f"the rental is {rental.status}, not running")

    def check_live(self, rental: Rental) -> None:
        """Raises RentalNotInState where the rental is over."""
        check_transition(rental.status, "terminated", "interrupted")

    def next_id(self, account: str, offer: str) -> str:
        """The id of the rental that the account's next rent of an offer makes (A22)."""
        return rental_id(self._seed, rental_name(account, offer, self._ordinals.get((account, offer), 0)))

    # Changes: from here on nothing can fail

    def place(self, plan: RentPlan) -> Rental:
        """Place the hold, take the capacity and create the rental, in one step."""
        command, offer, now = plan.command, plan.offer, self._schedule.now_ms
        ordinal = self._ordinals.get((command.account, offer.name), 0)
        self._ordinals[command.account, offer.name] = ordinal + 1
        name = rental_name(command.account, offer.name, ordinal)
        rental = Rental(
            rental_id=rental_id(self._seed, name),
            number=self.created,
            ordinal=ordinal,
            offer=offer,
            command=command,
            price_micros_per_hour=offer.price_micros_per_hour,
            hold=Hold(plan.hold_micros),
            created_ms=now,
        )
        spec = offer.spec
        # The hold comes before its rental in the journal.
        self._ledger.post(HoldPlaced(now, command.account, rental.rental_id, plan.hold_micros))
        self._market.take(offer, command.gpu_count)
        self.enter(rental)
        self._record(
            RentalCreated(
                now,
                command.account,
                rental.rental_id,
                spec.provider_id,
                spec.gpu_model,
                spec.region,
                command.gpu_count,
                rental.price_micros_per_hour,
            )
        )
        self._provisioning.begin(rental)
        expiry = expires_at_ms(now, self._billing)
        if expiry is not None:
            rental.tickets += (self._schedule.at(expiry, Priority.HOLD_EXPIRY, rental),)
        return rental

    def touch(self, rental: Rental) -> None:
        """Count as activity (A19): the idle time starts anew."""
        self._record(RentalTouched(self._schedule.now_ms, rental.account, rental.rental_id))
        self._await_idleness(rental)

    def end(self, rental: Rental, reason: Reason, cause: Cause | None = None) -> None:
        """End a live rental: bill it, settle its hold, give its GPUs back (F13, A8)."""
        now, command = self._schedule.now_ms, rental.command
        assert is_transition(rental.status, "terminated", reason, cause), (rental.status, reason, cause)
        for ticket in (rental.ready_ticket, *rental.tickets, rental.idle_ticket, rental.forced_ticket):
            self._schedule.cancel(ticket)
        # An ended rental awaits nothing: with a ticket left in it, a snapshot would be refused.
        rental.ready_ticket, rental.tickets = NO_TICKET, ()
        rental.forced_ticket, rental.forced_end_ms = NO_TICKET, None
        rental.held_back = rental.is_due = rental.end_held = False
        rental.phase = None
        rental.terminated_ms = now
        rental.reason = reason
        seconds = billed_seconds(reason, rental.running_ms, now, self._billing)
        charge = rental.billed_micros = cost_micros(rental.price_micros_per_hour, command.gpu_count, seconds)
        # The end comes before its settlement in the journal, and the settlement before the exhaustion of credit is
        # scheduled anew: that needs the balance after it.
        self.retire(rental)
        self.interruptions.forget(rental)
        self._record(RentalTerminated(now, command.account, rental.rental_id, reason, cause, seconds))
        held = rental.hold.end("settled")
        self._ledger.post(RentalSettled(now, command.account, rental.rental_id, held, charge))
        is_reclaimed = reason == "interrupted" and self.interruptions.reclaims_gpus(rental.offer, cause)
        reclaim = self._reclaim_ms(rental) if is_reclaimed else 0
        if reclaim:
            self._schedule.at(now + reclaim, Priority.GPUS_RETURN, Reclaimed(rental.offer, command.gpu_count))
        else:
            self._market.give_back(rental.offer, command.gpu_count)
        self.await_exhaustion(command.account)

    def hold_delete(self, rental: Rental) -> None:
        """Accept the DELETE of a rental whose end is held: it goes on as it is."""
        rental.held_delete_ms = self._schedule.now_ms
        # Of its own: it may begin to run at the same instant, and the DELETE is answered by what was before.
        rental.held_delete_ran = rental.running_ms is not None
        self._record(DeleteHeld(self._schedule.now_ms, rental.account, rental.rental_id))

    def held_delete_charge_micros(self, rental: Rental) -> int:
        """The charge of a live rental if the first DELETE that was held back had ended it."""
        assert rental.held_delete_ms is not None
        ran_ms = rental.running_ms if rental.held_delete_ran else None
        seconds = billed_seconds("deleted", ran_ms, rental.held_delete_ms, self._billing)
        return cost_micros(rental.price_micros_per_hour, rental.command.gpu_count, seconds)

    def settle_provisioning(self, rental: Rental) -> None:
        """End the provisioning of a rental: it waits where it is held back or stuck, else it fails or runs."""
        outcome = rental.offer.provisioning
        if rental.held_back or outcome == "stuck":
            rental.is_due = True
            return
        if outcome == "fails" or self._provisioning.fails(rental) or not self.interruptions.has_room(rental):
            self.end(rental, "provisioning_failed")
        else:
            self.start(rental, "ready")

    def start(self, rental: Rental, trigger: Trigger) -> None:
        """Run a rental from now on. Its hazard, its idle time and its charges count from here."""
        now = self._schedule.now_ms
        assert is_transition(rental.status, "running", trigger, None), (rental.status, trigger)
        rental.held_back = rental.is_due = False
        rental.phase = None
        rental.running_ms = now
        # Before the interruptions, which may notify the rental at once: in the journal it runs first.
        self._record(RentalRunning(now, rental.account, rental.rental_id))
        self.interruptions.begin(rental)
        self._await_idleness(rental)
        self.await_exhaustion(rental.account)

    def await_exhaustion(self, account: str) -> None:
        """Schedule anew the time at which the account's running rentals will have used up its balance (A9)."""
        if self._billing.on_exhaustion != "terminate":
            return
        self._schedule.cancel(self._exhaustion.pop(account, -1))
        due = exhausted_at_ms(
            self._ledger.balance(account),
            [rental.session for rental in self._running(account)],
            self._schedule.now_ms,
            self._billing,
        )
        if due is not None:
            self._exhaustion[account] = self._schedule.at(due, Priority.CREDIT_EXHAUSTION, account)

    # Scheduled events

    def _provisioning_is_over(self, rental: Rental) -> None:
        if not self._provisioning.begin_next_phase(rental):
            self.settle_provisioning(rental)

    def _hold_expires(self, rental: Rental) -> None:
        released = rental.hold.end("expired")
        self._ledger.post(HoldExpired(self._schedule.now_ms, rental.account, rental.rental_id, released))

    def _interrupted(self, rental: Rental, cause: Cause) -> None:
        self.end(rental, "interrupted", cause)

    def _credit_exhausted(self, account: str) -> None:
        # It has fired; each end below schedules it anew for the rentals that still run.
        del self._exhaustion[account]
        for rental in tuple(self._running(account)):  # a copy: each end takes its rental out
            self.end(rental, "credit_exhausted")

    def _idles(self, rental: Rental) -> None:
        self.end(rental, "idle_timeout")

    def _gpus_return(self, back: Reclaimed) -> None:
        spec = back.offer.spec
        self._market.give_back(back.offer, back.gpu_count)
        self._record(GpusReturned(self._schedule.now_ms, spec.provider_id, spec.gpu_model, spec.region, back.gpu_count))

    # Snapshots

    def state(self, *, with_ended: bool) -> RentalsState:
        """Their part of a snapshot. It shares the rentals themselves: encode it before anything else happens."""
        return RentalsState(
            created=self.created,
            ended_total=self.ended_total,
            live=tuple(self.live_in_order()),
            ended=tuple(self.ended()) if with_ended else (),
            # Apart from the rentals: an ended one may be hidden or shown long after a state file has it.
            hidden=tuple(rental.rental_id for rental in self.ended() if rental.hidden),
            ordinals=tuple((account, offer, count) for (account, offer), count in self._ordinals.items()),
            exhaustion=dict(self._exhaustion),
        )

    def restore(self, state: RentalsState, accounts: Iterable[str], awaited: AwaitedEvents) -> None:
        """Restore from `state`, whose rentals are used as they are. Raises ValueError if no run leads there."""
        names = frozenset(accounts)
        check_rentals(state, names, self._billing, self._seed, awaited)
        hidden = frozenset(state.hidden)
        for rental in state.ended:
            rental.hidden = rental.rental_id in hidden
        self.refill(state.live, state.ended, created=state.created, ended_total=state.ended_total)
        self._ordinals = {(account, offer): count for account, offer, count in state.ordinals}
        self._exhaustion = dict(state.exhaustion)
        self._check_money(names, awaited)
        self._check_gpus(awaited)

    def _check_money(self, accounts: Iterable[str], awaited: AwaitedEvents) -> None:
        """Raises ValueError unless accounts hold what their rentals do, and each exhaustion of credit is pending."""
        for account in accounts:
            holds = [rental.hold for rental in self.live_of(account)]
            if self._ledger.held(account) != sum(hold.amount_micros for hold in holds if hold.status == "active"):
                raise ValueError(f'the rentals of "{account}" hold another amount than its account')
        for account, ticket in self._exhaustion.items():
            if awaited.claim_one(Priority.CREDIT_EXHAUSTION, account) != ticket:
                raise ValueError(f'the credit of "{account}" ends at another event')

    def _check_gpus(self, awaited: AwaitedEvents) -> None:
        """Raises ValueError unless the GPUs in use are those of live rentals and the interrupted that have yet to
        return."""
        used: Counter[str] = Counter()
        for rental in self.live():
            used[rental.offer.name] += rental.command.gpu_count
        for subject, events in awaited.claim_all(Priority.GPUS_RETURN).items():
            if not isinstance(subject, tuple) or subject[1] < 1:
                raise ValueError(f"no GPUs come back to {subject!r}")
            used[str(subject[0])] += subject[1] * len(events)
        for offer in self._market.offers:
            if offer.used != used.pop(offer.name, 0):
                raise ValueError(f"of {offer.name} {offer.used} GPUs are in use, and others are accounted for")
        if used:
            raise ValueError(f"GPUs come back to an offer that is none: {next(iter(used))}")

    def name_subject(self, priority: int, subject: object) -> Subject:
        """Name the subject of one of their events for a snapshot."""
        if isinstance(subject, Rental):
            return subject.rental_id
        if isinstance(subject, Reclaimed):
            return subject.offer.name, subject.gpu_count
        if isinstance(subject, str):
            return subject
        return self.interruptions.name_subject(priority, subject)

    def find_subject(self, priority: int, name: Subject) -> object:
        """The inverse of `name_subject`."""
        if priority == Priority.CREDIT_EXHAUSTION:
            return name
        found = self.interruptions.find_subject(priority, name)
        if found is not None:
            return found
        if isinstance(name, tuple):
            return Reclaimed(self._market.named(str(name[0])), name[1])
        return self.by_id[str(name)]

    # Shared steps

    def _running(self, account: str) -> Iterable[Rental]:
        return (rental for rental in self.live_of(account) if rental.running_ms is not None)

    def _await_idleness(self, rental: Rental) -> None:
        self._schedule.cancel(rental.idle_ticket)
        timeout = self._billing.idle_timeout
        if timeout is not None:
            rental.idle_ticket = self._schedule.at(self._schedule.now_ms + timeout, Priority.IDLE_TIMEOUT, rental)

    def _reclaim_ms(self, rental: Rental) -> int:
        drawn = draw(stream(self._seed, f"reclaim/{rental.name}"), 0)
        return self._reclaim(drawn)
