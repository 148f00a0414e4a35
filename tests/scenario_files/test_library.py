"""The scenarios that worlds may be made of: shipped ones, one folder's, inline documents, and no other file."""

from pathlib import Path
from typing import Any

import pytest
from gpu_sim.core.scenario.scenario import Scenario
from gpu_sim.scenario_files.library import ScenarioLibrary
from gpu_sim.scenario_files.load import load_scenario, shipped_scenarios
from gpu_sim.scenario_files.problems import ScenarioError
from gpu_sim.scenario_files.yaml_tree import DEPTH_MAX

from ..support.scenario_texts import write

CATALOG = """\
provider_id,provider_class,gpu_model,vram_gb,region,spot_usd_per_gpu_hour,on_demand_usd_per_gpu_hour,\
interruption_probability_per_hour,capacity_gpus
vast-ai,marketplace,RTX 4090,24,Here,0.287,0.410,0.02,4
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a scenario, a catalogue, and a scenario outside of it that links lead to."""
    inside, outside = tmp_path / "scenarios", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    write(inside, mine="name: mine\nextends: base.yaml\nmarket: {catalog: few.csv}", base="name: base\nseed: 9")
    (inside / "few.csv").write_text(CATALOG)
    write(outside, secret="name: secret")
    (outside / "secret.csv").write_text(CATALOG)
    return inside


@pytest.fixture
def library(folder: Path) -> ScenarioLibrary:
    return ScenarioLibrary(folder)


def refused(library: ScenarioLibrary, scenario: str | dict[str, Any]) -> str:
    """The refusal of a scenario."""
    with pytest.raises(ScenarioError) as error:
        found(library, scenario)
    return str(error.value)


def found(library: ScenarioLibrary, scenario: str | dict[str, Any]) -> Scenario:
    """The scenario of a name or a document."""
    return library.find(scenario) if isinstance(scenario, str) else library.build(scenario)


def test_a_shipped_scenario_is_found_by_its_name_and_read_once() -> None:
    library = ScenarioLibrary()
    for name in shipped_scenarios():
        assert library.at_hand(name) is None
        assert library.find(name) == load_scenario(name)
        assert library.at_hand(name) == load_scenario(name)
    assert library.at_hand("clam") is None


def test_a_file_of_the_folder_is_found_with_what_it_names_and_read_each_time(
    library: ScenarioLibrary, folder: Path
) -> None:
    scenario = library.find("mine.yaml")
    assert (scenario.name, scenario.seed, len(scenario.market.offers)) == ("mine", 9, 1)
    assert library.at_hand("mine.yaml") is None
    write(folder, mine="name: changed")
    assert library.find("mine.yaml").name == "changed"


def test_an_inline_document_is_read_as_the_same_text_in_a_file_is(library: ScenarioLibrary, folder: Path) -> None:
    document = {
        "name": "inline",
        "extends": "base.yaml",
        "accounts": [{"name": "carol", "balance": "2.50"}],
        "market": {
            "catalog": "few.csv",
            "prices": {"activity": 1.5},
            "interruptions": {"shared": "50%", "reclaim": "5s"},
        },
        "billing": {"idle_timeout": "none"},
        "timeline": [{"at": "1m", "price": {"gpu_model": "RTX 4090", "multiply": 3, "for": "1h"}}],
    }
    text = (
        "{name: inline, extends: base.yaml, accounts: [{name: carol, balance: '2.50'}], market: {catalog: few.csv, "
        "prices: {activity: 1.5}, interruptions: {shared: 50%, reclaim: 5s}}, billing: {idle_timeout: none}, "
        "timeline: [{at: 1m, price: {gpu_model: RTX 4090, multiply: 3, for: 1h}}]}"
    )
    write(folder, same=text)
    assert library.build(document) == library.find("same.yaml")
    assert library.build({"name": "x"}).market.offers == load_scenario("default").market.offers
    assert ScenarioLibrary().build({"name": "x", "extends": "calm"}).market == load_scenario("calm").market


@pytest.mark.parametrize("name", ["mine.yaml", "/etc/passwd", "../outside/secret.yaml", "secret", ""])
def test_without_a_folder_only_shipped_scenarios_are_found(name: str) -> None:
    assert f'no scenario "{name}"' in refused(ScenarioLibrary(), name)
    assert "--scenario-dir" in refused(ScenarioLibrary(), name)


@pytest.mark.parametrize(
    "document",
    [
        {"name": "x", "extends": "mine.yaml"},
        {"name": "x", "market": {"catalog": "few.csv"}},
        {"name": "x", "market": {"catalog": "/etc/passwd"}},
        {"name": "x", "market": {"catalog": "../outside/secret.csv"}},
        {"name": "x", "extends": "../outside/secret.yaml"},
    ],
)
def test_without_a_folder_an_inline_scenario_names_no_file(document: dict[str, Any]) -> None:
    assert "file" in refused(ScenarioLibrary(), document)


