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
    return RunKeys(scenario, settings).of(seed)


class RunKeys:
    """The keys of the runs of one scenario under the same settings, of which only the seeds differ."""

    def __init__(self, scenario: Scenario, settings: Mapping[str, str]) -> None:
        self._digest = scenario_digest(scenario)
        self._settings = sorted(settings.items())
        self._sources = sorted({spec.policy: policy_source(spec.policy) for spec in scenario.renters}.items())

    def of(self, seed: int) -> str:
        """The key of the run under this seed."""
        parts = (self._digest, self._settings, seed, __version__, self._sources)
        return blake2b(msgspec.json.encode(parts), digest_size=16).hexdigest()
