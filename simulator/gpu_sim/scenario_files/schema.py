"""The JSON Schema of scenario files, from the types of the core: an editor completes and checks with it."""

from typing import Any

from ..core.scenario.scenario import Scenario
from ..type_schemas import TypeSchemas


def build_schema() -> dict[str, Any]:
    """The schema (2020-12) of a scenario file, shorthands and defaults included."""
    schemas = TypeSchemas("#/$defs/")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Scenario",
        **schemas.of(Scenario),
        "$defs": schemas.definitions,
    }
