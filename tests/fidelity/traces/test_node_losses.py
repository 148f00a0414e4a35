"""Shared interruptions and their severity, from traces that count nodes."""

import numpy as np
import pytest
from gpu_sim.fidelity.traces.node_losses import LOSSES_MIN, fit_losses
from gpu_sim.fidelity.traces.traces import Trace

from ..zone_recordings import trace


def fleet(seed: int, a: float, b: float, *, losses: int = 2_000, alone: int = 0, size: int = 16) -> Trace:
    """A fleet that is full again a tick after each loss: so many that take a share along which Beta(a, b) draws, and
    so many of a single node."""
    random = np.random.default_rng(seed)
    taken = [random.binomial(size, random.beta(a, b)) for _ in range(losses)] + [1] * alone
    return trace("r1a", np.array([size, *(count for lost in taken for count in (size - lost, size))]), 195)


@pytest.mark.parametrize(("a", "b"), [(2.0, 0.5), (3.0, 1.0), (2.0, 2.0), (4.0, 1.0)])
def test_the_severity_that_fleets_met_is_found_again(a: float, b: float) -> None:
    found = fit_losses([fleet(1, a, b)])
    assert found is not None
    assert found.severity.mean == pytest.approx(a / (a + b), abs=0.03)
    assert (found.severity.a + found.severity.b) / 1e6 == pytest.approx(a + b, rel=0.3)


def test_what_falls_alone_is_not_shared() -> None:
    found = fit_losses([fleet(2, 4.0, 1.0, losses=100, alone=425)])
    assert found is not None
    assert found.shared == pytest.approx(750_000, abs=20_000)


@pytest.mark.parametrize("few", ["10", "30"])
def test_traces_are_taken_together_and_those_of_few_nodes_say_nothing(few: str) -> None:
    half = fleet(3, 4.0, 1.0, losses=LOSSES_MIN // 2)
    assert fit_losses([half, trace("r1b", few * 500)]) is None
    both = fit_losses([half, half, trace("r1b", few * 500)])
    assert both is not None
    assert (both.losses, both.shared) == (LOSSES_MIN, 1_000_000)


@pytest.mark.parametrize(
    ("counts", "severity"),
    [
        ([16, 0], (5.0, 0.1)),  # all of them, always: as near as can be
        ([16, 8], (5.0, 5.0)),  # half of them, always
        ([16, 0, 16, 14, 16, 0, 16, 0], (0.36, 0.1)),  # all or hardly any, further apart than 0.1 allows
    ],
)
def test_a_severity_is_as_near_as_its_parameters_can_be(counts: list[int], severity: tuple[float, float]) -> None:
    found = fit_losses([trace("r1a", np.tile(counts, 40), 195)])
    assert found is not None
    assert (found.severity.a / 1e6, found.severity.b / 1e6) == severity


def test_what_half_a_fleet_loses_does_not_count() -> None:
    counts = np.array([16, *([7, 0] * 100), 16], np.int64)
    assert fit_losses([trace("r1a", counts, 195)]) is None
