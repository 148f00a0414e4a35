"""Luck as counter streams: draw n of a stream is a hash of (seed, stream name, n), so no draw moves another.

A stream's only state is n, kept by the thing whose fate it decides.
"""

from hashlib import blake2b
from struct import Struct

DRAW_BITS = 64
DRAW_RANGE = 1 << DRAW_BITS
PPM = 1_000_000
"""Probabilities are whole parts per million."""

_pack = Struct(">Q").pack
_unpack = Struct(">Q").unpack


def stream(seed: int, name: str) -> bytes:
    """The key of a stream, for `draw`."""
    return f"{seed}\0{name}\0".encode()


def draw(key: bytes, n: int) -> int:
    """Draw n of the stream: an integer in [0, 2**64), uniform."""
    drawn: int = _unpack(blake2b(key + _pack(n), digest_size=8).digest())[0]
    return drawn


def happens(drawn: int, probability_ppm: int) -> bool:
    """True if an event of that probability happens under this draw: 0 never does, 1,000,000 always does."""
    # In whole numbers, so that no rounding decides what happens.
    return drawn * PPM >> DRAW_BITS < probability_ppm
