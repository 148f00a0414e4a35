"""The rules of Can't Be Late: each by a hand-made tick, and whole courses of jobs against a second writing of them."""

import pytest
from gpu_sim.core.scenario.experiment.renters import RenterSpec
from gpu_sim.experiments.policies.deadline import DeadlinePolicy, Greedy, Place, TickSeen, UniformProgress
from gpu_sim.experiments.policies.load import load_policy
from gpu_sim.experiments.policies.problems import PolicyUnfit
from gpu_sim.experiments.renting.occasions import Began, RentalEnded, RentRefused, Ticked
from gpu_sim.experiments.renting.policy import End, Rent
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from .sights import FixedLuck, job, jobs_spec, offer, rental, seen, service_spec
from .tick_market import Course, cost_by_rules, cost_of

NOWHERE, SPOT, OD = Place.NOWHERE, Place.SPOT, Place.ON_DEMAND

EARLY = TickSeen(
    elapsed_ms=1_000,
    done_ms=1_000,
    work_ms=10_000,
    deadline_ms=20_000,
    restart_ms=500,
    need_1_ms=10_000,
    need_2_ms=10_000,
    time_ms=19_000,
    last=NOWHERE,
    now=NOWHERE,
    is_working=False,
    is_spot_up=True,
)
"""A tick with time to spare, and ahead of a uniform progress."""
DOWN = replace(EARLY, is_spot_up=False)
BEHIND = replace(EARLY, done_ms=499)
LATE = replace(EARLY, need_2_ms=19_000)
LAST = replace(LATE, need_1_ms=19_000)


@pytest.mark.parametrize(
    ("tick", "greedy", "uniform"),
    [
        (EARLY, SPOT, SPOT),
        (DOWN, NOWHERE, NOWHERE),
        (replace(EARLY, now=OD), SPOT, OD),  # the lead is not worth two restarts: (t + 2d)·C/D = 1,000 ≥ c
        (replace(EARLY, now=OD, done_ms=1_001), SPOT, SPOT),
        (replace(DOWN, now=OD, done_ms=5_000), NOWHERE, OD),
        (BEHIND, SPOT, SPOT),
        (replace(BEHIND, is_spot_up=False), NOWHERE, OD),
        (replace(BEHIND, is_spot_up=False, done_ms=500), NOWHERE, NOWHERE),  # c = t·C/D is not behind
        (LATE, OD, OD),
        (replace(LATE, now=OD), OD, OD),
        (replace(LATE, now=SPOT, last=SPOT), SPOT, SPOT),
        (replace(LATE, need_2_ms=18_999), SPOT, SPOT),
        (replace(LAST, now=SPOT, last=SPOT), OD, OD),
        (replace(LAST, now=SPOT, last=SPOT, is_working=True), SPOT, SPOT),
    ],
)
def test_each_rule_decides_a_tick(tick: TickSeen, greedy: Place, uniform: Place) -> None:
    assert Greedy().place(tick) is greedy
    assert UniformProgress().place(tick) is uniform


courses = st.builds(
    lambda work, slack, restart, ups, spot: Course(
        work=work, deadline=work + slack, restart=restart, tick=10, ups=(tuple(ups),), prices=(spot,), on_demand=7
    ),
    st.integers(10, 300),
    st.integers(0, 200),
    st.sampled_from([0, 4, 9, 10, 11, 20, 25, 38]),
    st.lists(st.sampled_from([True, True, False]), max_size=60),
    st.integers(1, 6),
)


@pytest.mark.parametrize("name", ["greedy", "uniform_progress"])
@given(course=courses)
def test_a_job_costs_what_the_rules_make_it_cost(name: str, course: Course) -> None:
    spec = course.spec(name)
    cost, _ = cost_of(load_policy(spec, FixedLuck()), course, spec)
    assert cost == cost_by_rules(name, course)


