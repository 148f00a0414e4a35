"""The policies that place replicas over zones: which zone comes next, and what backs them on demand."""

import pytest
from gpu_sim.experiments.policies.load import load_policy
from gpu_sim.experiments.policies.problems import PolicyUnfit
from gpu_sim.experiments.policies.ranked import LOOK_AGAIN_MS
from gpu_sim.experiments.renting.occasions import (
    Began,
    DemandChanged,
    NoticeCame,
    RentalEnded,
    RentalRan,
    RentRefused,
    Ticked,
)
from gpu_sim.experiments.renting.policy import End, Rent, Wait
from gpu_sim.experiments.renting.sight import OfferSeen

from .sights import FixedLuck, jobs_spec, offer, rental, seen, service_spec

A, B, C, D, E = (offer(name) for name in "abcde")
ZONES = (E, D, C, B, A)
FIRM = offer("firm", 3_000_000, spot=False)


def without(*names: str) -> tuple[OfferSeen, ...]:
    """The zones that are listed when those have nothing to give, and on demand."""
    return (*(zone for zone in ZONES if zone.name not in names), FIRM)


def test_round_robin_goes_on_after_the_last_zone_by_name() -> None:
    spec = service_spec("round_robin", replicas=2)
    policy = load_policy(spec, FixedLuck())
    assert list(policy.decide(seen(spec, ZONES), Began())) == [Rent("a"), Rent("b"), Rent("c")]
    held = [rental("r2", B), rental("r3", C)]
    ended = RentalEnded("r1", "a", "interrupted")
    assert list(policy.decide(seen(spec, without("a", "d"), held, now=9), ended)) == [Rent("e")]
    assert list(policy.decide(seen(spec, without("a"), held, now=10), RentRefused("e", "offer_unavailable"))) == [
        Rent("b")
    ]


def test_even_spread_waits_for_the_zone_that_has_a_share() -> None:
    spec = service_spec("even_spread", replicas=3)
    policy = load_policy(spec, FixedLuck(4))
    assert list(policy.decide(seen(spec, ZONES), Began())) == [Rent("a"), Rent("b"), Rent("e")]
    held = [rental("r1", A), rental("r2", B)]
    ended = RentalEnded("r3", "e", "interrupted")
    assert list(policy.decide(seen(spec, without("e"), held, now=9), ended)) == [Wait(LOOK_AGAIN_MS)]
    assert list(policy.decide(seen(spec, ZONES, held, now=10), Ticked())) == [Rent("e")]


def test_even_spread_gives_some_zones_one_more() -> None:
    spec = service_spec("even_spread", {"spare": 1}, replicas=4)
    policy = load_policy(spec, FixedLuck(1))
    decisions = list(policy.decide(seen(spec, [A, B, C]), Began()))
    assert decisions == [Rent("a"), Rent("b"), Rent("b"), Rent("c"), Rent("c")]


def test_spot_hedge_places_at_random_where_it_holds_nothing_and_backs_it_on_demand() -> None:
    spec = service_spec("spot_hedge", replicas=2)
    policy = load_policy(spec, FixedLuck(2, 0, 1))
    assert list(policy.decide(seen(spec, without()), Began())) == [
        Rent("c"),
        Rent("a"),
        Rent("d"),
        Rent("firm"),
        Rent("firm"),
    ]


@pytest.mark.parametrize(
    ("ready", "firm", "decided"),
    [
        (0, 2, []),
        (1, 2, []),
        (2, 2, [End("f2")]),  # one of the target plus the spare is not ready
        (3, 1, [End("f1")]),
        (3, 0, []),
        (1, 1, [Rent("firm")]),
    ],
)
def test_spot_hedge_keeps_on_demand_what_spot_lacks(ready: int, firm: int, decided: list[Rent | End]) -> None:
    spec = service_spec("spot_hedge", replicas=2)
    policy = load_policy(spec, FixedLuck())
    rentals = [
        *(rental(f"r{n}", zone, ready=0 if n < ready else 500) for n, zone in enumerate((A, B, C))),
        *(rental(f"f{n + 1}", FIRM, created=n, ready=n) for n in range(firm)),
    ]
    assert list(policy.decide(seen(spec, without(), rentals, now=100), RentalRan("r0"))) == decided


