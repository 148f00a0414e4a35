"""The key of a run: equal keys are equal runs."""

from collections.abc import Mapping
from hashlib import blake2b

import msgspec

from ... import __version__
from ...core.scenario.scenario import Scenario, canonical_with_renters
from ..policies.load import policy_source


def scenario_digest(scenario: Scenario) -> str:
    """The digest of all that decides what comes of a run of the scenario."""
    encoded = msgspec.json.encode(canonical_with_renters(scenario), enc_hook=int)
    return blake2b(encoded, digest_size=16).hexdigest()


def run_key(scenario: Scenario, settings: Mapping[str, str], seed: int) -> str:
    """The hash of the scenario as it stands under the settings, the settings themselves, the seed, the version of this
    package, and the source of policies that are not of it."""
    sources = {spec.policy: policy_source(spec.policy) for spec in scenario.renters}
    parts = (scenario_digest(scenario), sorted(settings.items()), seed, __version__, sorted(sources.items()))
    return blake2b(msgspec.json.encode(parts), digest_size=16).hexdigest()
