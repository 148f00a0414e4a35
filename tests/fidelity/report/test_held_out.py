"""Zones held out: a shape that made them holds, another does not, and what does not go with the others is refused."""

import numpy as np
import pytest
from gpu_sim.core.scenario.availability_shape import Shape
from gpu_sim.core.scenario.market_settings import InterruptionSettings
from gpu_sim.fidelity.fit.zone_market import build_zone_market
from gpu_sim.fidelity.report.held_out import SHAPE_STATISTICS, judge_held_out, refuse_unlike
from gpu_sim.fidelity.report.judged_targets import JudgedTarget
from gpu_sim.fidelity.report.targets import TARGETS
from gpu_sim.fidelity.traces.statistics import measure
from gpu_sim.fidelity.traces.traces import Trace
from msgspec.structs import replace

from ...support.builders import market, offer, scenario
from ..known_market import LOOK_SECONDS, UNLIKE, recordings
from ..zone_recordings import trace

FITTED, HELD_OUT = recordings(30)[:3], recordings(30)[3:]


def judged(shape: Shape) -> dict[str, JudgedTarget]:
    """The rows of all five zones, by what they measure, under a shape."""
    of_shape = scenario(market(offer("x"), interruptions=InterruptionSettings(mode="realistic", shape=shape)))
    told: list[int] = []
    zone_market = build_zone_market(of_shape, recordings(30), LOOK_SECONDS)
    rows = judge_held_out(zone_market, recordings(30), range(1, 3), told.append)
    assert sum(told) == 2 * 30
    return {row.target.measure: row for row in rows}


def test_statistics_are_targets() -> None:
    assert set(SHAPE_STATISTICS) < {target.measure for target in TARGETS}


def test_the_shape_that_made_the_zones_holds() -> None:
    rows, recorded = judged(UNLIKE), measure(recordings(30)).by_name()
    assert set(rows) == set(SHAPE_STATISTICS)
    assert rows.pop("phi_other_region").verdict == "not shown"
    assert {row.verdict for row in rows.values()} == {"held"}
    for name, row in rows.items():
        assert row.recorded == recorded[name]
        assert row.simulated is not None
        assert row.low <= row.simulated.mean <= row.high


def test_a_shape_unlike_that_is_missed() -> None:
    missed = {name for name, row in judged(Shape()).items() if row.verdict == "missed"}
    assert missed >= {"fano_zone 6h", "fano_zone 24h", "fail_given_fail 240min"}


def test_zones_that_go_with_the_fitted_ones_are_taken() -> None:
    refuse_unlike(FITTED, HELD_OUT)
    refuse_unlike(FITTED, [*HELD_OUT, trace("r2a", np.ones(14_000, np.int64), 195)])
    always = [trace("r3a", np.ones(14_000, np.int64), 195, "k80")]
    refuse_unlike(always, recordings(30, gpu="k80"))


def with_gpu(zone: Trace, gpu: str) -> Trace:
    return replace(zone, name=replace(zone.name, gpu=gpu))


@pytest.mark.parametrize(
    ("held_out", "says"),
    [
        ([*HELD_OUT, FITTED[0]], "r1a_v100_1 is one of the zones that are fitted"),
        ([*HELD_OUT, HELD_OUT[0]], "there are two traces of r1d_v100_1"),
        ([replace(HELD_OUT[0], gap_seconds=300)], "r1d_v100_1 has ticks of 300 s, the zones fitted of 195 s"),
        ([replace(HELD_OUT[0], gap_seconds=300), HELD_OUT[1]], "different gaps"),
        ([with_gpu(HELD_OUT[0], "k80")], "r1d_k80_1 is of another GPU than the zones fitted, v100"),
        ([trace("r2a", "10" * 200, 195)], "shorter than a day"),
        ([trace("r2a", np.zeros(14_000, np.int64), 195)], "r2a_v100_1 was never up"),
        ([trace("r2a", np.ones(14_000, np.int64), 195)], "zones that are always up"),
    ],
)
def test_zones_that_do_not_go_with_the_fitted_ones_are_refused(held_out: list[Trace], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        refuse_unlike(FITTED, held_out)


def test_the_gpu_is_the_one_that_a_shape_is_fitted_to() -> None:
    other = with_gpu(FITTED[0], "k80")
    with pytest.raises(ValueError, match="another GPU than the zones fitted, v100"):
        refuse_unlike([*FITTED, other], [with_gpu(HELD_OUT[0], "k80")])
