"""An experiment: renters live through a simulation, in which time goes from one instant of interest to the next."""

from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush
from typing import Any

from msgspec.structs import replace

from ...core.billing.charges import billed_seconds
from ...core.events import (
    InterruptionNotified,
    InterruptionWithdrawn,
    RentalCreated,
    RentalRunning,
    RentalTerminated,
)
from ...core.kernel.clock import SECOND_MS
from ...core.kernel.money import cost_micros
from ...core.kernel.numerics import delay_ms
from ...core.kernel.randomness import draw, stream
from ...core.scenario.experiment.renters import Arrivals, RenterSpec
from ...core.scenario.scenario import AccountSpec, Scenario
from ...core.simulation import Simulation
from ..renting.market_client import MarketClient
from ..renting.occasions import Began, DemandChanged, NoticeCame, Occasion, RentalEnded, RentalRan
from ..renting.policy import KnowsRecording, Luck, Policy
from .attendance import Attendance
from .facts import JobFacts, RentalFacts, RunFacts
from .job import Job
from .market_recording import MarketRecording
from .need import DrawnLuck, Held, Need
from .service import Service

PolicyMaker = Callable[[RenterSpec, Luck], Policy]
ClientMaker = Callable[[str], MarketClient]


class Experiment:
    """The renters of a scenario and what is due for them. `simulation` may be that of a world on a server, in which
    nobody else moves the clock."""

    def __init__(
        self, simulation: Simulation, clients: ClientMaker, policies: PolicyMaker, *, length_ms: int, repeat: str
    ) -> None:
        self._simulation = simulation
        self._scenario = simulation.scenario
        self._clients = clients
        self._policies = policies
        self._length_ms = length_ms
        self._events = simulation.events
        self._read_up_to = 0
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._numbered = 0
        self._needs: list[Need] = []
        self._watchers: list[Need] = []
        self._owners: dict[str, Need] = {}
        self._rentals: dict[str, RentalFacts] = {}
        self._idle_ms = self._scenario.billing.idle_timeout
        self._accounts = {name: spec for spec in self._scenario.renters for name in spec.accounts}
        self.attendance = Attendance(
            simulation, self._claim, self.read_events, self._rentals.__getitem__, repeat=repeat
        )
        self._handlers: dict[type[Any], Callable[[Any], None]] = {
            RentalCreated: self._created,
            RentalRunning: self._running,
            RentalTerminated: self._terminated,
            InterruptionNotified: self._notified,
            InterruptionWithdrawn: self._withdrawn,
        }

    # Time

    def live(self) -> None:
        """Let the renters live to the end of the run."""
        for name, spec in self._accounts.items():
            self._open(name, spec)
        simulation, due = self._simulation, self._due
        version = -1
        while True:
            # All that is due now comes before time goes on: what it causes at this instant is due now, too.
            while due and due[0][0] <= simulation.now_ms:
                heappop(due)[2]()
            if self._watchers and version != simulation.market.version:
                version = simulation.market.version
                self._tell_watchers()
                continue
            if simulation.now_ms >= self._length_ms:
                return
            until_ms = min(due[0][0], self._length_ms) if due else self._length_ms
            # Instant by instant, since any may bring something that a renter acts on before the next.
            while simulation.step(until_ms):
                if len(self._events) > self._read_up_to:
                    self.read_events()
                    # What they make due may come before all that was.
                    if due and (due[0][0] <= simulation.now_ms or due[0][0] < until_ms):
                        break
                if self._watchers and version != simulation.market.version:
                    break

    def _at(self, due_ms: int, act: Callable[[], None]) -> None:
        self._numbered += 1
        heappush(self._due, (max(due_ms, self._simulation.now_ms), self._numbered, act))

    def _tell_watchers(self) -> None:
        self._watchers = [need for need in self._watchers if not need.is_over]
        for need in self._watchers:
            moved = self.attendance.market_moved(need)
            if moved is not None:
                self._tell(need, moved)

    def _wake(self, need: Need, at_ms: int, *, asks: bool = True) -> None:
        """Attend to the need at that instant, or at the next of its ticks; once, however often that is called for. Its
        policy is asked there if any of the calls `asks` for that, or there is something to tell."""
        due_ms = need.on_grid(at_ms)
        if due_ms not in need.awaited_ms:
            self._at(due_ms, partial(self._attend, need, due_ms))
        need.awaited_ms[due_ms] = asks or need.awaited_ms.get(due_ms, False)

    def _attend(self, need: Need, due_ms: int) -> None:
        asks = need.awaited_ms.pop(due_ms)
        if need.is_over and not self.attendance.ends_again_at(need):
            return
        now_ms = self._simulation.now_ms
        waits, looks = self.attendance.attend(need, now_ms, asks=asks)
        if need.is_over:
            for at_ms in looks:
                self._wake(need, at_ms, asks=False)
            return
        if need.tick_ms is not None:
            self._wake(need, now_ms + need.tick_ms)
            return
        for at_ms in waits:
            self._wake(need, at_ms)
        for at_ms in (*looks, *need.wakes(now_ms)):
            if at_ms > now_ms:
                self._wake(need, at_ms, asks=False)

    # Needs

    def _open(self, account: str, spec: RenterSpec) -> None:
        client = self._clients(account)
        seed = self._simulation.seed
        if spec.service is not None:
            service = Service(account, spec, self._policy(spec, f"renter/{account}/choice"), client)
            self._begin(service)
            for at_ms in service.demand_changes():
                self._at(at_ms, partial(self._tell, service, DemandChanged()))
            return
        assert spec.jobs is not None
        work = spec.jobs.work.sampler()
        key = stream(seed, f"renter/{account}/work")
        for number, arrived_ms in enumerate(
            arrivals_ms(spec.jobs.arrivals, seed, f"renter/{account}/arrivals", self._length_ms)
        ):
            # The work of one GPU takes several of them a part of the time, rounded up.
            work_ms = -(-work(draw(key, number)) // spec.gpus)
            deadline = spec.jobs.deadline
            facts = JobFacts(
                account,
                number,
                spec.gpus,
                arrived_ms,
                max(1, work_ms),
                None if deadline is None else arrived_ms + int(deadline),
            )
            policy = self._policy(spec, f"renter/{account}/{number}/choice")
            job = Job(facts, spec, policy, client, self._scenario.billing)
            self._at(arrived_ms, partial(self._begin, job))

    def _policy(self, spec: RenterSpec, luck: str) -> Policy:
        """A policy of one need, with its luck, and with what it is to know of the market."""
        policy = self._policies(spec, DrawnLuck(self._simulation.seed, luck))
        if isinstance(policy, KnowsRecording):
            policy.recording = MarketRecording(self._scenario, self._simulation.seed, spec, self._length_ms)
        return policy

    def _begin(self, need: Need) -> None:
        self._needs.append(need)
        # One that acts at ticks looks there for itself.
        if need.watches_market and need.tick_ms is None:
            self._watchers.append(need)
        self._tell(need, Began())

    def _tell(self, need: Need, occasion: Occasion) -> None:
        if not need.is_over:
            need.inbox.append(occasion)
            self._wake(need, self._simulation.now_ms)

    # Events of the simulation

    def read_events(self) -> None:
        """Read the events that are new, whoever caused them."""
        while len(self._events) > self._read_up_to:
            event = self._events[self._read_up_to]
            self._read_up_to += 1
            handler = self._handlers.get(type(event))
            if handler is not None:
                handler(event)

    def _created(self, event: RentalCreated) -> None:
        if event.account not in self._accounts:
            return
        rental = self._simulation.rentals.by_id[event.rental_id]
        spec = rental.offer.spec
        self._rentals[event.rental_id] = RentalFacts(
            event.rental_id,
            event.account,
            0,
            rental.offer.name,
            spec.provider_id,
            spec.spot,
            event.gpu_count,
            event.price_micros_per_hour,
            int(spec.on_demand_price),
            rental.hold.amount_micros,
            event.at,
        )

    def _claim(self, need: Need, rental_id: str, held: Held) -> None:
        """The rental is the need's from here on. After a lost answer it may run already, have a notice, or be over."""
        facts = held.facts
        facts.number = need.number
        if facts.ended_ms is not None:
            self._tell(need, RentalEnded(rental_id, facts.offer, facts.reason or "deleted"))
            return
        self._owners[rental_id] = need
        need.held[rental_id] = held
        if facts.running_ms is not None:
            self._begin_to_run(need, rental_id, self._simulation.now_ms)
        interrupts_ms = self._simulation.rentals.by_id[rental_id].interrupts_ms
        if interrupts_ms is not None:
            self._tell_of_notice(need, rental_id, interrupts_ms)

    def _running(self, event: RentalRunning) -> None:
        facts = self._rentals.get(event.rental_id)
        if facts is None:
            return
        facts.running_ms = event.at
        need = self._owners.get(event.rental_id)
        if need is not None:
            self._begin_to_run(need, event.rental_id, event.at)

    def _begin_to_run(self, need: Need, rental_id: str, at_ms: int) -> None:
        need.begins_to_run(need.held[rental_id], at_ms)
        self._keep_busy(need, rental_id, at_ms)
        self._tell(need, RentalRan(rental_id))

    def _keep_busy(self, need: Need, rental_id: str, at_ms: int) -> None:
        """Use the rental a second before it would idle out, again and again."""
        if self._idle_ms is None:
            return
        ahead_ms = self._idle_ms - min(SECOND_MS, self._idle_ms // 2)

        def touch() -> None:
            if rental_id in need.held:
                need.client.touch(rental_id)
                self._at(self._simulation.now_ms + ahead_ms, touch)

        self._at(at_ms + ahead_ms, touch)

    def _terminated(self, event: RentalTerminated) -> None:
        facts = self._rentals.get(event.rental_id)
        if facts is None:
            return
        facts.ended_ms, facts.reason, facts.cause = event.at, event.reason, event.cause
        facts.billed_seconds = event.billed_seconds
        facts.charge_micros = cost_micros(facts.price_micros_per_hour, facts.gpu_count, event.billed_seconds)
        need = self._owners.get(event.rental_id)
        if need is None:
            return
        held = need.held.pop(event.rental_id)
        lost_ms = need.loses(held, event.at)
        if not facts.asked_to_end:
            self._tell(need, RentalEnded(event.rental_id, facts.offer, event.reason, lost_ms))

    def _notified(self, event: InterruptionNotified) -> None:
        facts = self._rentals.get(event.rental_id)
        if facts is None:
            return
        facts.notified_ms = event.at
        need = self._owners.get(event.rental_id)
        if need is not None:
            self._tell_of_notice(need, event.rental_id, event.interrupts_ms)

    def _tell_of_notice(self, need: Need, rental_id: str, interrupts_ms: int) -> None:
        if need.spec.notices:
            need.held[rental_id].interrupts_ms = interrupts_ms
            self._tell(need, NoticeCame(rental_id, interrupts_ms))

    def _withdrawn(self, event: InterruptionWithdrawn) -> None:
        need = self._owners.get(event.rental_id)
        if need is not None:
            need.held[event.rental_id].interrupts_ms = None

    # Facts

    def facts(self) -> RunFacts:
        """The facts of the run, which is over."""
        ledger, end_ms = self._simulation.ledger, self._length_ms
        for facts in self._rentals.values():
            if facts.ended_ms is None:
                facts.billed_seconds = billed_seconds("deleted", facts.running_ms, end_ms, self._scenario.billing)
                facts.charge_micros = cost_micros(facts.price_micros_per_hour, facts.gpu_count, facts.billed_seconds)
        for need in self._needs:
            need.close(end_ms)
        live = [each.rental_id for each in self._rentals.values() if each.ended_ms is None]
        wanted = {rental_id for need in self._needs if not need.is_over for rental_id in need.held}
        opening = {name: int(spec.balance) for name, spec in self._accounts.items()}
        return RunFacts(
            length_ms=end_ms,
            renters=tuple(self._accounts),
            rentals=list(self._rentals.values()),
            jobs=[need.facts for need in self._needs if isinstance(need, Job)],
            services=[need.facts for need in self._needs if isinstance(need, Service)],
            refused=self.attendance.refused,
            spent_micros={name: opening[name] - ledger.balance(name) for name in self._accounts},
            held_micros={name: ledger.held(name) for name in self._accounts},
            leaked=tuple(each for each in live if each not in wanted),
        )


def with_accounts(scenario: Scenario) -> Scenario:
    """The scenario with an account for each renter."""
    own = (AccountSpec(name, None, spec.balance) for spec in scenario.renters for name in spec.accounts)
    return replace(scenario, accounts=(*scenario.accounts, *own))


def arrivals_ms(arrivals: Arrivals, seed: int, name: str, length_ms: int) -> list[int]:
    """The instants at which jobs arrive before the end of the run, in ms since the start."""
    if arrivals.at is not None:
        return [int(at) for at in arrivals.at if at < length_ms]
    if arrivals.fixed is not None:
        every = int(arrivals.fixed.every)
        # Without all those that would come later, of which there may be any number.
        within = -(-length_ms // every) if every else arrivals.fixed.count
        return [number * every for number in range(min(arrivals.fixed.count, within)) if number * every < length_ms]
    assert arrivals.poisson is not None
    key, at_ms, found = stream(seed, name), 0, list[int]()
    while True:
        at_ms += max(1, delay_ms(draw(key, len(found)), int(arrivals.poisson.every)))
        if at_ms >= length_ms:
            return found
        found.append(at_ms)
