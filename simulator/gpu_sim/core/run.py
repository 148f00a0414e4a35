"""A run: a simulation and, beside it, the faults of its world, saved and restored together."""

from typing import NamedTuple

import msgspec
from msgspec import Struct

from .commands import Command
from .faults.counted_rule import RuleState
from .faults.fault_state import FaultState
from .faults.lines import FaultDecision, FaultLine, FaultRuleAdded, FaultRuleRemoved
from .journal import plain_quantity
from .kernel.errors import SnapshotInvalid
from .rentals.idempotency import Key
from .scenario.scenario import Scenario
from .simulation import Simulation
from .snapshot import History, encode_state


class RunState(Struct, frozen=True):
    """The state of a run, besides its scenario, seed and start."""

    simulation: msgspec.Raw
    faults: tuple[RuleState, ...]


class Run(NamedTuple):
    """A simulation and the faults beside it, which write their lines into its journal."""

    simulation: Simulation
    faults: FaultState

    def repeat(self, line: Command | FaultLine, key: Key | None = None) -> None:
        """Apply a line of a journal now: a command, a decision about a request that the same rules matched, or a change
        of the rules. Raises a Refusal."""
        faults, now_ms = self.faults, self.simulation.now_ms
        if isinstance(line, FaultDecision):
            # Not matched again: the line names the rules, and not the offer that the request was about.
            faults.decide_among(faults.known(line.matched), line.operation, line.account, now_ms, line.rental)
        elif isinstance(line, FaultRuleAdded):
            faults.add(line.rule, now_ms)
        elif isinstance(line, FaultRuleRemoved):
            faults.remove(line.name)
        elif isinstance(line, FaultLine):
            faults.reset(now_ms)
        else:
            self.simulation.execute(line, key)

    def state(self, *, with_ended: bool = True) -> bytes:
        """The whole state as JSON, equal bytes for equal states; see `Simulation.snapshot`."""
        simulation = self.simulation.snapshot(with_ended=with_ended)
        return encode_state(RunState(msgspec.Raw(simulation), self.faults.state()))


def new_run(scenario: Scenario, *, seed: int, start_epoch_ms: int) -> Run:
    """A run at the start of its virtual time."""
    return _with_faults(Simulation(scenario, seed=seed, start_epoch_ms=start_epoch_ms))


def restored_run(
    scenario: Scenario, state: bytes, *, seed: int, start_epoch_ms: int, history: History | None = None
) -> Run:
    """A run restored from its state; see `Simulation.restored`. Raises SnapshotInvalid."""
    try:
        decoded = msgspec.json.decode(state, type=RunState, dec_hook=plain_quantity)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise SnapshotInvalid(f"the snapshot does not fit: {error}") from None
    simulation = Simulation.restored(
        scenario, bytes(decoded.simulation), seed=seed, start_epoch_ms=start_epoch_ms, history=history
    )
    run = _with_faults(simulation)
    try:
        run.faults.restore(decoded.faults, simulation.now_ms)
    except ValueError as error:
        raise SnapshotInvalid(f"the snapshot does not fit its scenario: {error}") from None
    return run


def _with_faults(simulation: Simulation) -> Run:
    # Faults draw from streams of their own, so that with or without them a simulation is the same.
    return Run(simulation, FaultState(simulation.scenario.faults, simulation.seed, simulation.write_down))