def test_a_zone_that_lost_one_is_avoided_until_hardly_any_other_is_active() -> None:
    spec = service_spec("spot_hedge", {"spare": 0}, replicas=1)
    policy = load_policy(spec, FixedLuck())
    backing = rental("f", FIRM)
    for now, zone in enumerate("abcd"):
        # The zone comes back at once, but the next one is another.
        occasion = RentalEnded(f"r{now}", zone, "interrupted") if now else Began()
        assert list(policy.decide(seen(spec, without(), [backing], now=10 * now), occasion)) == [Rent(zone)]
        held = [rental(f"r{now + 1}", offer(zone), ready=None), backing]
        assert list(policy.decide(seen(spec, without(), held, now=10 * now + 5), Ticked())) == []
    # Four of five have lost one: as 1 = min(1, 5 − 3) is left, all are active again.
    ended = RentalEnded("r4", "d", "interrupted")
    assert list(policy.decide(seen(spec, without(), [backing], now=50), ended)) == [Rent("a")]


def test_a_zone_that_keeps_what_it_has_is_active_again() -> None:
    spec = service_spec("spot_hedge", {"spare": 0}, replicas=4)
    policy = load_policy(spec, FixedLuck())
    a1, a2, d, e = rental("r1", A), rental("r2", A), rental("r3", D), rental("r4", E)
    for listed in (ZONES, (E, D, A)):  # b and c are there, and then preempted
        assert list(policy.decide(seen(spec, listed, [a1, a2, d, e]), Ticked())) == []
    lost = RentalEnded("r1", "a", "interrupted")
    assert list(policy.decide(seen(spec, [E, D, A], [a2, d, e], now=1), lost)) == [Rent("d")]
    d2 = rental("r5", D, ready=None)
    assert list(policy.decide(seen(spec, [E, D, A], [a2, d, e, d2], now=2), Ticked())) == []
    # Of a and e, which are active, a is the one with something to give; b is still preempted.
    lost = RentalEnded("r5", "d", "interrupted")
    assert list(policy.decide(seen(spec, [A, B], [a2, d, e], now=3), lost)) == [Rent("a")]


def test_a_zone_whose_rental_the_policy_ended_has_lost_none() -> None:
    spec = service_spec("spot_hedge", {"spare": 0}, replicas=2)
    policy = load_policy(spec, FixedLuck())
    a, b, backing = rental("r1", A), rental("r2", B, created=5, ready=5), [rental("f1", FIRM), rental("f2", FIRM)]
    assert list(policy.decide(seen(spec, without(), [a, b], now=9, replicas=1), DemandChanged())) == [End("r2")]
    assert list(policy.decide(seen(spec, without(), [a], now=10, replicas=1), Ticked())) == []
    again = list(policy.decide(seen(spec, without(), [a, *backing], now=11), DemandChanged()))
    assert [each for each in again if isinstance(each, Rent)] == [Rent("b")]


def test_when_no_active_zone_has_any_to_give_all_are_active() -> None:
    spec = service_spec("spot_hedge", {"spare": 0}, replicas=3)
    policy = load_policy(spec, FixedLuck())
    held = [rental("r1", A), rental("r2", B)]
    firm = [rental("f", FIRM)]
    assert list(policy.decide(seen(spec, [C, FIRM], [*held, rental("r3", C)]), Ticked())) == []
    lost = RentalEnded("r3", "c", "interrupted")
    assert list(policy.decide(seen(spec, [FIRM], held, now=1), lost)) == [Rent("firm")]
    assert list(policy.decide(seen(spec, [C, FIRM], [*held, *firm], now=2), Ticked())) == [Rent("c")]


def test_an_announced_interruption_is_met_ahead() -> None:
    spec = service_spec("round_robin", {"spare": 0}, replicas=1)
    policy = load_policy(spec, FixedLuck())
    assert list(policy.decide(seen(spec, [A, B]), Began())) == [Rent("a")]
    leaving = rental("r1", A, interrupts=30_000)
    assert list(policy.decide(seen(spec, [A, B], [leaving], now=5), NoticeCame("r1", 30_000))) == [Rent("b")]


def test_a_service_that_wants_less_ends_the_newest_and_one_that_wants_nothing_all() -> None:
    for name in ("round_robin", "even_spread", "spot_hedge"):
        spec = service_spec(name, {"spare": 1}, replicas=2)
        policy = load_policy(spec, FixedLuck())
        rentals = [rental("r1", A), rental("r2", B), rental("r3", C, created=5, ready=5)]
        assert list(policy.decide(seen(spec, without(), rentals, now=9, replicas=1), DemandChanged())) == [End("r3")]
        ends = policy.decide(seen(spec, without(), rentals, now=9, replicas=0), DemandChanged())
        assert {decision for decision in ends if isinstance(decision, End)} == {End("r1"), End("r2"), End("r3")}


def test_what_the_policies_cannot_do_is_refused() -> None:
    with pytest.raises(PolicyUnfit, match="is for a service, not for jobs"):
        load_policy(jobs_spec("spot_hedge"), FixedLuck())
    with pytest.raises(PolicyUnfit, match="option spare must be 0 or more, not -1"):
        load_policy(service_spec("round_robin", {"spare": -1}), FixedLuck())
