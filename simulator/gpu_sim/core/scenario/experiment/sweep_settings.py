"""The settings of a sweep: many runs of a scenario that differ in settings and seeds."""

import re
from typing import Literal, TypeAlias

from msgspec import Struct, field

SEEDS_MAX = 1_000_000
TRIALS_MAX = 1_000_000

Value: TypeAlias = str | int | float | bool | None
"""A value of a setting, as a scenario file writes it."""

_is_dotted = re.compile(r"[^.\s]+(\.[^.\s]+)*").fullmatch


class SweepSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The settings of `gpu-sim sweep`, which its flags win over. All its runs share their seeds, and so their luck."""

    settings: dict[str, str | tuple[Value, ...]] = field(default_factory=dict)
    """The settings that vary, by their dotted names such as `renters.0.policy`: a list of values, or a text such as
    `0..1:5` or `cheapest,spot_hedge`, as `--set` takes it."""
    seeds: int = 1
    """The number of seeds under which each combination is run: the scenario's own and those after it."""
    baseline: dict[str, Value] = field(default_factory=dict)
    """The values with which all others are compared, by the names of settings; those left out are the same on both
    sides of a comparison."""
    sampling: Literal["grid", "random"] = "grid"
    """Every combination of values, or with `random` so many as `trials` says."""
    trials: int | None = None
    """The number of combinations that are drawn; goes with sampling `random`."""

    def __post_init__(self) -> None:
        for name in self.settings:
            if _is_dotted(name) is None:
                raise ValueError(f'settings: "{name[:64]}" is no dotted name such as renters.0.policy')
        for name, values in self.settings.items():
            if not values:
                raise ValueError(f"settings: {name} has no values")
            if not isinstance(values, str) and len({(type(each), each) for each in values}) < len(values):
                raise ValueError(f"settings: {name} has a value twice")
        if not 1 <= self.seeds <= SEEDS_MAX:
            raise ValueError(f"seeds must be 1 to {SEEDS_MAX}")
        if (self.trials is not None) != (self.sampling == "random"):
            raise ValueError("trials goes with sampling random, and sampling random with trials")
        if self.trials is not None and not 1 <= self.trials <= TRIALS_MAX:
            raise ValueError(f"trials must be 1 to {TRIALS_MAX}")
        self._check_baseline()

    def _check_baseline(self) -> None:
        for name, value in self.baseline.items():
            values = self.settings.get(name)
            if values is None:
                raise ValueError(f"baseline: {name} is not among the settings that vary")
            # Of a text the sweep itself knows the values.
            if not isinstance(values, str) and value not in values:
                raise ValueError(f"baseline: {value} is not among the values of {name}")
