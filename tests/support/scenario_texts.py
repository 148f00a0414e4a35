"""Scenario texts, and how they are read or turned down."""

from pathlib import Path

import pytest
from gpu_sim.core.scenario.scenario import Scenario
from gpu_sim.scenario_files.load import Folder, ScenarioError, parse_scenario

DOCUMENTED = """\
scenario: 1                       # format version
name: capacity-crunch
description: H100s vanish from one provider for twenty minutes.
extends: default                  # optional
seed: 42                          # --seed overrides
clock: {mode: manual, start: 2026-01-01T00:00:00Z}
accounts:
  - {name: alice, token: si_test_alice, balance: "25.00"}
market:
  catalog: default
  prices: {activity: 1}
  interruptions: {mode: poisson, horizon: 1h, shared: 0.8, reclaim: 30m}
  provisioning:
    marketplace: {delay: {lognormal: {median: 90s, p95: 420s}}, failure: 5%}
billing: {minimum: 15m, idle_timeout: 15m, hold_expiry: 2h, interrupted: actual}
api: {profile: extended, unknown_fields: refuse}
faults:
  - {name: flaky-rent, on: {operation: rent_gpu}, effect: {respond: 503}, when: {probability: 5%}}
timeline:
  - {at: 1m, rent: {as: r1, account: alice, gpu_model: H100, provider_id: gcp, region: "us-central1, US"}}
  - {at: 10m, outage: {provider: gcp, for: 20m}}
  - {at: 10m, price: {gpu_model: H100, multiply: 3, for: 1h}}
  - {at: 20m, touch: r1}
  - {at: 45m, interrupt: {region: "Quebec, CA", share: 100%}}
until: 3h
"""
"""The example of the documentation."""


def parse(text: str, folder: Path | None = None, origin: str = "mine.yaml") -> Scenario:
    """A scenario of this text."""
    return parse_scenario(text, origin=origin, folder=None if folder is None else Folder(folder))


def refused(text: str, folder: Path | None = None, origin: str = "mine.yaml") -> ScenarioError:
    """The error with which a text is refused."""
    with pytest.raises(ScenarioError) as error:
        parse(text, folder, origin)
    return error.value


def write(folder: Path, **texts: str) -> None:
    """Scenario files in a folder."""
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text)
