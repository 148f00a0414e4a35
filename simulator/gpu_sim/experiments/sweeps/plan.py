"""The plan of a sweep: its combinations of settings, each with the scenario that it makes, and its seeds."""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from ...core.kernel.names import did_you_mean
from ...core.scenario.experiment.sweep_settings import SweepSettings, Value
from ...core.scenario.recordings import Recording
from ...core.scenario.scenario import Scenario
from ..runs.policy_failed import RunImpossible
from .settings import (
    Setting,
    SettingUnusable,
    Template,
    combinations,
    drawn_combinations,
    text_of,
    told,
    values_of,
    with_trace,
)


class Point(Struct, frozen=True, eq=False):
    """One combination of settings, in texts, and the scenario under it."""

    settings: dict[str, str]
    scenario: Scenario


class SweepPlan(Struct, frozen=True, eq=False):
    """All combinations, each of which is run under all seeds; `baseline` is the one that others are compared with, by
    those settings of it that are given. `called` is the scenario's name or file, by which a
    line repeats a run."""

    scenario: Scenario
    points: tuple[Point, ...]
    seeds: range
    baseline: dict[str, str]
    called: str | None = None


SEED_MAX = 2**63 - 1
"""The greatest seed of a sweep: results keep no greater number."""

TRACE = "trace"
"""The setting by which results tell the trace that was played."""


def sweep_plan(
    scenario: Scenario,
    *,
    settings: Sequence[Setting] = (),
    seeds: int | None = None,
    seed_first: int | None = None,
    baseline: Mapping[str, Value] | None = None,
    trials: int | None = None,
    traces: Mapping[str, Recording] | None = None,
    called: str | None = None,
) -> SweepPlan:
    """The plan of a scenario's `sweep`, over which these arguments win. Raises SettingUnusable, and RunImpossible for
    seeds that results cannot keep.

    With `trials` so many combinations are drawn; else all are run. `traces` take, one after the other, the place of the
    first recording of availability: they are a setting more, called `trace`.
    """
    block = own_settings(scenario, settings)
    wanted = {name: values_of(name, values) for name, values in block.settings.items()}
    check_settings(settings)
    wanted.update(settings)
    each = [Setting(name, values) for name, values in wanted.items()]
    # The runs are those of the scenario without its sweep, which is no part of any.
    templates: dict[str, Template] = {
        name: Template(with_trace(scenario, trace)) for name, trace in (traces or {}).items()
    }
    trials = block.trials if trials is None else trials
    drawn = combinations(each) if trials is None else drawn_combinations(each, trials, scenario.seed)
    points = tuple(
        Point(told(values) | ({TRACE: name} if name else {}), template.under(values))
        for values in drawn
        for name, template in (templates or {"": Template(scenario)}).items()
    )
    if baseline is None:
        # The scenario's own goes with the scenario's own values: where others are given it compares with nothing.
        base = {n: v for n, v in told(block.baseline).items() if v in map(text_of, wanted[n])}
    else:
        base = told(baseline)
        _check_baseline(base, wanted | ({TRACE: tuple(traces)} if traces else {}))
    first = scenario.seed if seed_first is None else seed_first
    count = block.seeds if seeds is None else seeds
    if count < 1:
        raise RunImpossible("seeds", f"a sweep has at least 1 seed, not {count}")
    if not -SEED_MAX <= first <= SEED_MAX - count:
        raise RunImpossible("seed", f"the seeds of a sweep are from -{SEED_MAX} to {SEED_MAX}")
    return SweepPlan(scenario, points, range(first, first + count), base, called)


def own_settings(scenario: Scenario, settings: Sequence[Setting]) -> SweepSettings:
    """The scenario's `sweep`, in which what one of these settings is about too has the name that it has there: a place
    has several, such as `renters.0.policy` and `renters.job.policy`. Raises SettingUnusable."""
    block = scenario.sweep or SweepSettings()
    if not block.settings or not settings:
        return block
    template = Template(scenario)
    given = {template.place(setting.name): setting.name for setting in settings}
    names = {name: given.get(template.place(name), name) for name in (*block.settings, *block.baseline)}
    return replace(
        block,
        settings={names[name]: values for name, values in block.settings.items()},
        baseline={names[name]: value for name, value in block.baseline.items()},
    )


def check_settings(settings: Sequence[Setting]) -> None:
    """Raises SettingUnusable for a setting that is given twice, and for one that would change nothing."""
    names = [setting.name for setting in settings]
    for name in names:
        if names.count(name) > 1:
            raise SettingUnusable(name, "it is given twice; give all its values at once, as in name=value,value")
        if name == "seed":
            raise SettingUnusable(name, "each combination runs under the seeds of the sweep: give those in its place")
        if name.split(".")[0] == "sweep":
            raise SettingUnusable(name, "the runs of a sweep are without its own settings: this would change none")


def _check_baseline(baseline: Mapping[str, str], wanted: Mapping[str, Sequence[Value]]) -> None:
    """Raises SettingUnusable for a baseline that no combination has."""
    for name, value in baseline.items():
        if name not in wanted:
            raise SettingUnusable(name, f"the baseline names a setting that does not vary{did_you_mean(name, wanted)}")
        if value not in map(text_of, wanted[name]):
            raise SettingUnusable(name, f'the baseline "{value}" is none of its values')