@pytest.mark.parametrize(
    "name",
    [
        "../outside/secret.yaml",
        "..",
        ".",
        "./mine.yaml",
        "sub/deep.yaml",
        "link.yaml",
        "linked/secret.yaml",
        "mine.yaml\0",
        "mine",
        "few.csv/",
        "x" * 100_000,
    ],
)
def test_nothing_outside_the_folder_is_found_by_any_name(library: ScenarioLibrary, folder: Path, name: str) -> None:
    (folder / "sub").mkdir()
    write(folder / "sub", deep="name: deep")
    (folder / "link.yaml").symlink_to(folder.parent / "outside" / "secret.yaml")
    (folder / "link.csv").symlink_to(folder.parent / "outside" / "secret.csv")
    (folder / "linked").symlink_to(folder.parent / "outside")
    assert "no scenario" in refused(library, name)
    assert len(refused(library, name)) < 2_000
    assert "no scenario" in refused(library, {"name": "x", "extends": name[:200]})
    for catalog in ("link.csv", "linked/secret.csv", "../outside/secret.csv"):
        assert "no catalogue" in refused(library, {"name": "x", "market": {"catalog": catalog}})


def test_a_name_longer_than_the_system_takes_is_that_of_no_file(library: ScenarioLibrary) -> None:
    name = f"{'x' * 251}.yaml"
    assert "no scenario" in refused(library, name)
    assert "no scenario" in refused(library, {"name": "x", "extends": name})
    assert "no catalogue" in refused(library, {"name": "x", "market": {"catalog": f"{name}.csv"}})


def test_what_a_file_of_the_folder_names_is_in_the_folder_too(library: ScenarioLibrary, folder: Path) -> None:
    (folder / "link.yaml").symlink_to(folder.parent / "outside" / "secret.yaml")
    write(folder, one="name: one\nextends: two.yaml", two="name: two\nextends: link.yaml")
    assert 'no scenario "link.yaml"' in refused(library, "one.yaml")


def test_a_link_within_the_folder_is_followed(library: ScenarioLibrary, folder: Path) -> None:
    (folder / "data").mkdir()
    write(folder / "data", real="name: real\nextends: base.yaml")
    (folder / "linked.yaml").symlink_to(folder / "data" / "real.yaml")
    assert (library.find("linked.yaml").name, library.find("linked.yaml").seed) == ("real", 9)


@pytest.mark.parametrize(("scenario", "nearest"), [("clam", "calm"), ("mime.yaml", "mine.yaml")])
def test_an_unknown_scenario_is_refused_with_the_nearest(library: ScenarioLibrary, scenario: str, nearest: str) -> None:
    assert f'did you mean "{nearest}"?' in refused(library, scenario)


def nested(depth: int) -> dict[str, Any]:
    """A document with lists so many levels deep."""
    inner: Any = "x"
    for _ in range(depth - 1):
        inner = [inner]
    return {"name": inner}


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({}, "name is missing"),
        ([], "a scenario is a mapping"),
        ({"name": "x", "acounts": []}, 'acounts: unknown key "acounts"; did you mean "accounts"?'),
        ({"name": "x", "accounts": [{"name": "a", "balance": 5}]}, "accounts[0].balance: expected dollars as text"),
        ({"name": "x", "seed": 2**63}, "seed: a whole number must be between"),
        ({"name": "x", "seed": 1.5}, "seed: expected a whole number"),
        ({"name": "x", "seed": True}, "seed: expected a whole number"),
        ({"name": "x", "extends": "clam"}, 'did you mean "calm"?'),
        ({"name": "x", "market": {"interruptions": {"shared": 2}}}, "market.interruptions.shared: expected a share"),
        ({"name": "x", "x` - at `$": 1}, "unknown key"),
        ({"name": "x", "api": {"x` - at `$.market": 1}}, "unknown key"),
        (nested(DEPTH_MAX + 1), f"nested more than {DEPTH_MAX} levels deep"),
    ],
)
def test_an_inline_scenario_that_is_none_is_refused_by_its_field(document: Any, says: str) -> None:
    assert says in refused(ScenarioLibrary(), document)


def test_an_inline_document_may_be_as_deep_as_a_file() -> None:
    assert "expected text, got a list" in refused(ScenarioLibrary(), nested(DEPTH_MAX))


def test_problems_are_told_up_to_a_bound() -> None:
    accounts = [{"name": f"no name {number}"} for number in range(1_000)]
    with pytest.raises(ScenarioError) as error:
        ScenarioLibrary().build({"name": "x", "accounts": accounts})
    assert len(error.value.problems) == 20
