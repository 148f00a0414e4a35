"""The fixture under Hypothesis, whose examples share one world: what it says, and the way that works."""

import pytest

from ..support.plugin_project import TEST, WITH_HYPOTHESIS, FileResult

HEAD = f"""{TEST}
    from hypothesis import HealthCheck, given, settings, strategies as st

    shared = settings(
        suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True, database=None, deadline=None
    )
"""


@pytest.mark.project(
    """
    @given(st.integers())
    def test_it(gpu_sim, number):
        pass
    """,
    head=HEAD,
    options=WITH_HYPOTHESIS,
)
def test_hypothesis_refuses_examples_that_share_a_world_unasked(result: FileResult) -> None:
    assert result.outcomes == {"failed": 1}
    result.shown.fnmatch_lines(["*FailedHealthCheck: *uses a function-scoped fixture 'gpu_sim'*"])


@pytest.mark.project(
    """
    SEEN, STARTS = set(), set()

    @settings(shared, max_examples=20)
    @given(st.integers(1, 1_000))
    def test_it(gpu_sim, number):
        gpu_sim.reset()
        STARTS.add((gpu_sim.balance, gpu_sim.now, len(gpu_sim.requests), str(gpu_sim.report())))
        SEEN.add(number)
        assert listed(gpu_sim) == 200
        gpu_sim.fault({"respond": 503})
        gpu_sim.credit(number)
        gpu_sim.advance("1h")

    def test_examples():
        assert len(SEEN) > 1
        assert len(STARTS) == 1
    """,
    head=HEAD,
    options=WITH_HYPOTHESIS,
)
def test_after_a_reset_each_example_is_the_first_one(result: FileResult) -> None:
    assert result.outcomes == {"passed": 2}


@pytest.mark.project(
    """
    @shared
    @given(st.integers(0, 20))
    def test_it(gpu_sim, hours):
        gpu_sim.reset()
        gpu_sim.advance(f"{hours}h")
        listed(gpu_sim)
        assert hours < 7
    """,
    head=HEAD,
    options=WITH_HYPOTHESIS,
)
def test_a_failure_tells_of_the_shortest_example_alone(result: FileResult) -> None:
    assert result.outcomes == {"failed": 1}
    result.shown.fnmatch_lines(
        [
            "scenario calm, seed *, virtual time 2026-01-01T07:00:00Z",
            "the latest of 1 requests:",
            "  #1 07:00:00 GET /v1/gpu/offers -> 200",
        ]
    )
