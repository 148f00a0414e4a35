"""A search for the settings of least or most of a metric, by Optuna, which the extra `search` installs."""

from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ...core.scenario.scenario import Scenario
from .plan import check_settings, own_settings, sweep_plan
from .settings import Setting, SettingUnusable, text_of, values_of
from .sweep import run_plan


class Found(Struct, frozen=True):
    """The settings of a trial, in texts, and the mean of the objective over its seeds."""

    settings: dict[str, str]
    mean: float


def search_settings(
    scenario: Scenario,
    settings: list[Setting],
    *,
    objective: str,
    trials: int,
    maximize: bool = False,
    seeds: int | None = None,
    results: Path | str = ":memory:",
    jobs: int | None = None,
    on_trial: Callable[[int], None] = lambda _: None,
    called: str | None = None,
) -> tuple[Found, ...]:
    """The trials of a search, in their order: each runs one combination of values under all seeds.

    `settings` win over those of the scenario's `sweep`. The search draws by the scenario's seed, so it goes the same
    way each time. Runs that `results` has are not run again. Raises SettingUnusable, KeyError for an objective that
    runs do not have, and what runs raise.
    """
    import optuna  # noqa: PLC0415  # it is of an extra, and slow to load

    # What breaks a trial off is raised here, and told once.
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    direction = "maximize" if maximize else "minimize"
    check_settings(settings)
    block = own_settings(scenario, settings)
    varied = [Setting(name, values_of(name, values)) for name, values in block.settings.items()]
    varied = [*{each.name: each for each in (*varied, *settings)}.values()]
    if not varied:
        raise SettingUnusable("NAME=VALUES", "a search needs settings that vary")
    seeds = block.seeds if seeds is None else seeds
    # A trial is one combination, which the search draws and not the scenario's `sweep`.
    scenario = replace(scenario, sweep=None)
    study = optuna.create_study(direction=direction, sampler=optuna.samplers.TPESampler(seed=scenario.seed))
    found: list[Found] = []

    def tried(trial: Any) -> float:
        chosen = [
            Setting(each.name, (each.values[trial.suggest_int(each.name, 0, len(each.values) - 1)],)) for each in varied
        ]
        plan = sweep_plan(scenario, settings=chosen, seeds=seeds, baseline={}, called=called)
        ran = run_plan(plan, results=results, jobs=jobs)
        values = ran.values(objective)[0]
        ran.close()
        # A run without a value, such as the recovery of what was never interrupted, says nothing of the objective.
        known = [value for value in values if value is not None]
        if not known:
            raise optuna.TrialPruned
        found.append(Found({each.name: text_of(each.values[0]) for each in chosen}, fmean(known)))
        on_trial(1)
        return found[-1].mean

    study.optimize(tried, n_trials=trials)
    return tuple(found)
