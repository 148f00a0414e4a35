"""Putting another run in the place of a world's: the one that it began with, or that of a snapshot."""

import asyncio
from collections.abc import Callable, Iterable, Mapping

from ..core.kernel.errors import SnapshotInvalid
from ..core.run import Run
from ..core.scenario.scenario import canonical
from ..wall_clock import Pacer
from .snapshot import WorldState, decode_world
from .world import World

ChooseTokens = Callable[[Iterable[str]], Mapping[str, str]]
"""Chooses tokens by account. Called in the world's turn: while it waited for that, others may have taken tokens."""


async def reset(world: World, choose: ChooseTokens) -> Mapping[str, str]:
    """Go back to just after the scenario was loaded: same seed, same ids, the first clock, no request logged. Returns
    the tokens that were chosen. Raises WorldNotFound or StateUnavailable, and then nothing has changed."""
    async with world.turn():
        run, pacer = world.at_start()
        tokens = choose(run.simulation.accounts)
        world.begin(run, pacer, tokens)
        world.requests.clear()
    return tokens


def forget_requests(world: World) -> None:
    """Let the request log begin anew, and nothing else; who waits for requests is woken."""
    world.requests.clear()
    world.notify()


async def restore(world: World, document: bytes, choose: ChooseTokens) -> Mapping[str, str]:
    """Replace scenario, seed and run by the snapshot's; apart from a reset, the only way in which time goes back.
    Returns the tokens that were chosen. Raises SnapshotInvalid, WorldNotFound or StateUnavailable, and then nothing has
    changed."""
    # In a thread and before the world's turn: it takes seconds for a large one, and touches nothing of the world's.
    state, run = await asyncio.to_thread(_decode, document)
    async with world.turn():
        is_own = (world.seed, canonical(world.scenario)) == (state.seed, state.scenario)
        if world.state_file.takes_own_snapshots_only and not is_own:
            raise SnapshotInvalid("a world in a state file takes snapshots of its own scenario and seed only")
        tokens = choose(run.simulation.accounts)
        world.begin(run, Pacer(state.clock, now_ms=run.simulation.now_ms), tokens, base=bytes(state.run))
        world.scenario, world.seed = state.scenario, state.seed
    return tokens


def _decode(document: bytes) -> tuple[WorldState, Run]:
    state = decode_world(document)
    return state, state.restored()
