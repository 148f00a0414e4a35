"""The shipped scenarios: each loads, says what it is, and keeps its golden journal to the byte."""

from pathlib import Path

import pytest
from gpu_sim.core.replay import replay
from gpu_sim.core.scenario.experiment.expectation import in_words
from gpu_sim.scenario_files.load import load_scenario, shipped_scenarios
from gpu_sim.shipped_files import folder

from ..support.scenario_runs import HOUR, run

NAMES = (
    "bad-week",
    "black-friday",
    "calm",
    "capacity-crunch",
    "chaos",
    "default",
    "flaky-api",
    "flapping-offer",
    "frozen-prices",
    "hold-expiry",
    "interruption-storm",
    "lost-responses",
    "low-credit",
    "nine-zones",
    "nine-zones-by-tick",
    "price-spike",
    "provider-outage",
    "rate-limited",
    "realistic",
    "regional-outage",
    "replayed",
    "slow-network",
    "slow-provisioning",
    "stuck-provisioning",
    "vanished-rental",
)

every_scenario = pytest.mark.parametrize("name", NAMES)


def test_these_and_no_others_are_shipped() -> None:
    assert tuple(shipped_scenarios()) == NAMES
    goldens = sorted(file.stem for file in (folder("scenarios") / "golden").iterdir())
    assert tuple(goldens) == NAMES


@every_scenario
def test_a_scenario_says_what_it_is_and_what_to_expect(name: str) -> None:
    scenario = load_scenario(name)
    assert scenario.name == name
    assert len(scenario.description) > 100
    assert "\n" not in scenario.description.strip()
    assert len(in_words(scenario.expect)) > 50
    assert scenario.until is not None
    assert scenario.until >= HOUR


@every_scenario
def test_every_scenario_has_alice(name: str) -> None:
    scenario = load_scenario(name)
    alice = scenario.accounts[0]
    assert (alice.name, alice.token) == ("alice", "si_test_alice")
    assert alice.balance == (100_000 if name == "low-credit" else 100_000_000)
    assert not any(act.rent is not None and act.rent.account == "alice" for act in scenario.timeline)


@every_scenario
def test_the_clock_of_what_is_not_for_watching_is_manual(name: str) -> None:
    clock = load_scenario(name).clock
    if name in ("default", "realistic"):
        assert (clock.mode, clock.start) == ("real", None)
    else:
        assert (clock.mode, clock.start) == ("manual", 1_767_225_600_000)


@every_scenario
def test_the_readme_lists_it(name: str) -> None:
    assert f"| [`{name}`]({name}.yaml) |" in (folder("scenarios") / "README.md").read_text()


@every_scenario
def test_the_golden_journal_is_what_a_run_gives(name: str, regenerate_golden: bool) -> None:
    golden: Path = folder("scenarios") / "golden" / f"{name}.ndjson"
    journal = b"".join(run(name).journal())
    if regenerate_golden:
        golden.parent.mkdir(exist_ok=True)
        golden.write_bytes(journal)
    recorded = golden.read_bytes()
    assert recorded.splitlines() == journal.splitlines(), "changed; if that is meant: --regenerate-golden"
    assert recorded == journal


@every_scenario
def test_the_replay_of_a_golden_journal_agrees(name: str) -> None:
    simulation, difference = replay((folder("scenarios") / "golden" / f"{name}.ndjson").read_bytes())
    assert difference is None
    assert simulation.now_ms == load_scenario(name).until
    simulation.ledger.audit()
