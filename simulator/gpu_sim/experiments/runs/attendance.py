"""Attendance to a need: its policy is asked about all that has come to pass, and what it decides is done at once."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from msgspec import Struct

from ...core.billing.holds import hold_micros
from ...core.kernel.names import did_you_mean
from ...core.scenario.experiment.renters import Reactions, RenterSpec
from ...core.scenario.market_settings import opening_offers
from ...core.simulation import Simulation
from ..renting.market_client import Refusal
from ..renting.occasions import Began, CreditLow, MarketMoved, Occasion, RentalEnded, RentRefused, Ticked
from ..renting.policy import Decision, End, GiveUp, Rent, Wait
from ..renting.sight import OfferSeen, Situation
from .facts import RefusedRequest, RentalFacts
from .job import Job
from .need import Held, Need
from .policy_failed import PolicyFailed

DECISIONS_MAX = 1_000
"""The most decisions of one need at one instant: a policy that makes more never lets time pass."""

_EVENTS_TOLD = 10


class Attempt(Struct, gc=False):
    """A rent at `at_ms`: the first where `number` is 0, else one that was refused and is sent again for that time."""

    offer: OfferSeen
    key: str | None
    number: int
    at_ms: int


class Ending(Struct, gc=False):
    """The end of a rental that was refused or not answered, and is asked for again at `at_ms`, for the time number
    `number`."""

    rental_id: str
    number: int
    at_ms: int


class Attendance:
    """Asks policies and carries out their decisions. `claim` takes rentals over for a need, `read_events` reads what a
    request has caused, and `facts_of` has the facts of a rental."""

    def __init__(
        self,
        simulation: Simulation,
        claim: Callable[[Need, str, Held], None],
        read_events: Callable[[], None],
        facts_of: Callable[[str], RentalFacts],
        *,
        repeat: str,
    ) -> None:
        self._simulation = simulation
        self._claim = claim
        self._read_events = read_events
        self._facts_of = facts_of
        self._repeat = repeat
        self._filtered: dict[int, tuple[tuple[OfferSeen, ...], tuple[OfferSeen, ...]]] = {}
        self._names: dict[int, frozenset[str]] = {}
        self._attempts: dict[Need, list[Attempt]] = {}
        self._endings: dict[Need, list[Ending]] = {}
        self._keys = 0
        self._decisions = 0
        self._has_looked = False
        self.refused: list[RefusedRequest] = []

    def attend(self, need: Need, now_ms: int, *, asks: bool) -> tuple[list[int], list[int]]:
        """Ask its policy about all that it has yet to hear, or also, if it `asks`, where there is nothing.

        The answer is the instants at which it wants to be asked again, and those to look whether something is due. A
        need whose end has come is over afterwards, and its rentals with it.
        """
        self._decisions = 0
        self._has_looked = False
        waits: list[int] = []
        self._end_again(need, now_ms)
        if need.is_over:
            return waits, self.ends_again_at(need)
        if need.finish(now_ms):
            self._end_all(need)
            return waits, self.ends_again_at(need)
        if isinstance(need, Job) and need.is_broke(now_ms):
            self._give_up(need, now_ms)
            return waits, self.ends_again_at(need)
        self._try_again(need, now_ms)
        # While a rent is to be sent again the policy is not asked: it would rent another in its place.
        has_turn = not self._attempts.get(need) and (need.inbox or asks or need.turns_at(now_ms))
        occasions = self._occasions(need) if has_turn else []
        while occasions and not need.is_over and not self._attempts.get(need):
            for decision in self._ask(need, occasions.pop(0), now_ms):
                self._carry_out(need, decision, now_ms, waits)
                if need.is_over:
                    break
            occasions += need.inbox
            need.inbox = []
            if not occasions and self._credit_turns_low(need):
                occasions.append(CreditLow())
        need.inbox[:0] = (each for each in occasions if not isinstance(each, Ticked))
        looks = [attempt.at_ms for attempt in self._attempts.get(need, ())] + self.ends_again_at(need)
        return waits, looks + ([] if need.is_over else [at_ms for at_ms, _ in _stuck(need)])

    def market_moved(self, need: Need) -> MarketMoved | None:
        """The changes of the offers list since the policy was last asked; None where there is none."""
        before, now = {each.name: each for each in need.offers}, {each.name: each for each in self._offers(need)}
        listed = tuple(name for name in now if name not in before)
        gone = tuple(name for name in before if name not in now)
        moved = tuple(
            name
            for name, offer in now.items()
            if name in before and before[name].price_micros_per_hour != offer.price_micros_per_hour
        )
        return MarketMoved(listed, gone, moved) if listed or gone or moved else None

    def _credit_turns_low(self, need: Need) -> bool:
        """True where the credit has fallen below the hold of the cheapest offer seen, once until it is above again."""
        price = min((offer.price_micros_per_hour for offer in need.offers), default=None)
        if price is None:
            return False
        hold = hold_micros(price, need.spec.gpus, self._simulation.scenario.billing)
        was_low, need.credit_is_low = need.credit_is_low, need.client.available_micros() < hold
        return need.credit_is_low and not was_low

    def _occasions(self, need: Need) -> list[Occasion]:
        """Those that its policy has yet to hear of, a tick or the end of a wait last."""
        occasions, need.inbox = need.inbox, []
        if need.tick_ms is not None and need.watches_market and not isinstance(next(iter(occasions), None), Began):
            moved = self.market_moved(need)
            occasions += [] if moved is None else [moved]
        if not occasions or (need.tick_ms is not None and not isinstance(occasions[0], Began)):
            occasions.append(Ticked())
        return occasions

    def _offers(self, need: Need) -> tuple[OfferSeen, ...]:
        """The offers listed now that the renter may rent; those that it saw last where its request comes to nothing."""
        listed = need.client.offers()
        if isinstance(listed, Refusal):
            self._note(need, "", listed)
            return need.offers
        known = self._filtered.get(id(need.spec))
        if known is None or known[0] is not listed:
            names = self._may_rent(need.spec)
            known = self._filtered[id(need.spec)] = listed, tuple(each for each in listed if each.name in names)
        return known[1]

    def _may_rent(self, spec: RenterSpec) -> frozenset[str]:
        names = self._names.get(id(spec))
        if names is None:
            offers = spec.may_rent(opening_offers(self._simulation.scenario.market))
            names = self._names[id(spec)] = frozenset(each.name for each in offers)
        return names

    def _situation(self, need: Need, now_ms: int) -> Situation:
        # Once an instant, and again after what it has done: a look is a request, which may meet a fault.
        if not self._has_looked:
            need.offers = self._offers(need)
            self._has_looked = True
        rentals = need.rentals_seen()
        seen = Situation(
            now_ms=now_ms,
            tick_ms=need.tick_ms,
            renter=need.spec,
            offers=need.offers,
            rentals=rentals,
            available_micros=need.client.available_micros(),
            job=need.job_seen(now_ms),
            replicas=need.replicas_wanted(now_ms),
            last_offer=need.last_offer,
        )
        need.last_offer = rentals[0].offer if rentals else None
        return seen

    def _ask(self, need: Need, occasion: Occasion, now_ms: int) -> Iterator[Decision]:
        seen = self._situation(need, now_ms)
        try:
            decided = need.policy.decide(seen, occasion)
            # One more than the most: a generator may have no end.
            decisions = [*islice(decided, DECISIONS_MAX + 1)] if isinstance(decided, Iterable) else None
        except (Exception, SystemExit) as error:  # a policy is anybody's code: whatever it raises is told by name
            raise self._failed(need, now_ms, f"raised {type(error).__name__}: {error}") from error
        if decisions is None:
            raise self._failed(need, now_ms, f"returned {_shown(decided)} in place of a list of decisions")
        for decision in decisions:
            self._decisions += 1
            if self._decisions > DECISIONS_MAX:
                raise self._failed(need, now_ms, f"made more than {DECISIONS_MAX} decisions and let no time pass")
            self._check(need, seen, decision, now_ms)
            yield decision

    def _check(self, need: Need, seen: Situation, decision: Decision, now_ms: int) -> None:
        """Raises PolicyFailed for a decision that is nonsense, or about what the policy cannot have seen."""
        if isinstance(decision, Rent):
            names = [offer.name for offer in seen.offers]
            if decision.offer not in names:
                near = did_you_mean(str(decision.offer), names)
                raise self._failed(need, now_ms, f'rents "{decision.offer}", which it does not see{near}')
        elif isinstance(decision, End):
            ids = [rental.rental_id for rental in seen.rentals]
            if decision.rental_id not in ids:
                near = did_you_mean(str(decision.rental_id), ids)
                raise self._failed(need, now_ms, f'ends "{decision.rental_id}", which is no live rental of it{near}')
        elif isinstance(decision, Wait):
            if not isinstance(decision.ms, int) or decision.ms < 1:
                raise self._failed(need, now_ms, f"waits for {decision.ms!r} ms; a wait is a whole number above 0")
        elif not isinstance(decision, GiveUp):
            raise self._failed(need, now_ms, f"decided {_shown(decision)}, which is no decision")

    def _carry_out(self, need: Need, decision: Decision, now_ms: int, waits: list[int]) -> None:
        if isinstance(decision, Rent):
            offer = next(each for each in need.offers if each.name == decision.offer)
            self._keys += 1
            key = f"{need.name}-{self._keys}" if need.spec.reactions.key else None
            self._rent(need, Attempt(offer, key, 0, now_ms))
        elif isinstance(decision, End):
            if decision.rental_id in need.held:  # an answer to a decision before it may have told otherwise
                self._end(need, decision.rental_id)
        elif isinstance(decision, Wait):
            waits.append(now_ms + decision.ms)
        else:
            self._give_up(need, now_ms)

    # Requests

    def _rent(self, need: Need, attempt: Attempt) -> None:
        self._has_looked = False
        answer = need.client.rent(attempt.offer, need.spec.gpus, attempt.key)
        if isinstance(answer, Refusal):
            self._read_events()
            self._note(need, attempt.offer.name, answer)
            self._react(need, attempt, answer)
            return
        need.refused_in_row = 0
        self._read_events()
        if answer not in need.held:  # a retry under its key may name the rental that there is
            self._claim(need, answer, Held(self._facts_of(answer), attempt.offer))

    def _react(self, need: Need, attempt: Attempt, refusal: Refusal) -> None:
        """Send a rent again after a wait, or tell the policy that it came to nothing."""
        reactions, now_ms = need.spec.reactions, self._simulation.now_ms
        need.refused_in_row += 1
        if reactions.give_up_after is not None and need.refused_in_row >= reactions.give_up_after:
            self._give_up(need, now_ms)
            return
        may_help = refusal.retry_helps and (refusal.status != 402 or reactions.retry_402)
        if attempt.number < reactions.retries and may_help:
            at_ms = now_ms + _wait_ms(reactions, attempt.number, refusal)
            again = Attempt(attempt.offer, attempt.key, attempt.number + 1, at_ms)
            self._attempts.setdefault(need, []).append(again)
            return
        need.inbox.append(RentRefused(attempt.offer.name, refusal.code, refusal.retry_helps))

    def _try_again(self, need: Need, now_ms: int) -> None:
        due = [each for each in self._attempts.get(need, ()) if each.at_ms <= now_ms]
        if due:
            self._attempts[need] = [each for each in self._attempts[need] if each.at_ms > now_ms]
            for attempt in due:
                if not need.is_over:
                    self._rent(need, attempt)
        for at_ms, held in _stuck(need):
            if at_ms <= now_ms:
                self._end(need, held.facts.rental_id)
                need.inbox.append(RentalEnded(held.facts.rental_id, held.offer.name, "stuck"))

    def _end(self, need: Need, rental_id: str, number: int = 0) -> None:
        held = need.held[rental_id]
        held.facts.asked_to_end = True
        self._has_looked = False
        refusal = need.client.end(rental_id)
        self._read_events()
        if refusal is not None:
            self._note(need, held.offer.name, refusal)
            held.facts.asked_to_end = rental_id not in need.held
            reactions = need.spec.reactions
            if rental_id in need.held and refusal.retry_helps and number < reactions.retries:
                at_ms = self._simulation.now_ms + _wait_ms(reactions, number, refusal)
                self._endings.setdefault(need, []).append(Ending(rental_id, number + 1, at_ms))

    def _end_again(self, need: Need, now_ms: int) -> None:
        endings = self._endings.pop(need, [])
        for ending in endings:
            if ending.at_ms > now_ms:
                self._endings.setdefault(need, []).append(ending)
            elif ending.rental_id in need.held:
                self._end(need, ending.rental_id, ending.number)

    def ends_again_at(self, need: Need) -> list[int]:
        """The instants at which ends that were refused are asked for again, also by a need that is over."""
        return [ending.at_ms for ending in self._endings.get(need, ())]

    def _end_all(self, need: Need) -> None:
        for rental_id in tuple(need.held):
            self._end(need, rental_id)

    def _give_up(self, need: Need, now_ms: int) -> None:
        # First its rentals: what they did by now counts.
        self._end_all(need)
        need.give_up(now_ms)
        self._attempts.pop(need, None)

    def _note(self, need: Need, offer: str, refusal: Refusal) -> None:
        now_ms = self._simulation.now_ms
        self.refused.append(RefusedRequest(now_ms, need.account, offer, refusal.status, refusal.code))

    def _failed(self, need: Need, now_ms: int, problem: str) -> PolicyFailed:
        latest = [f"{event}" for event in self._simulation.events[-_EVENTS_TOLD:]]
        return PolicyFailed(need.spec.policy, need.name, now_ms, problem, latest, self._repeat)


def _stuck(need: Need) -> list[tuple[int, Held]]:
    """Its rentals that do not run yet, with the instants at which they count as stuck."""
    after_ms = need.spec.reactions.stuck_after
    if after_ms is None:
        return []
    return [(held.facts.created_ms + int(after_ms), held) for held in need.held.values() if held.running_ms is None]


def _wait_ms(reactions: Reactions, number: int, refusal: Refusal) -> int:
    """The wait before a request is sent again after so many retries: a longer Retry-After wins."""
    return max(int(reactions.back_off * reactions.multiply**number), refusal.retry_after_ms or 0)


def _shown(value: object) -> str:
    """The thing that a policy came up with, shortened; its class where it cannot even tell itself."""
    try:
        return f"{value!r:.100}"
    except Exception:  # noqa: BLE001  # a policy is anybody's code, and so is what it returns
        return f"a {type(value).__name__}"
