"""Loading scenarios: the documented example, names, files."""

import subprocess
import sys
from pathlib import Path

import pytest
from gpu_sim.scenario_files.load import ScenarioError, load_scenario
from gpu_sim.scenario_files.yaml_tree import BYTES_MAX

from ..support.scenario_texts import DOCUMENTED, parse


def test_the_documented_example_loads() -> None:
    scenario = parse(DOCUMENTED)
    assert (scenario.name, scenario.seed, scenario.until) == ("capacity-crunch", 42, 3 * 3_600_000)
    assert scenario.clock.start == 1_767_225_600_000
    assert scenario.accounts[0].balance == 25_000_000
    assert len(scenario.market.offers) == 79
    assert scenario.market.interruptions.reclaim.fixed == 1_800_000
    terms = scenario.market.provisioning.terms("marketplace")
    assert terms.delay is not None
    assert terms.delay.lognormal is not None
    assert (terms.delay.lognormal.median, terms.delay.lognormal.p95, terms.failure) == (90_000, 420_000, 50_000)
    assert [act.kind for act in scenario.timeline] == ["rent", "outage", "price", "touch", "interrupt"]
    assert scenario.timeline[2].price is not None
    assert scenario.timeline[2].price.multiply == 3_000_000


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        ("rent: {as: r2, account: alice, gpu_model: H100, provider_id: gcp, region: 'us-central1, US'}", "rent"),
        ("terminate: r1", "terminate"),
        ("touch: r1", "touch"),
        ("outage: {region: 'Quebec, CA'}", "outage"),
        ("price: {provider: gcp, set: '1.500'}", "price"),
        ("capacity: {gpu_model: H100, set: 0, for: 5m}", "capacity"),
        ("interrupt: {share: 0.5}", "interrupt"),
        ("credit: {account: alice, amount: '10.00'}", "credit"),
    ],
)
def test_each_act_loads(act: str, kind: str) -> None:
    scenario = parse(DOCUMENTED.replace("until: 3h", f"  - {{at: 50m, {act}}}\nuntil: 3h"))
    assert scenario.timeline[-1].kind == kind


def test_a_name_is_enough_and_means_the_shipped_catalogue() -> None:
    scenario = parse("name: mine")
    assert scenario.market.offers == load_scenario("calm").market.offers
    assert scenario.accounts[0].token == "si_test_alice"
    assert scenario.market.catalog is None


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ScenarioError, match=r'^interruption-strom: .*; did you mean "interruption-storm"\?$'):
        load_scenario("interruption-strom")
    with pytest.raises(ScenarioError, match=r"^qqq: .*: bad-week, black-friday, calm, capacity-crunch, "):
        load_scenario("qqq")


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"nowhere.yaml: cannot be read: No such file"):
        load_scenario(str(tmp_path / "nowhere.yaml"))
    (tmp_path / "latin.yaml").write_bytes(b"name: x\n# caf\xe9\n")
    with pytest.raises(ScenarioError, match=r"latin.yaml:2: this is not UTF-8"):
        load_scenario(str(tmp_path / "latin.yaml"))
    (tmp_path / "large.yaml").write_bytes(b"#" * (BYTES_MAX + 1))
    with pytest.raises(ScenarioError, match=r"large.yaml: larger than"):
        load_scenario(str(tmp_path / "large.yaml"))


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_bytes(b"\xef\xbb\xbfname: mine\r\nseed: 3\r\n")
    assert load_scenario(str(tmp_path / "mine.yaml")).seed == 3


def test_loading_imports_nothing_that_serving_does_not_need() -> None:
    script = (
        "import sys; from gpu_sim.scenario_files.load import load_scenario; load_scenario('default');"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & "
        "{'faker', 'starlette', 'uvicorn', 'click', 'asyncio', 'hypothesis', 'jsonschema', 'numpy'}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
