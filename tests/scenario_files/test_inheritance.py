"""Inheritance of scenario files: parents, catalogues, shorthands."""

from pathlib import Path

import pytest
from gpu_sim.core.scenario.distributions import fixed
from gpu_sim.core.scenario.provisioning_parts import Parts, PerGigabyte
from gpu_sim.scenario_files.load import ScenarioError, load_scenario, shipped_scenarios

from ..support.scenario_texts import parse, refused, write


def test_a_child_takes_mappings_key_by_key_and_replaces_lists_and_values(tmp_path: Path) -> None:
    write(
        tmp_path,
        parent="name: parent\nseed: 5\nexpect: Something.\naccounts: [{name: a}, {name: b}]\n"
        "billing: {minimum: 1m, idle_timeout: none}\nuntil: 1h\n",
        child="name: child\nextends: parent.yaml\naccounts: [{name: c}]\nbilling: {minimum: 2m}\n",
    )
    scenario = load_scenario(str(tmp_path / "child.yaml"))
    assert (scenario.name, scenario.seed, scenario.until) == ("child", 5, 3_600_000)
    assert [account.name for account in scenario.accounts] == ["c"]
    assert (scenario.billing.minimum, scenario.billing.idle_timeout) == (120_000, None)


def test_name_description_and_expectation_are_never_inherited() -> None:
    scenario = parse("name: child\nextends: calm")
    assert (scenario.description, scenario.expect, scenario.extends) == ("", "", None)
    assert "name is missing" in str(refused("extends: calm"))


def test_a_child_of_calm_is_calm() -> None:
    child, calm = parse("name: child\nextends: calm"), load_scenario("calm")
    assert (child.market, child.billing, child.clock) == (calm.market, calm.billing, calm.clock)


def test_listed_offers_replace_a_catalogue_and_the_other_way_round(tmp_path: Path) -> None:
    offer = (
        "{provider_id: p, provider_class: exchange, gpu_model: G, vram_gb: 8, region: R, spot_price: '0.1',"
        " on_demand_price: '0.2', interruption_probability: 1%, capacity: 2}"
    )
    write(
        tmp_path,
        listed=f"name: listed\nextends: calm\nmarket: {{offers: [{offer}]}}",
        again="name: again\nextends: listed.yaml\nmarket: {catalog: default}",
        made="name: made\nextends: listed.yaml\nmarket: {catalog: {generate: {offers: 3}}}",
    )
    listed = load_scenario(str(tmp_path / "listed.yaml"))
    assert [offer.provider_id for offer in listed.market.offers] == ["p"]
    assert len(load_scenario(str(tmp_path / "again.yaml")).market.offers) == 79
    assert load_scenario(str(tmp_path / "made.yaml")).market.catalog is not None
    text = f"name: twice\nmarket: {{offers: [{offer}, {offer.replace('gpu_model: G', 'gpu_model: g')}]}}"
    (problem,) = refused(text).problems
    assert (problem.field, problem.message) == ("market.offers[1]", "the same offer as offers[0]")


def test_the_mode_of_a_clock_brings_its_own_speed_and_step(tmp_path: Path) -> None:
    write(
        tmp_path,
        fast="name: fast\nclock: {mode: scaled, speed: 60, start: 2026-01-01T00:00:00Z}",
        slow="name: slow\nextends: fast.yaml\nclock: {mode: manual, step: 5s}",
    )
    clock = load_scenario(str(tmp_path / "slow.yaml")).clock
    assert (clock.mode, clock.speed, clock.step, clock.start) == ("manual", None, 5_000, 1_767_225_600_000)


def test_a_distribution_is_replaced_as_a_whole(tmp_path: Path) -> None:
    write(
        tmp_path, parent="name: p\nmarket: {provisioning: {all: {delay: {uniform: {min: 1s, max: 2s}}, failure: 1%}}}"
    )
    scenario = parse("name: c\nextends: parent.yaml\nmarket: {provisioning: {all: {delay: 60s}}}", tmp_path)
    terms = scenario.market.provisioning.terms("exchange")
    assert (terms.delay, terms.failure) == (fixed(60_000), 10_000)


