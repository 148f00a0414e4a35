"""`gpu-sim run`: the renters of a scenario live through it, and what came of it."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..output_file import why_unwritable, write_file
from .exit_codes import CannotTry
from .lines import echo, print_lines
from .options import FILE, FOLDER, json_option
from .scenarios import load_scenario_or_end

if TYPE_CHECKING:
    from ..core.scenario.scenario import Scenario
    from ..experiments.runs.run_result import RunResult, Through

JOURNAL = "journal.ndjson"
RESULT = "result.json"


@click.command()
@click.argument("scenario_name", metavar="SCENARIO")
@click.option("--seed", type=int, help="The seed of all luck; the scenario's unless given.")
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="NAME=VALUE",
    help="Change the scenario: renters.0.policy=greedy; may be given again.",
)
@click.option(
    "--through",
    type=click.Choice(["core", "http"]),
    default="core",
    show_default=True,
    help="The way of requests: straight to the simulation, or through the API, with the same outcome.",
)
@json_option("Print all metrics and the expectations as JSON.")
@click.option("--junit", type=FILE, metavar="FILE", help="Write the expectations as JUnit XML as well.")
@click.option("--out", type=FOLDER, metavar="DIR", help=f"Write {RESULT} and {JOURNAL}, for `gpu-sim replay`, there.")
@click.pass_context
def run(
    ctx: click.Context,
    scenario_name: str,
    seed: int | None,
    assignments: tuple[str, ...],
    through: "Through",
    as_json: bool,
    junit: Path | None,
    out: Path | None,
) -> None:
    """Let the renters of SCENARIO live through it in virtual time, and compare the outcome with what it expects.

    Exit code 0: all that it expects holds, 1: some does not, 2: it could not be tried.
    """
    if junit is not None and (reason := why_unwritable(junit)):
        raise CannotTry(f"--junit: {junit} cannot be written: {reason}")
    from .tables.run_lines import run_document, run_junit, run_lines

    scenario, settings = _under(load_scenario_or_end(scenario_name), assignments)
    result = _result(scenario, seed, settings, through, scenario_name)
    document = json.dumps(run_document(scenario, result), indent=2, ensure_ascii=False)
    try:
        if junit is not None:
            write_file(junit, run_junit(scenario, result))
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            for written in _written(out, document, result):
                # On stderr: with --json stdout is one document.
                echo(f"{written} is written", err=True)
    except OSError as error:
        raise CannotTry(f"{error.filename} cannot be written: {error.strerror}") from None
    if as_json:
        echo(document)
    else:
        print_lines(run_lines(scenario, result))
    ctx.exit(1 if result.misses else 0)


def _under(scenario: "Scenario", assignments: Sequence[str]) -> "tuple[Scenario, dict[str, str]]":
    """The scenario under the settings of `--set`, and these as texts. Raises CannotTry."""
    if not assignments:
        return scenario, {}
    from ..experiments.sweeps.settings import SettingUnusable, Template, parse_setting, told

    try:
        given = [parse_setting(each) for each in assignments]
        for name, values in given:
            if len(values) > 1:
                raise SettingUnusable(name, f"a run has one value, not {len(values)}; gpu-sim sweep tries several")
        names = [name for name, _ in given]
        for name in names:
            if names.count(name) > 1:
                raise SettingUnusable(name, "it is given twice")
        settings = {name: values[0] for name, values in given}
        return Template(scenario).under(settings), told(settings)
    except SettingUnusable as error:
        raise CannotTry(f"--set {error}") from None


def _result(
    scenario: "Scenario", seed: int | None, settings: dict[str, str], through: "Through", called: str
) -> "RunResult":
    """The run. Raises CannotTry."""
    from ..experiments.policies.problems import PolicyNotFound, PolicyUnfit
    from ..experiments.runs.policy_failed import PolicyFailed, RunImpossible
    from ..experiments.runs.run import run

    try:
        return run(scenario, seed=seed, settings=settings, through=through, called=called)
    except (PolicyFailed, PolicyNotFound, PolicyUnfit, RunImpossible) as error:
        raise CannotTry(str(error)) from None


def _written(out: Path, document: str, result: "RunResult") -> Iterator[Path]:
    """The files of a run, as they are written."""
    from ..experiments.report.run_page import write_run_page

    yield write_run_page(result, out)
    for name, content in ((RESULT, f"{document}\n".encode()), (JOURNAL, b"".join(result.journal()))):
        write_file(out / name, content)
        yield out / name
