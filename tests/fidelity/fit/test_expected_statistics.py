"""Expected statistics of zones, against those of their simulated runs."""

import numpy as np
import pytest
from gpu_sim.core.kernel.quantities import Availability
from gpu_sim.core.market.availability_rates import calibrate
from gpu_sim.core.scenario.availability_shape import Shape
from gpu_sim.fidelity.fit.expected_statistics import DOWN_OVER_H, Setting, expect, shares_over
from gpu_sim.fidelity.fit.shape_fit import setting_of, targets_of
from gpu_sim.fidelity.fit.unsampled_rates import ZoneRates, sampled_per_hour
from gpu_sim.fidelity.runs.market_run import run_market
from gpu_sim.fidelity.runs.zones import observe_all, trace_names
from gpu_sim.fidelity.traces.statistics import measure

from ..known_market import LOOK_SECONDS, UNLIKE, recordings
from ..zone_markets import LOOKED, realistic, zone

DAYS = 60
SCENARIO = realistic(zone("us-east-1a"), zone("us-east-1b"), zone("us-west-2a"))


def measured(seed: int) -> dict[str, float]:
    """Three zones of two regions as the recorder saw them."""
    names = trace_names(SCENARIO.market.offers)
    return targets_of(observe_all(run_market(SCENARIO, seed, DAYS, fleets=False), names, LOOKED))


def as_recorded_for_ever() -> Setting:
    """The zones as a recorder sees them in the long run, in a setting of as many days as the runs have."""
    up = Availability(600_000)
    per_hour = SCENARIO.market.interruptions.goes_down_per_hour(400_000)
    seen = sampled_per_hour(calibrate(up, per_hour, Shape()), Shape(), LOOK_SECONDS / 3600)
    regions = ("us-east-1", "us-east-1", "us-west-2")
    return Setting(regions, (ZoneRates(up, seen),) * 3, (None,) * 3, 195.0, LOOK_SECONDS, DAYS * 86_400.0)


@pytest.mark.parametrize("count", [4, pytest.param(10, marks=pytest.mark.slow)])
def test_runs_of_a_market_come_out_as_expected(count: int) -> None:
    """Within four standard errors of their mean, and a twentieth for what is of second order."""
    expected = expect(as_recorded_for_ever(), Shape())
    runs = [measured(seed) for seed in range(count)]
    for name, value in expected.items():
        values = np.array([run[name] for run in runs])
        room = 4 * values.std() / np.sqrt(count) + 0.05 * values.mean()
        assert value == pytest.approx(values.mean(), abs=float(room)), name


def test_a_zone_by_itself_has_no_pairs() -> None:
    alone = recordings(30)[:1]
    expected = expect(setting_of(alone, LOOK_SECONDS), UNLIKE)
    pairs = ("phi_same_region", "phi_other_region", "co_interruption_lift")
    assert all(np.isnan(expected[name]) for name in pairs)
    assert expected["fano_all 24h"] == pytest.approx(expected["fano_zone 24h"])
    assert not any(np.isnan(value) for name, value in expected.items() if name not in pairs)


def test_many_pairs_are_stood_for_by_some(monkeypatch: pytest.MonkeyPatch) -> None:
    setting = setting_of([recordings(30)[0]] * 5, LOOK_SECONDS)
    every = expect(setting, UNLIKE)
    monkeypatch.setattr("gpu_sim.fidelity.fit.expected_statistics.PAIRS_MAX", 3)
    assert expect(setting, UNLIKE) == pytest.approx(every, nan_ok=True)


def test_looks_at_each_tick_are_expected_too() -> None:
    """Neighbouring ticks then count as near, so that more goes down together than in one tick alone."""
    zones = recordings(30)[:2]
    slow, quick = (expect(setting_of(zones, seconds), UNLIKE) for seconds in (LOOK_SECONDS, 195.0))
    assert 1 < quick["co_interruption_lift"] < 20
    assert quick["fail_given_fail 3.25min"] < 1
    assert slow["fano_zone 1h"] != quick["fano_zone 1h"]


def test_shares_of_long_times_down() -> None:
    assert shares_over(np.array([0.5, 1.0, 2.0, 5.0])) == {"down_over 1h": 0.5, "down_over 4h": 0.25}
    assert all(np.isnan(value) for value in shares_over(np.zeros(0)).values())
    assert DOWN_OVER_H == (1, 4)


def test_k_is_that_of_a_long_recording() -> None:
    zones = recordings(100)
    k = measure(zones).up_weibull_k
    assert expect(setting_of(zones, LOOK_SECONDS), UNLIKE)["up_weibull_k"] == pytest.approx(k, rel=0.05)
