"""A market of whole ticks for one job, with nothing else in it: what the published rules of Can't Be Late assume.

`cost_of` lets a policy live in it, `cost_by_rules` is a second writing of the rules, and `cheapest_by_exhaustion` tries
all that could be done. Costs are in price units × ticks.
"""

from itertools import product
from math import ceil, floor
from typing import Literal

from gpu_sim.core.scenario.experiment.renters import RenterSpec
from gpu_sim.experiments.renting.occasions import Began, Occasion, RentalEnded, RentalRan, Ticked
from gpu_sim.experiments.renting.policy import Decision, End, Policy, Rent
from gpu_sim.experiments.renting.sight import JobSeen, OfferSeen, RentalSeen
from msgspec import Struct

from .sights import jobs_spec, offer, seen


class Course(Struct, frozen=True):
    """A job, its market and its tick, in ms: `ups` has a row of ticks for each spot offer, `prices` a price."""

    work: int
    deadline: int
    restart: int
    tick: int
    ups: tuple[tuple[bool, ...], ...]
    prices: tuple[int, ...]
    on_demand: int

    def is_up(self, zone: int, tick: int) -> bool:
        return tick < len(self.ups[zone]) and self.ups[zone][tick]

    def spec(self, policy: str) -> RenterSpec:
        return jobs_spec(policy, tick=self.tick, restart=self.restart, deadline=self.deadline)


Placed = int | Literal["on demand"] | None


def cost_of(policy: Policy, course: Course, spec: RenterSpec) -> tuple[int, list[Placed]]:
    """The cost of the policy, and where it had the job in each tick. Raises AssertionError where it never ends."""
    offers = [offer(f"zone-{zone}", price) for zone, price in enumerate(course.prices)]
    firm = offer("firm", course.on_demand, spot=False)
    where: Placed = None
    done = rho = cost = 0
    rental: RentalSeen | None = None
    history: list[Placed] = []
    for k in range(20_000):
        now = k * course.tick
        occasions: list[Occasion] = [Began()] if k == 0 else []
        if rental is not None:
            worked = max(course.tick - rho, 0)
            rho = max(rho - course.tick, 0)
            done += min(worked, course.work - done)
            if rental.created_ms == now - course.tick:
                occasions.append(RentalRan(rental.rental_id))
            if isinstance(where, int) and not course.is_up(where, k):
                occasions.append(RentalEnded(rental.rental_id, rental.offer.name, "interrupted"))
                rental = None
        if course.work - done <= 1:
            return cost, history
        occasions.append(Ticked())
        for occasion in occasions:
            job = JobSeen(1, 0, course.work, done, course.restart, course.deadline)
            listed = [each for zone, each in enumerate(offers) if course.is_up(zone, k)] + [firm]
            situation = seen(spec, listed, [] if rental is None else [rental], now=now, doing=job)
            for decision in policy.decide(situation, occasion):
                rental = _carried_out(decision, rental, [*offers, firm], now, course)
                rho = course.restart if rental is not None and rental.created_ms == now else rho
        where = None
        if rental is not None:
            where = offers.index(rental.offer) if rental.offer in offers else "on demand"
            cost += rental.offer.price_micros_per_hour
        history.append(where)
    raise AssertionError("the job never ends")


def _carried_out(
    decision: Decision, rental: RentalSeen | None, offers: list[OfferSeen], now: int, course: Course
) -> RentalSeen | None:
    if isinstance(decision, End):
        assert rental is not None
        assert rental.rental_id == decision.rental_id
        return None
    assert isinstance(decision, Rent)
    assert rental is None
    chosen = next(each for each in offers if each.name == decision.offer)
    return RentalSeen(f"r{now}", chosen, now, now, now + course.restart)


def cost_by_rules(policy: str, course: Course) -> int:  # noqa: C901  # one piece, as the text is
    """The published rules, written down once more in the letters of the text, for one zone."""
    g, d, C, D = course.tick, course.restart, course.work, course.deadline  # noqa: N806  # the letters of the text
    c = rho = cost = k = 0
    ran: str | None = None
    while True:
        t = k * g
        if ran is not None:
            w = max(g - rho, 0)
            rho -= g - w
            c += min(w, C - c)
        if C - c <= 1:
            return cost
        spot = course.is_up(0, k)
        last, now = ran, None if ran == "spot" and not spot else ran
        time = floor((D - t) / g) * g
        need1, need2 = ceil((C - c + d) / g) * g, ceil((C - c + 2 * d) / g) * g
        choice = "od"
        if policy != "on_demand":
            choice = "spot" if spot else ""
            if policy == "uniform_progress":
                if c * D < t * C:
                    choice = "spot" if spot else "od"
                if now == "od" and (not spot or (t + 2 * d) * C >= c * D):
                    choice = "od"
            if need2 >= time and now in (None, "od"):
                choice = "od"
            if need1 >= time:
                choice = "spot" if now == "spot" and rho == 0 else "od"
        if need1 >= time:
            choice = "spot" if last == "spot" and rho == 0 else "od"
        if choice == "spot" and not spot:
            choice = ""
        if choice and choice != now:
            rho = d
        cost += {"spot": course.prices[0], "od": course.on_demand, "": 0}[choice]
        ran = choice or None
        k += 1


def cheapest_by_exhaustion(course: Course) -> int | None:
    """The least that any course of action costs that is done by the deadline; None where none is."""
    ticks = course.deadline // course.tick
    best: int | None = None
    places: list[Placed] = [None, "on demand", *range(len(course.prices))]
    for placed in product(places, repeat=ticks):
        if any(isinstance(place, int) and not course.is_up(place, k) for k, place in enumerate(placed)):
            continue
        done = rho = cost = 0
        before: Placed = None
        for place in placed:
            if place is not None:
                if place != before:
                    rho = course.restart
                worked = max(course.tick - rho, 0)
                rho -= course.tick - worked
                done += worked
                cost += course.on_demand if place == "on demand" else course.prices[place]
            before = place
            if course.work - done <= 1:
                break
        if course.work - done <= 1 and (best is None or cost < best):
            best = cost
    return best
