"""`gpu-sim check`, `scenarios` and `schema`: scenario files."""

import json

import click

from ..core.scenario.experiment.expectation import in_words
from ..core.scenario.scenario import Scenario
from .exit_codes import CannotTry
from .lines import echo


def load_scenario_or_end(name: str) -> Scenario:
    """The scenario of that name or file. Raises CannotTry."""
    from ..scenario_files.load import ScenarioError, load_scenario

    try:
        return load_scenario(name)
    except ScenarioError as error:
        raise CannotTry(str(error)) from None


@click.command()
@click.argument("file")
@click.pass_context
def check(ctx: click.Context, file: str) -> None:
    """Check a scenario file; every problem is named with its line and column."""
    from ..scenario_files.load import ScenarioError, load_scenario

    try:
        scenario = load_scenario(file)
    except ScenarioError as error:
        if all(problem.line is None for problem in error.problems):  # there is nothing to check
            raise CannotTry(str(error)) from None
        echo(str(error), err=True)
        ctx.exit(1)
    echo(f"{file}: scenario {scenario.name} is fine")


@click.command()
def scenarios() -> None:
    """List the shipped scenarios and studies."""
    from ..scenario_files.load import load_scenario, shipped_scenarios, shipped_studies

    studies = shipped_studies()
    for name in (*shipped_scenarios(), *studies):
        scenario = load_scenario(name)
        kind = " (a study, for gpu-sim run and sweep)" if name in studies else ""
        echo(f"{name}{kind}\n    {' '.join(scenario.description.split())}")
        echo(f"    Expect: {in_words(scenario.expect)}")


@click.command()
def schema() -> None:
    """Print the JSON Schema of scenario files."""
    from ..scenario_files.load import scenario_schema

    echo(json.dumps(scenario_schema(), indent=2))
