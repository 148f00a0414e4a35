"""A small market for runs of renters: one spot offer that follows a recording, and one on demand."""

from collections.abc import Iterable, Sequence

from gpu_sim.core.scenario.experiment.renters import RenterSpec
from gpu_sim.core.scenario.scenario import Scenario
from gpu_sim.experiments.renting.occasions import Occasion
from gpu_sim.experiments.renting.policy import Decision, Luck, Policy, Rent
from gpu_sim.experiments.renting.sight import Situation
from gpu_sim.experiments.runs.run import run
from gpu_sim.experiments.runs.run_result import RunResult
from gpu_sim.scenario_files.load import parse_scenario

SPOT, ON_DEMAND = "spot|V100|here", "dear|V100|here"

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS

_MARKET = """
scenario: 1
name: small
until: {until}
accounts: []
market:
  offers:
    - {{provider_id: spot, provider_class: neocloud, gpu_model: V100, vram_gb: 16, region: here, spot_price: "1.000",
       on_demand_price: "3.000", interruption_probability: 5%, capacity: 8}}
    - {{provider_id: dear, provider_class: neocloud, gpu_model: V100, vram_gb: 16, region: here, spot_price: "3.000",
       on_demand_price: "3.000", interruption_probability: 0%, capacity: 8, spot: false}}
  prices: {{all: constant}}
  interruptions: {{mode: replay, reclaim: 0s}}
  provisioning: {{all: {{delay: {{fixed: {delay}}}, failure: 0%, never_ready: 0%}}}}
  notices: {{all: {notice}}}
  replay:
    availability: [{{provider: spot, loop: false, trace: {{length: 100d, steps: {steps}}}}}]
billing: {{minimum: 1s, idle_timeout: none, hold_expiry: none}}
"""


def small_market(
    renters: str,
    *,
    until: str = "1d",
    down_up_ms: Sequence[int] = (),
    delay: str = "0s",
    notice: str = "0s",
    more: str = "",
) -> Scenario:
    """The scenario with these renters, in YAML. Its spot offer is up, and turns at each of these instants."""
    steps = [[0, 1], *([at_ms, index % 2] for index, at_ms in enumerate(down_up_ms))]
    text = _MARKET.format(until=until, delay=delay, notice=notice, steps=steps) + f"renters:\n  - {renters}\n{more}"
    return parse_scenario(text, origin="small", folder=None)


class OneOf:
    """Rents the one offer whenever it can and has none, and notes what it is asked about."""

    def __init__(self, offer: str = SPOT, wanted: int = 1) -> None:
        self.offer = offer
        self.wanted = wanted
        self.asked: list[tuple[int, Occasion]] = []

    watches_market = True

    def decide(self, seen: Situation, occasion: Occasion) -> Iterable[Decision]:
        """Rent it."""
        self.asked.append((seen.now_ms, occasion))
        missing = self.wanted - len(seen.rentals)
        return [Rent(self.offer)] * missing if any(each.name == self.offer for each in seen.offers) else []


def run_with(scenario: Scenario, *policies: Policy, seed: int = 1) -> RunResult:
    """Run it with these policies, one for each job or service in the order in which they are made."""
    left = iter(policies)

    def make(spec: RenterSpec, luck: Luck) -> Policy:
        return next(left)

    return run(scenario, seed=seed, policies=make)
