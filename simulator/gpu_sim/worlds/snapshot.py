"""The whole of a world as one JSON document: versioned, checksummed, without tokens and without a server."""

import re
from hashlib import blake2b

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

FORMAT = 3

RESPELT_BYTES_MAX = 4 << 20
"""The largest world that may be spelt otherwise than it was written: its white space is taken out in one go, while all
else waits."""

_HEAD_BYTES_MAX = 1_000
_world_begins = re.compile(rb',\s*"world"\s*:\s*').search
_respell_escapes = re.compile(
    rb"(?:\\u[dD][89abAB][0-9a-fA-F]{2}\\u[0-9a-fA-F]{4}|\\u[0-9a-fA-F]{4}|\\.){1,200}", re.DOTALL
).sub
"""Finds runs of escapes. They are short, as other threads get their turn only between two, and break up no pair of
surrogates."""


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


class _Head(Struct, frozen=True, forbid_unknown_fields=True):
    """The fields before the world."""

    snapshot: int
    version: str
    checksum: str


def encode_world(state: WorldState) -> bytes:
    """The document of a state."""
    world = msgspec.json.encode(state, enc_hook=int)
    head = msgspec.json.encode(_Head(FORMAT, __version__, _checksum(world)))
    return b'%b,"world":%b}' % (head[:-1], world)


def decode_world(document: bytes) -> WorldState:
    """The state in a document; of one that is not too large white space and escapes may be others, as most JSON
    libraries write them anew, and nothing else. Raises SnapshotInvalid.

    What is no snapshot, or a damaged one, is refused before it is decoded: other threads wait while that is done."""
    try:
        head, world = _split(document)
        if head.checksum != _checksum(world):
            world = _as_written(world)
            if head.checksum != _checksum(world):
                raise _damaged()
        state = msgspec.json.decode(world, type=WorldState, dec_hook=plain_quantity)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise SnapshotInvalid(f"this is no snapshot: {error}") from None
    if not 0 <= state.start_epoch_ms < epoch_ms(CALENDAR_END):
        raise SnapshotInvalid("its start is outside the calendar", param="world")
    scenario = state.scenario
    if isinstance(scenario.market.catalog, str) or any(find_problems(scenario, opening_offers(scenario.market))):
        raise SnapshotInvalid("its scenario makes no sense", param="world")
    return state


def _split(document: bytes) -> tuple[_Head, memoryview]:
    """The head of a document, and its world. Raises SnapshotInvalid or MsgspecError."""
    whole = memoryview(document)
    end = len(document.rstrip())
    begin = _world_begins(document, 0, _HEAD_BYTES_MAX)
    if begin is None or document[end - 1 : end] != b"}":
        raise SnapshotInvalid("this is no snapshot: it has no head or no end")
    head = msgspec.json.decode(document[: begin.start()] + b"}", type=_Head)
    if head.snapshot != FORMAT:
        raise SnapshotInvalid(f"format {head.snapshot} is not format {FORMAT}, the one read here", param="snapshot")
    if head.version != __version__:
        raise SnapshotInvalid(f"it was made by version {head.version}, this is {__version__}", param="version")
    return head, whole[begin.end() : end - 1]


def _as_written(world: memoryview) -> memoryview:
    """A world without white space and with the escapes that `encode_world` writes. Raises SnapshotInvalid."""
    if len(world) > RESPELT_BYTES_MAX:
        raise _damaged(f", or its white space or escapes are others, which is read up to {RESPELT_BYTES_MAX} bytes")
    try:
        return memoryview(_respell_escapes(_respelt, msgspec.json.format(bytes(world), indent=-1)))
    except msgspec.DecodeError:
        raise _damaged() from None


def _respelt(escapes: re.Match[bytes]) -> bytes:
    """A run of escapes as `encode_world` writes it."""
    return msgspec.json.encode(msgspec.json.decode(b'"%b"' % escapes[0], type=str))[1:-1]


def _damaged(otherwise: str = "") -> SnapshotInvalid:
    return SnapshotInvalid(f"the checksum is another: the snapshot is damaged{otherwise}", param="checksum")


def _checksum(world: bytes | memoryview) -> str:
    return blake2b(world, digest_size=16).hexdigest()  # other threads go on meanwhile