@given(course=courses)
def test_on_demand_runs_through(course: Course) -> None:
    spec = course.spec("on_demand")
    cost, placed = cost_of(load_policy(spec, FixedLuck()), course, spec)
    ticks = -(-(course.work - 1 + course.restart) // course.tick)
    assert (cost, placed) == (ticks * course.on_demand, ["on demand"] * ticks)


class Stubborn(DeadlinePolicy):
    """Wants spot and nothing else: the guarantee alone brings it to the end."""

    def place(self, tick: TickSeen) -> Place:
        return SPOT


@pytest.mark.parametrize(
    ("deadline", "ups", "placed"),
    [
        (30, (True, True, True), [0, 0]),  # it works already, and goes on
        (30, (True, False), [0, None, OD, OD]),  # it worked and is gone: nothing runs for that tick
        (30, (False, True), [None, OD, OD]),
        (20, (True, True), [OD, OD]),
        (40, (False, False, True), [None, None, OD, OD]),
    ],
)
def test_the_guarantee_leaves_only_spot_that_works_already(
    deadline: int, ups: tuple[bool, ...], placed: list[int | Place | None]
) -> None:
    course = Course(work=15, deadline=deadline, restart=4, tick=10, ups=(ups,), prices=(1,), on_demand=7)
    where = [OD if place == "on demand" else place for place in cost_of(Stubborn(), course, course.spec("greedy"))[1]]
    assert where == placed


A, B, C, FIRM = offer("a", 3), offer("b", 2), offer("c", 1), offer("firm", 9, spot=False)


def test_a_job_goes_on_where_it_is_and_elsewhere_by_preference() -> None:
    for prefer, first, second, third in (("cheapest", "c", "b", "c"), ("next", "a", "b", "c")):
        spec = jobs_spec("greedy", {"prefer": prefer}, tick=10)
        policy = load_policy(spec, FixedLuck())
        assert list(policy.decide(seen(spec, [A, B, C, FIRM]), Began())) == [Rent(first)]
        here = rental("r1", {"a": A, "b": B, "c": C}[first])
        assert list(policy.decide(seen(spec, [A, B, C, FIRM], [here], now=10), Ticked())) == []
        others = [each for each in (A, B, C) if each.name != first]
        assert list(policy.decide(seen(spec, [*others, FIRM], now=20), RentalEnded("r1", first, "interrupted"))) == []
        assert list(policy.decide(seen(spec, [*others, FIRM], now=20), Ticked())) == [Rent(second)]
        assert list(policy.decide(seen(spec, [C, FIRM], now=30), Ticked())) == [Rent(third)]


def test_a_refusal_is_met_at_the_same_tick_and_a_tick_is_decided_once() -> None:
    spec = jobs_spec("greedy", tick=10, deadline=10_000_000)
    policy = load_policy(spec, FixedLuck())
    assert list(policy.decide(seen(spec, [A, B, FIRM]), Began())) == [Rent("b")]
    assert list(policy.decide(seen(spec, [A, B, FIRM]), Ticked())) == []
    assert list(policy.decide(seen(spec, [A, B, FIRM]), RentRefused("b", "offer_unavailable"))) == [Rent("a")]
    assert list(policy.decide(seen(spec, [A, B, FIRM]), RentRefused("a", "offer_unavailable"))) == []
    assert list(policy.decide(seen(spec, [A, B, FIRM], now=10), Ticked())) == [Rent("b")]


def test_a_job_that_is_late_leaves_spot_that_does_not_work_yet() -> None:
    spec = jobs_spec("greedy", tick=10, deadline=100, restart=30)
    policy = load_policy(spec, FixedLuck())
    doing = job(work=100, done=0, restart=30, deadline=100)
    starting = rental("r1", A, ready=30)
    assert list(policy.decide(seen(spec, [A, FIRM], [starting], now=10, doing=doing), Ticked())) == [
        End("r1"),
        Rent("firm"),
    ]


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (jobs_spec("greedy"), "decides at ticks: give the renter a `tick`"),
        (jobs_spec("uniform_progress", tick=10), "works towards a deadline: give the jobs a `deadline`"),
        (service_spec("greedy"), "is for jobs, not for a service"),
        (jobs_spec("greedy", {"prefer": "nearest"}, tick=10), 'prefer must be "cheapest" or "next"'),
    ],
)
def test_what_a_deadline_policy_cannot_do_is_refused(spec: RenterSpec, says: str) -> None:
    with pytest.raises(PolicyUnfit, match=says):
        load_policy(spec, FixedLuck())
