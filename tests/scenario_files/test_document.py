"""Scenario files as documents: a server that cannot read the folder makes the same world of one."""

import json
from pathlib import Path

import pytest
from gpu_sim import load_scenario
from gpu_sim.scenario_files.document import scenario_document
from gpu_sim.scenario_files.load import build_scenario, shipped_scenarios
from gpu_sim.scenario_files.problems import ScenarioError

CATALOG = """provider_id,provider_class,gpu_model,vram_gb,region,spot_usd_per_gpu_hour,on_demand_usd_per_gpu_hour,\
interruption_probability_per_hour,capacity_gpus
one,marketplace,H100,80,"Here, DE",1.5,2.001,0.0123,3
two,neocloud,L4,24,There,0.2,0.4,0,8
"""


@pytest.mark.parametrize("name", shipped_scenarios())
def test_a_shipped_scenario_stays_what_it_is(name: str) -> None:
    document = json.loads(json.dumps(scenario_document(shipped_scenarios()[name])))
    assert build_scenario(document, origin="it", folder=None) == load_scenario(name)


def test_files_beside_it_are_in_it(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("scenario: 1\nname: base\nextends: calm\nmarket: {catalog: mine.csv}\n")
    (tmp_path / "mine.csv").write_text(CATALOG)
    file = tmp_path / "child.yaml"
    file.write_text("scenario: 1\nname: child\nextends: base.yaml\nbilling: {idle_timeout: none}\nseed: 3\n")
    document = json.loads(json.dumps(scenario_document(file)))
    assert [offer["provider_id"] for offer in document["market"]["offers"]] == ["one", "two"]
    assert build_scenario(document, origin="it", folder=None) == load_scenario(str(file))


def test_a_catalogue_with_all_columns_is_in_it(tmp_path: Path) -> None:
    header, *rows = CATALOG.splitlines()
    more = [f"{row},{cells}" for row, cells in zip(rows, ("0.81,g", "always,"), strict=True)]
    (tmp_path / "mine.csv").write_text("\n".join([f"{header},availability,group", *more]) + "\n")
    file = tmp_path / "mine.yaml"
    file.write_text(
        "scenario: 1\nname: mine\n"
        "market: {catalog: mine.csv, interruptions: {mode: realistic}, availability: {all: 50%}}\n"
    )
    document = json.loads(json.dumps(scenario_document(file)))
    assert [offer["availability"] for offer in document["market"]["offers"]] == ["81%", "100%"]
    assert build_scenario(document, origin="it", folder=None) == load_scenario(str(file))


def test_what_a_catalogue_says_for_another_mode_is_not_in_it(tmp_path: Path) -> None:
    header, *rows = CATALOG.splitlines()
    more = [f"{row},{cells}" for row, cells in zip(rows, ("0.5,g", "always,g"), strict=True)]
    (tmp_path / "mine.csv").write_text("\n".join([f"{header},availability,group", *more]) + "\n")
    file = tmp_path / "mine.yaml"
    file.write_text("name: mine\nmarket: {catalog: mine.csv}\n")
    document = json.loads(json.dumps(scenario_document(file)))
    assert not {"availability", "group"} & set(document["market"]["offers"][0])
    assert build_scenario(document, origin="it", folder=None) == load_scenario(str(file))


def test_a_file_that_cannot_be_used_is_refused_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("scenario: 1\nname: bad\nextends: calm\nmarkt: {}\n")
    with pytest.raises(ScenarioError, match=r'bad\.yaml:4:1: markt: .*did you mean "market"'):
        scenario_document(file)
