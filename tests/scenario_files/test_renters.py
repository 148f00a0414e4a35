"""Renters in scenario files: what loads, and what is refused with its place."""

import jsonschema
import pytest
import yaml
from gpu_sim.scenario_files.load import scenario_schema

from ..support.markdown import blocks_of
from ..support.readmes import READMES
from ..support.scenario_texts import parse

EXAMPLE = next(block.text for block in blocks_of(READMES["scenarios/README.md"]) if block.text.startswith("renters:"))


def test_the_documented_renters_load_and_pass_the_schema() -> None:
    trainer, web = parse(f"name: mine\n{EXAMPLE}").renters
    assert trainer.jobs is not None
    assert trainer.jobs.work.fixed == 48 * 3_600_000
    assert (trainer.jobs.deadline, trainer.jobs.budget, trainer.tick) == (52 * 3_600_000, 150_000_000, 195_000)
    assert web.service is not None
    assert [web.service.wanted_at(hour * 3_600_000) for hour in (0, 7, 8, 19, 20, 99)] == [3, 3, 6, 6, 3, 3]
    assert (web.count, web.options, web.min_vram_gb, web.reactions.retries) == (3, {"spare": 2}, 80, 4)
    jsonschema.Draft202012Validator(scenario_schema()).validate(yaml.safe_load(f"name: mine\n{EXAMPLE}"))


@pytest.mark.parametrize(
    ("work", "middle_ms"),
    [("90m", 5_400_000), ("{fixed: 90m}", 5_400_000), ("{lognormal: {median: 2h, p95: 9h}}", None)],
)
def test_work_is_a_duration_or_a_distribution(work: str, middle_ms: int | None) -> None:
    (renter,) = parse(f"name: mine\nrenters:\n  - {{name: a, jobs: {{work: {work}}}}}").renters
    assert renter.jobs is not None
    assert renter.jobs.work.fixed == middle_ms


def test_the_options_of_a_policy_are_texts_numbers_and_truths() -> None:
    options = "{a: fast, b: 3, c: 0.5, d: true}"
    (renter,) = parse(f"name: mine\nrenters:\n  - {{name: a, options: {options}, jobs: {{work: 1h}}}}").renters
    assert renter.options == {"a": "fast", "b": 3, "c": 0.5, "d": True}
    assert list(map(type, renter.options.values())) == [str, int, float, bool]