def test_parts_replace_a_delay_and_a_delay_parts_but_phases_and_sizes_merge(tmp_path: Path) -> None:
    write(
        tmp_path,
        whole="name: w\nmarket: {provisioning: {all: {delay: 60s, failure: 1%}}}",
        parts="name: p\nextends: whole.yaml\nmarket: {provisioning: {sizes: {images: {a: 1GB}}, all: {parts: "
        "{boot: {uniform: {min: 1s, max: 2s}}, pull: {per_gb: {uniform: {min: 1s, max: 2s}}}}}}}",
        more="name: m\nextends: parts.yaml\nmarket: {provisioning: {sizes: {images: {b: 2GB}}, all: {parts: "
        "{boot: 3s, pull: {per_gb: 4s}, fine_tuned: 5s}}}}",
        again="name: a\nextends: more.yaml\nmarket: {provisioning: {all: {delay: 7s}}}",
    )
    more = load_scenario(str(tmp_path / "more.yaml")).market.provisioning
    terms = more.terms("exchange")
    assert more.sizes.images == {"a": 1_000, "b": 2_000}
    assert (terms.delay, terms.failure) == (None, 10_000)
    assert terms.parts == Parts(boot=fixed(3_000), pull=PerGigabyte(fixed(4_000)), fine_tuned=fixed(5_000))
    terms = load_scenario(str(tmp_path / "again.yaml")).market.provisioning.terms("exchange")
    assert (terms.delay, terms.parts) == (fixed(7_000), None)


def test_a_duration_alone_is_a_fixed_delay_of_a_fault() -> None:
    rules = "{name: a, effect: {delay: 2s}}, {name: b, effect: {delay: {uniform: {min: 1s, max: 2s}}}}, {name: c}"
    scenario = parse(f"name: x\nfaults: [{rules.replace(', {name: c}', '')}]")
    first, second = (rule.effect.delay for rule in scenario.faults)
    assert first == fixed(2_000)
    assert second is not None
    assert second.fixed is None
    assert "effect is missing" in str(refused(f"name: x\nfaults: [{rules}]"))
    assert "expected a list" in str(refused("name: x\nfaults: {name: a}"))


def test_the_rules_of_a_child_replace_those_of_its_parent() -> None:
    child = parse("name: x\nextends: flaky-api\nfaults: [{name: a, effect: {reset: true}}]")
    assert [rule.name for rule in child.faults] == ["a"]
    assert len(parse("name: x\nextends: flaky-api").faults) == 4


@pytest.mark.parametrize("timeout", ["idle_timeout", "hold_expiry"])
def test_none_switches_a_timeout_off(timeout: str) -> None:
    assert getattr(parse(f"name: x\nbilling: {{{timeout}: none}}").billing, timeout) is None
    assert "got" in str(refused("name: x\nbilling: {minimum: none}"))


def test_scenarios_that_extend_each_other_are_refused(tmp_path: Path) -> None:
    write(tmp_path, a="name: a\nextends: b.yaml", b="name: b\nextends: c.yaml", c="name: c\nextends: b.yaml")
    for name in ("a", "b", "c"):
        with pytest.raises(ScenarioError, match="extends this one in turn"):
            load_scenario(str(tmp_path / f"{name}.yaml"))
    write(tmp_path, own="name: own\nextends: own.yaml")
    with pytest.raises(ScenarioError, match=r"own.yaml:2:10: extends: .* extends this one in turn"):
        load_scenario(str(tmp_path / "own.yaml"))


def test_a_problem_of_a_parent_is_named_in_the_parent(tmp_path: Path) -> None:
    write(tmp_path, parent="name: p\nbilling:\n  minimum: soon")
    (problem,) = refused("name: c\nextends: parent.yaml", tmp_path).problems
    assert (problem.file, problem.line, problem.column) == (str(tmp_path / "parent.yaml"), 3, 12)


@pytest.mark.parametrize(
    "name", ["../parent.yaml", "/etc/parent.yaml", "sub/parent.yaml", ".parent.yaml", "C:\\p.yaml"]
)
def test_only_files_beside_the_scenario_can_be_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "parent.yaml").write_text("name: parent")
    (tmp_path / "sub").mkdir()
    for key, at in (("extends", f"extends: '{name}'"), ("market.catalog", f"market: {{catalog: '{name}'}}")):
        (problem,) = refused(f"name: x\n{at}", tmp_path / "sub").problems
        assert (problem.field, problem.message[:3]) == (key, "no ")


@pytest.mark.parametrize("line", ["extends: mine.yaml", "market: {catalog: mine.csv}"])
def test_a_scenario_without_a_folder_can_name_no_file(line: str) -> None:
    assert "can name none" in str(refused(f"name: x\n{line}"))


def test_a_catalogue_of_your_own_is_beside_the_file_that_names_it(tmp_path: Path) -> None:
    shipped = (shipped_scenarios()["calm"].parent / "catalog.csv").read_text().splitlines(keepends=True)
    (tmp_path / "mine.csv").write_text("".join(shipped[:3]))
    text = "name: x\nmarket: {catalog: mine.csv}"
    assert len(parse(text, tmp_path).market.offers) == 2
    assert 'did you mean "mine.csv"?' in str(refused(text.replace("mine", "mien"), tmp_path))
    (tmp_path / "mine.csv").write_text("".join(shipped[:2]) + "oops\n")
    (problem,) = refused(text, tmp_path).problems
    assert (problem.file, problem.line) == (str(tmp_path / "mine.csv"), 3)
