"""A run over HTTP: the same decisions, the same facts, and the same journal to the byte."""

from types import SimpleNamespace

import pytest
from gpu_sim import load_scenario
from gpu_sim.core.scenario.acts import Selector
from gpu_sim.core.scenario.scenario import Scenario
from gpu_sim.experiments.runs.run import run
from gpu_sim.scenario_files.load import shipped_studies
from msgspec.structs import replace

from .small_market import small_market

_JOBS = "{name: a, count: 2, reactions: {retries: 2, back_off: 5s}, jobs: {work: 1h, arrivals: {poisson: {every: 3h}}}}"


def _same(scenario: Scenario, seed: int = 1) -> None:
    direct, over_http = run(scenario, seed=seed), run(scenario, seed=seed, through="http")
    assert over_http.facts == direct.facts
    assert over_http.metrics == direct.metrics
    assert list(over_http.journal()) == list(direct.journal())


async def _never(seconds: float) -> None:
    raise AssertionError(f"waits for {seconds} s")


@pytest.mark.parametrize("name", shipped_studies())
def test_each_study_is_the_same_both_ways(name: str) -> None:
    """Under its own seed, as it is shipped."""
    _same(load_scenario(name))


@pytest.mark.parametrize(
    "effect",
    [
        "respond: 503",
        "respond: 429, retry_after: 7s",
        "respond: 429, retry_after: 7s, retry_after_as: date",
        "respond: 429, retry_after: 7s, retry_after_as: epoch",
        "respond: 402",
        "respond: 409",
        "respond: 422",
        "respond: 502, form: html",
        "respond: 500, body: {error: {code: mine}}",
        "respond: 503, malformed: true",
        "respond: 204",
        "respond: 500, after: true",
        "rate_limit: {limit: 1, per: 100s}",
        "reset: true",
        "hang: 30s",
        "delay: 20s",
        "delay: 20s, delay_of: answer",
        "drip: {bytes: 1, every: 10s}",
        "lose_response: true",
        "duplicate: true",
        "truncate: 50%",
        "malformed: true",
        "gzip: true",
        "whitespace: 9",
    ],
)
def test_faults_are_met_the_same_both_ways(effect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By each operation, with its counts and draws; nobody waits on the wall for those that take time."""
    monkeypatch.setattr("gpu_sim.api.faults.waits.asyncio", SimpleNamespace(sleep=_never))  # of no other module
    faults = f"faults:\n  - {{name: f, effect: {{{effect}}}, when: {{probability: 40%, times: 6}}}}"
    _same(small_market(_JOBS, more=faults), seed=3)


def test_offers_of_one_price_come_in_the_same_order_both_ways() -> None:
    """By their names, whatever the order of the catalogue: the first of them is rented."""
    study = load_scenario("spread-or-cheapest")
    anywhere = replace(study.renters[0], offers=Selector(), spread=None, policy="on_demand", options={})
    _same(replace(study, renters=(anywhere,)))


def test_idling_credit_and_the_default_market_are_the_same_both_ways() -> None:
    """Touches go by the control plane; a hold that the credit does not cover is refused by both."""
    renters = """{name: s, policy: most_reliable, balance: "1.50", service: {replicas: 3, cold_start: 1m}}"""
    scenario = load_scenario("default")
    small = small_market(renters, until="8h", delay="30s")
    _same(small)
    _same(replace(scenario, renters=small.renters, until=small.until))
