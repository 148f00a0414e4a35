"""How long a rented GPU takes to be set up, and whether it ever is (A20).

`key` is the stream `provisioning/<rental>`: draw 0 decides on failure, draw 1 on the delay.
"""

from collections.abc import Callable

from .quantities import Share
from .randomness import draw, happens


def delay_ms(key: bytes, sample: Callable[[int], int]) -> int:
    """How long provisioning takes, in ms, at least 1; a failure shows at its end."""
    return max(1, sample(draw(key, 1)))


def fails(key: bytes, failure: Share) -> bool:
    """Whether the GPU never gets ready."""
    return happens(draw(key, 0), failure)
