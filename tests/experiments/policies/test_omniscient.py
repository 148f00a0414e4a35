"""The policy that knows the recording: optimal by exhaustion on small courses, and below the others on long ones."""

import pytest
from gpu_sim.experiments.policies.load import load_policy
from gpu_sim.experiments.policies.omniscient import Omniscient
from gpu_sim.experiments.policies.problems import PolicyUnfit
from gpu_sim.experiments.renting.occasions import Began
from hypothesis import given
from hypothesis import strategies as st

from .sights import FixedLuck, jobs_spec, offer, seen
from .tick_market import Course, Placed, cheapest_by_exhaustion, cost_of


class KnownCourse:
    """The recording of a course."""

    def __init__(self, course: Course) -> None:
        self._course = course

    def offers(self) -> list[str]:
        return [f"zone-{zone}" for zone in range(len(self._course.prices))]

    def prices(self, offer: str, tick_ms: int) -> list[int | None]:
        assert tick_ms == self._course.tick
        zone = int(offer.removeprefix("zone-"))
        return [self._course.prices[zone] if up else None for up in self._course.ups[zone]]


def cost_for_omniscient(course: Course) -> tuple[int, list[Placed]]:
    policy = Omniscient()
    policy.recording = KnownCourse(course)
    return cost_of(policy, course, course.spec("omniscient"))


small = st.builds(
    lambda work, ticks, restart, ups, prices: Course(
        work=work, deadline=10 * ticks, restart=restart, tick=10, ups=ups, prices=prices, on_demand=7
    ),
    st.integers(2, 45),
    st.integers(1, 6),
    st.sampled_from([0, 3, 9, 10, 11, 15, 23]),
    st.tuples(*[st.lists(st.booleans(), max_size=7).map(tuple)] * 2),
    st.tuples(st.integers(1, 9), st.integers(1, 6)),
)


@given(course=small)
def test_no_course_of_action_is_cheaper(course: Course) -> None:
    best = cheapest_by_exhaustion(course)
    if best is None:
        return  # no course has it done by the deadline
    cost, placed = cost_for_omniscient(course)
    assert cost == best
    assert len(placed) * course.tick <= course.deadline


long = st.builds(
    lambda work, slack, restart, ups, prices: Course(
        work=work, deadline=work + slack, restart=restart, tick=10, ups=ups, prices=prices, on_demand=70
    ),
    st.integers(100, 600),
    st.integers(40, 300),
    st.sampled_from([0, 4, 9, 11, 25, 38]),
    st.tuples(*[st.lists(st.sampled_from([True, True, True, False]), min_size=40, max_size=90).map(tuple)] * 2),
    st.tuples(st.integers(1, 60), st.integers(1, 60)),
)


@given(course=long)
def test_no_other_policy_that_is_done_in_time_pays_less(course: Course) -> None:
    floor, _ = cost_for_omniscient(course)
    for name in ("on_demand", "greedy", "uniform_progress"):
        spec = course.spec(name)
        cost, placed = cost_of(load_policy(spec, FixedLuck()), course, spec)
        if len(placed) * course.tick <= course.deadline:
            assert floor <= cost, name


def test_without_a_recording_it_is_refused() -> None:
    spec = jobs_spec("omniscient", tick=10)
    with pytest.raises(PolicyUnfit, match="needs a market that follows a recording"):
        load_policy(spec, FixedLuck()).decide(seen(spec, [offer("a")]), Began())
