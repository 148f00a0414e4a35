"""The fit finds again what a simulated recording was made with, and finds the same each time."""

import pytest
from gpu_sim.core.scenario.availability_shape import Shape
from gpu_sim.fidelity.fit import shape_fit
from gpu_sim.fidelity.fit.expected_statistics import Setting, expect
from gpu_sim.fidelity.fit.shape_fit import COMPARED, Compared, fit_shape, looks_max, setting_of, shows_shape, targets_of
from gpu_sim.fidelity.traces.traces import align

from ..known_market import LOOK_SECONDS, UNLIKE, ZONES, recordings

DAYS = 100


def setting(days: int = DAYS) -> Setting:
    return setting_of(recordings(days), LOOK_SECONDS)


@pytest.fixture(scope="module")
def found() -> Shape:
    """Fitted to five zones of one region, in no more than four rounds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shape_fit, "ROUNDS_MAX", 4)
        return fit_shape(recordings(DAYS), setting())


def misfit(shape: Shape, days: int = DAYS) -> float:
    """The distance of a shape from the statistics of so many recorded days."""
    expected, recorded = expect(setting(days), shape), targets_of(recordings(days))
    there = [each for each in COMPARED if each.name != "phi_other_region"]
    return sum(each.off(expected[each.name], recorded[each.name]) ** 2 for each in there)


def rates_over_real(shape: Shape, days: int = DAYS) -> list[float]:
    """How often each zone goes down, over what the shape of the recording itself would lead to."""
    rates = setting(days).unsampled_rates(shape)
    return [each.lost / real.lost for real, each in zip(setting(days).unsampled_rates(UNLIKE), rates, strict=True)]


@pytest.mark.slow
def test_the_shape_that_the_recording_was_made_with_is_found(found: Shape) -> None:
    """As far as a hundred days show it: how long offers are down, and how strong stress is."""
    assert abs(found.long - UNLIKE.long) < 0.4 * abs(Shape().long - UNLIKE.long)
    assert abs(found.stress - UNLIKE.stress) < 0.4 * abs(Shape().stress - UNLIKE.stress)
    assert misfit(found) < 0.2 * misfit(Shape())


@pytest.mark.slow
def test_the_real_rates_are_found(found: Shape) -> None:
    """They are those that the shape of the recording itself would lead to: each within a tenth, and their mean within a
    twentieth. The recording's own luck is another matter: zones of one region share it, and a hundred days are few."""
    rates, over = setting().unsampled_rates(found), rates_over_real(found)
    assert over == pytest.approx([1] * len(ZONES), abs=0.1)
    assert sum(over) / len(over) == pytest.approx(1, abs=0.05)
    for recorded, each, (up, _) in zip(setting().recorded, rates, ZONES.values(), strict=True):
        assert recorded.per_hour < each.lost
        assert recorded.availability / 1_000_000 == pytest.approx(up, abs=0.06)


@pytest.mark.slow
def test_two_rounds_come_near_and_the_same_zones_give_the_same_shape_in_whatever_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shape_fit, "ROUNDS_MAX", 2)
    looked: list[int] = []
    given = recordings(30)
    first, again = (
        fit_shape(zones, setting_of(zones, LOOK_SECONDS), lambda: looked.append(1))
        for zones in (align(given), align(reversed(given)))
    )
    assert first == again
    assert 2 * 2 <= len(looked) <= 2 * looks_max()
    assert misfit(first, 30) < 0.3 * misfit(Shape(), 30)
    assert rates_over_real(first, 30) == pytest.approx([1] * len(ZONES), abs=0.1)


def test_four_zones_and_twenty_days_show_a_shape() -> None:
    zones = recordings(30)
    assert shows_shape(zones[:4])
    assert not shows_shape(zones[:3])
    assert not shows_shape(recordings(19))


def test_statistics_are_off_in_spreads_of_their_own() -> None:
    assert Compared("x", 0.5).off(2.0, 1.0) == 2
    assert Compared("x", 0.5, relative=True).off(1.0, 1.0) == 0
    assert Compared("x", 0.5, relative=True).off(2.0, 1.0) == pytest.approx(2 * 0.6931, abs=1e-3)
