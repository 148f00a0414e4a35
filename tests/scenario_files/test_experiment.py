"""Renters, expectations and sweeps in scenario files: what loads, and what is refused with its place."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from gpu_sim.core.scenario.experiment.expectation import During, comparisons
from gpu_sim.core.scenario.experiment.sweep_settings import SweepSettings
from gpu_sim.scenario_files.document import scenario_document
from gpu_sim.scenario_files.load import build_scenario, load_scenario, scenario_schema

from ..support.markdown import blocks_of
from ..support.readmes import READMES
from ..support.scenario_texts import parse, refused

BLOCKS = [block.text for block in blocks_of(READMES["scenarios/README.md"]) if block.info == "yaml"]


def documented(key: str) -> str:
    """The example of the README that begins with that key."""
    return next(text for text in BLOCKS if text.startswith(f"{key}:"))


WHOLE = "name: mine\n" + "".join(map(documented, ("renters", "expect", "sweep")))
HOUR = 3_600_000


def test_the_documented_renters_load() -> None:
    trainer, web = parse(WHOLE).renters
    assert trainer.jobs is not None
    assert trainer.jobs.work.fixed == 48 * HOUR
    assert (trainer.jobs.deadline, trainer.jobs.budget, trainer.tick) == (52 * HOUR, 150_000_000, 195_000)
    assert web.service is not None
    assert [web.service.wanted_at(hour * HOUR) for hour in (0, 7, 8, 19, 20, 99)] == [3, 3, 6, 6, 3, 3]
    assert (web.count, web.options, web.min_vram_gb, web.reactions.retries) == (3, {"spare": 2}, 80, 4)


def test_the_documented_expectations_load() -> None:
    expect = parse(WHOLE).expect
    assert isinstance(expect, tuple)
    assert isinstance(expect[0], str)
    ready, cost, credit, held = (each for _, each in comparisons(expect))
    assert (ready.at_least, ready.when, ready.because[:11]) == (985_000, "at the end", "the service")
    assert (cost.at_least, cost.at_most) == (40_000_000, 52_500_000)
    assert (credit.ledger, credit.at_least, credit.when) == ("alice.available", 0, "always")
    assert isinstance(held.when, During)
    assert (held.equals, held.when.between) == (0, (53 * HOUR, 54 * HOUR))


def test_the_documented_sweep_loads() -> None:
    assert parse(WHOLE).sweep == SweepSettings(
        settings={"renters.0.policy": ("cheapest", "uniform_progress"), "market.interruptions.shared": "0..1:5"},
        seeds=50,
        baseline={"renters.0.policy": "cheapest"},
    )


def test_the_schema_knows_all_of_it() -> None:
    jsonschema.Draft202012Validator(scenario_schema()).validate(yaml.safe_load(WHOLE))


def test_its_document_is_the_same_scenario(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(WHOLE)
    document = json.loads(json.dumps(scenario_document(file)))
    assert build_scenario(document, origin="it", folder=None) == load_scenario(str(file))


def test_who_extends_it_inherits_its_renters_and_its_sweep_but_no_expectation(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(WHOLE)
    child = parse("name: child\nextends: mine.yaml\nsweep: {seeds: 3}\n", tmp_path)
    parent = load_scenario(str(tmp_path / "mine.yaml"))
    assert (child.renters, child.expect) == (parent.renters, "")
    assert child.sweep is not None
    assert parent.sweep is not None
    assert (child.sweep.seeds, child.sweep.settings) == (3, parent.sweep.settings)


@pytest.mark.parametrize(
    ("work", "middle_ms"),
    [("90m", 90 * 60_000), ("{fixed: 90m}", 90 * 60_000), ("{lognormal: {median: 2h, p95: 9h}}", None)],
)
def test_work_is_a_duration_or_a_distribution(work: str, middle_ms: int | None) -> None:
    (renter,) = parse(f"name: mine\nrenters:\n  - {{name: a, jobs: {{work: {work}}}}}").renters
    assert renter.jobs is not None
    assert renter.jobs.work.fixed == middle_ms


def values_of(text: str) -> list[tuple[type[Any], Any]]:
    (renter,) = parse(f"name: mine\nrenters:\n  - {{name: a, options: {text}, jobs: {{work: 1h}}}}").renters
    return [(type(value), value) for value in renter.options.values()]


def test_the_options_of_a_policy_are_texts_numbers_and_truths() -> None:
    found = values_of("{a: fast, b: 3, c: 0.5, d: true}")
    assert found == [(str, "fast"), (int, 3), (float, 0.5), (bool, True)]


@pytest.mark.parametrize(
    ("line", "field", "reason"),
    [
        ("renters: [{name: ann, jobs: {^wrok: 1h}}]", "renters[0].jobs.wrok", 'did you mean "work"?'),
        ("renters: [{name: ann, jobs: {work: ^long}}]", "renters[0].jobs.work", "expected a duration such as 90s"),
        ("renters: [^{name: ann}]", "renters[0]", "give either jobs or service"),
        ("renters: [^{name: ann, count: 0, jobs: {work: 1h}}]", "renters[0]", "count must be 1 to 10000"),
        ("renters: [{name: ann, options: {b: 1, a: ^[1]}, jobs: {work: 1h}}]", "renters[0].options.a", "got a list"),
        ("renters: [{name: ann, options: {b: 1, a: ^{}}, jobs: {work: 1h}}]", "renters[0].options.a", "got a mapping"),
        ("sweep: {settings: {seed: [1], until: ^0.5}}", "sweep.settings.until", "got a decimal number"),
        ("sweep: {settings: {seed: [1], until: ^true}}", "sweep.settings.until", "got true or false"),
        ("sweep: {settings: {seed: [1], until: ^}}", "sweep.settings.until", "got nothing"),
        ("sweep: {settings: ^{seed: [[1]]}}", "sweep.settings", "got a list"),
        (
            "renters: [{name: ann, offers: {provider: ^vastai}, jobs: {work: 1h}}]",
            "renters[0].offers.provider",
            'no offer has provider "vastai"; did you mean "vast-ai"?',
        ),
        (
            "renters: [{name: ann, offers: ^{provider: vast-ai, gpu_model: B300}, jobs: {work: 1h}}]",
            "renters[0].offers",
            "no offer matches all of these",
        ),
        (
            "renters: [{name: ann, min_vram_gb: ^900, jobs: {work: 1h}}]",
            "renters[0].min_vram_gb",
            "no offer that it may rent has 900 GB",
        ),
        ("renters: [{name: ^alice, jobs: {work: 1h}}]", "renters[0].name", 'the name "alice" is taken'),
        ("expect: ^5", "expect", "expected text or a list, got a whole number"),
        ("expect: [{metric: a, ^at_last: 5}]", "expect[0].at_last", 'did you mean "at_least"?'),
        ("expect: [{metric: a, at_least: ^x}]", "expect[0].at_least", 'a number such as 0.985, 98.5% or "25.00"'),
        ("expect: [{metric: a, at_least: 1, when: ^allways}]", "expect[0].when", 'did you mean "always"?'),
        ("expect: [x, {ledger: ^alise.held, equals: 0}]", "expect[1].ledger", 'did you mean "alice"?'),
        ("expect: [^{ledger: alice.helt, equals: 0}]", "expect[0]", 'did you mean "held"?'),
        ("sweep: {^seed: 5}", "sweep.seed", 'did you mean "seeds"?'),
        ("sweep: {sampling: ^gird}", "sweep.sampling", 'did you mean "grid"?'),
        ("sweep: ^{baseline: {seed: 1}}", "sweep", "seed is not among the settings that vary"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(line: str, field: str, reason: str) -> None:
    """`^` marks the place."""
    (found,) = refused(f"name: mine\n{line.replace('^', '')}").problems
    assert (found.line, found.column, found.field) == (2, line.index("^") + 1, field)
    assert reason in found.message
