"""The JSON Schema accepts what loads and refuses what does not."""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import yaml
from gpu_sim.scenario_files.load import scenario_schema, shipped_scenarios

from ..support.readmes import PATHS
from ..support.scenario_texts import DOCUMENTED, refused


def _as_json(text: str) -> Any:
    """YAML as an editor hands it to a JSON Schema: like ours, with dates as text, and `on` too."""

    class Loader(yaml.SafeLoader):
        pass

    resolvers = yaml.SafeLoader.yaml_implicit_resolvers.items()
    Loader.yaml_implicit_resolvers = {
        key: [
            (tag, pattern)
            for tag, pattern in found
            if not tag.endswith(("timestamp", "merge") if key in "tTfF" else ("timestamp", "merge", "bool"))
        ]
        for key, found in resolvers
    }
    return yaml.load(text, Loader=Loader)


def test_the_schema_accepts_what_loads() -> None:
    validator = jsonschema.Draft202012Validator(scenario_schema())
    validator.check_schema(validator.schema)
    texts = [DOCUMENTED, "name: x\nbilling: {idle_timeout: none, hold_expiry: null}"]
    texts += [file.read_text() for file in shipped_scenarios().values()]
    for text in texts:
        validator.validate(_as_json(text))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("seed: 42", "sede: 42"),
        ("extended", "extnded"),
        ("at: 20m", "at: 20"),
        ("at: 20m", "at: 1.5h"),
        ('"25.00"', '"25.0000001"'),
        ("failure: 5%", "failure: 5"),
        ("reclaim: 30m", "reclaim: none"),
        ("delay: {lognormal: {median: 90s, p95: 420s}}", "parts: {pull: 1s}"),
        ("    marketplace", "    sizes: {images: {a: 9}}\n    marketplace"),
        ("    marketplace", "    sizes: {unlisted_model: 9 GB}\n    marketplace"),
        ("minimum: 15m", "minimum: none"),
        ("touch: r1", "transition: {rental: r1, to: provisioning}"),
        ("outage: {", "outage: {interrupt: 1, "),
        ("outage: {", "provisioning: {outcome: slow, "),
        ("multiply: 3", "multiply: 3, capped: null"),
        ("name: capacity-crunch", "name: 12"),
        ("name: capacity-crunch", ""),
        ("respond: 503", "respnd: 503"),
        ("operation: rent_gpu", "operation: rent"),
        ("probability: 5%", "between: [1m]"),
        ("probability: 5%", "between: [1m, 2m, 3m]"),
    ],
)
def test_the_schema_refuses_what_does_not_load(old: str, new: str) -> None:
    text = DOCUMENTED.replace(old, new, 1)
    refused(text)
    validator = jsonschema.Draft202012Validator(scenario_schema())
    assert not validator.is_valid(_as_json(text))


def test_the_schema_describes_without_names_of_the_code() -> None:
    schema = scenario_schema()
    texts = [each["description"] for each in (schema, *schema["$defs"].values()) if "description" in each]
    assert len(texts) > 40
    assert [text for text in texts if re.search(r"find_|\w\.\w+`|\.py\b|\w\(\)", text)] == []


def test_each_property_is_described_by_the_text_below_its_field() -> None:
    undescribed = [
        f"{name}.{key}"
        for name, key, said in _properties()
        if said.get("description", "a")[0].islower()  # what a quantity says of its notation begins with a small letter
    ]
    assert undescribed == []


def test_each_property_is_named_where_scenarios_are_explained() -> None:
    texts = "".join(PATHS[name].read_text() for name in ("README.md", "scenarios/README.md"))
    named = set(re.findall(r"\w+", " ".join(re.findall(r"```.*?```|`[^`]+`", texts, re.DOTALL))))
    keys = {key for _, key, _ in _properties()}
    assert len(keys) > 100
    assert sorted(keys - named) == []


def _properties() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each property of the schema: the definition that it is in, its key, and what the schema says of it."""
    for name, definition in scenario_schema()["$defs"].items():
        for part in (definition, *definition.get("anyOf", ())):
            for key, said in part.get("properties", {}).items():
                yield name, key, said


def test_the_schema_shows_defaults_as_a_file_writes_them() -> None:
    billing = scenario_schema()["$defs"]["BillingSettings"]["properties"]
    assert (billing["minimum"]["default"], billing["hold_expiry"]["default"]) == ("15m", "2h")
    defs = scenario_schema()["$defs"]
    assert defs["AccountSpec"]["properties"]["balance"]["default"] == "100.000000"
    assert defs["Sizes"]["properties"]["unlisted_image"]["default"] == "9GB"
    assert defs["InterruptionSettings"]["properties"]["shared"]["default"] == 0.8
