"""The time to restore a run from its state file, and the cost of a commit: `python -m tests.benchmarks.recovery`.

A hundred thousand commands go into a state file; then the process that wrote them forgets them without a word, as if
it had been killed, just before a snapshot would have been due.
"""

import argparse
import tempfile
import time
from pathlib import Path

from gpu_sim.core.commands import RentGpu, TerminateRental
from gpu_sim.core.scenario.scenario import ClockSettings, Scenario
from gpu_sim.scenario_files.load import load_scenario
from gpu_sim.worlds.state_files.state_file import INPUTS_PER_SNAPSHOT, StateFile
from gpu_sim.worlds.world import World
from gpu_sim.worlds.worlds import Worlds

RENT = RentGpu("alice", "runpod", "H100 NVL", "Kansas, US", 1, "meta-llama/Llama-3.3-70B-Instruct", "vllm/vllm-openai")


def world(scenario: Scenario, path: Path | None) -> World:
    """The world, in a state file where one is given."""
    clock = ClockSettings(mode="manual")
    return World("default", scenario, clock=clock) if path is None else Worlds().open(path, scenario, clock=clock)


def live(in_: World, commands: int) -> float:
    """Rent and end, a second apart; the seconds that it took."""
    began = time.perf_counter()
    for number in range(commands // 2):
        rental = in_.execute(RENT)
        assert rental is not None
        in_.execute(TerminateRental("alice", rental.rental_id))
        in_.simulation.advance((number + 1) * 1_000)
    in_._commit_clock(in_.simulation.now_ms)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commands", type=int, default=100_000)
    arguments = parser.parse_args()
    commands = arguments.commands // INPUTS_PER_SNAPSHOT * INPUTS_PER_SNAPSHOT + INPUTS_PER_SNAPSHOT - 2
    scenario = load_scenario("default")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.db"
        in_memory, in_file = world(scenario, None), world(scenario, path)
        without, with_file = live(in_memory, commands), live(in_file, commands)
        print(f"{commands:,} commands: with a state file {with_file / without:.2f} times as long, in the core alone")
        assert isinstance(in_file.state_file, StateFile)
        in_file.state_file.release()
        print(f"state file: {path.stat().st_size / 1e6:.1f} MB")
        began = time.perf_counter()
        again = world(scenario, path)
        took = time.perf_counter() - began
        journal = b"".join(again.journal())
        agrees = journal == b"".join(in_file.simulation.journal())
        print(f"recovered in {took:.2f} s ({took / with_file:.2f} of the time that it took to write)")
        print(f"journal: {journal.count(10):,} lines, {'the same' if agrees else 'NOT THE SAME'}")


if __name__ == "__main__":
    main()
