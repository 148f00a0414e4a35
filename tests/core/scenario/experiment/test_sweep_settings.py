"""The settings of a sweep: what they may be."""

from typing import Any

import pytest
from gpu_sim.core.scenario.experiment.sweep_settings import SEEDS_MAX, TRIALS_MAX, SweepSettings

POLICY = "renters.0.policy"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"settings": {"": ("a",)}}, 'settings: "" is no dotted name such as renters.0.policy'),
        ({"settings": {"a..b": ("a",)}}, 'settings: "a..b" is no dotted name'),
        ({"settings": {"a b": ("a",)}}, 'settings: "a b" is no dotted name'),
        ({"settings": {POLICY: ()}}, "settings: renters.0.policy has no values"),
        ({"settings": {POLICY: ""}}, "settings: renters.0.policy has no values"),
        ({"settings": {POLICY: ("a", "b", "a")}}, "settings: renters.0.policy has a value twice"),
        ({"seeds": 0}, "seeds must be 1 to 1000000"),
        ({"seeds": SEEDS_MAX + 1}, "seeds must be 1 to 1000000"),
        ({"trials": 3}, "trials goes with sampling random"),
        ({"sampling": "random"}, "sampling random with trials"),
        ({"sampling": "random", "trials": 0}, "trials must be 1 to 1000000"),
        ({"sampling": "random", "trials": TRIALS_MAX + 1}, "trials must be 1 to 1000000"),
        ({"baseline": {POLICY: "a"}}, "baseline: renters.0.policy is not among the settings that vary"),
        ({"settings": {POLICY: ("a",)}, "baseline": {POLICY: "b"}}, "baseline: b is not among the values of"),
    ],
)
def test_what_sweeps_nothing_is_refused(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        SweepSettings(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"settings": {POLICY: ("a", "b"), "billing.minimum": "1m..15m:5"}, "baseline": {POLICY: "b"}},
        {"settings": {"billing.minimum": "1m..15m:5"}, "baseline": {"billing.minimum": "1m"}},
        {"settings": {"seed": (1, True, 1.5, None, "1")}, "seeds": SEEDS_MAX},
        {"settings": {"journal": ("full",)}, "sampling": "random", "trials": TRIALS_MAX},
    ],
)
def test_a_sweep_at_its_bounds_is_accepted(fields: dict[str, Any]) -> None:
    assert SweepSettings(**fields).settings == fields.get("settings", {})
