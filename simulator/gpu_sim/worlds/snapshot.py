"""The whole of a world as one JSON document: versioned, checksummed, without tokens and without a server."""

from hashlib import blake2b
from typing import Any

import msgspec
from msgspec import Struct

from .. import __version__
from ..core.journal import plain_quantity
from ..core.kernel.clock import CALENDAR_END, epoch_ms
from ..core.kernel.errors import SnapshotInvalid
from ..core.run import Run, restored_run
from ..core.scenario.market_settings import opening_offers
from ..core.scenario.scenario import ClockSettings, Scenario
from ..core.scenario_problems import find_problems

FORMAT = 2


class WorldState(Struct, frozen=True):
    """The state of a world: its conditions, its clock's settings, and its run as the core encodes it."""

    seed: int
    start_epoch_ms: int
    scenario: Scenario
    clock: ClockSettings
    run: msgspec.Raw

    def restored(self) -> Run:
        """The run. Raises SnapshotInvalid."""
        run = restored_run(self.scenario, bytes(self.run), seed=self.seed, start_epoch_ms=self.start_epoch_ms)
        if self.start_epoch_ms + run.simulation.now_ms > epoch_ms(CALENDAR_END):
            raise SnapshotInvalid("its clock is past the end of the calendar", param="world")
        return run


class _Document(Struct, frozen=True, forbid_unknown_fields=True):
    snapshot: int
    version: str
    checksum: str
    world: msgspec.Raw


def encode_world(state: WorldState) -> bytes:
    """The document of a state."""
    world = msgspec.json.encode(state, enc_hook=int)
    document = _Document(FORMAT, __version__, _checksum(msgspec.json.decode(world)), msgspec.Raw(world))
    return msgspec.json.encode(document)


def decode_world(document: bytes) -> WorldState:
    """The state in a document; white space may have changed, nothing else. Raises SnapshotInvalid."""
    try:
        found = msgspec.json.decode(document, type=_Document)
        if found.snapshot != FORMAT:
            raise SnapshotInvalid(
                f"format {found.snapshot} is not format {FORMAT}, the one read here", param="snapshot"
            )
        if found.version != __version__:
            raise SnapshotInvalid(f"it was made by version {found.version}, this is {__version__}", param="version")
        if found.checksum != _checksum(msgspec.json.decode(found.world)):
            raise SnapshotInvalid("the checksum is another: the snapshot is damaged", param="checksum")
        state = msgspec.json.decode(found.world, type=WorldState, dec_hook=plain_quantity)
    except msgspec.MsgspecError as error:
        raise SnapshotInvalid(f"this is no snapshot: {error}") from None
    if not 0 <= state.start_epoch_ms < epoch_ms(CALENDAR_END):
        raise SnapshotInvalid("its start is outside the calendar", param="world")
    scenario = state.scenario
    if isinstance(scenario.market.catalog, str) or any(find_problems(scenario, opening_offers(scenario.market))):
        raise SnapshotInvalid("its scenario makes no sense", param="world")
    return state


def _checksum(world: Any) -> str:
    return blake2b(msgspec.json.encode(world), digest_size=16).hexdigest()
