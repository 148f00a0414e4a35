"""Idempotency keys of rents: each stands for a rental, for 24 hours of virtual time (A17)."""

from collections import OrderedDict  # its first key is found at once, however many have gone before it

from msgspec import Struct

from ..kernel.clock import DAY_MS
from ..kernel.errors import IdempotencyKeyReused

KEY_LIFE_MS = DAY_MS


class Key(Struct, frozen=True, gc=False):
    """A client's key and a hash of the decoded body that it came with."""

    text: str
    fingerprint: bytes


class StoredKey(Struct, frozen=True, gc=False):
    """A key of an accepted rent, oldest first in a snapshot."""

    account: str
    key: Key
    rental_id: str
    expires_ms: int


class Keys:
    """The keys of accepted rents. A refused rent leaves none."""

    __slots__ = ("_stored",)

    def __init__(self) -> None:
        self._stored: OrderedDict[tuple[str, str], StoredKey] = OrderedDict()

    def find(self, account: str, key: Key, now_ms: int) -> str | None:
        """The rental that the key stands for, or None for a new key. Raises IdempotencyKeyReused."""
        stored = self._stored.get((account, key.text))
        if stored is None or stored.expires_ms <= now_ms:
            return None
        if stored.key.fingerprint != key.fingerprint:
            raise IdempotencyKeyReused("the Idempotency-Key was used for a request with another body")
        return stored.rental_id

    def store(self, account: str, key: Key, rental_id: str, now_ms: int) -> None:
        """Remember an accepted rent, and forget expired keys."""
        # An expired key that is used again moves to the end: the keys stay in the order in which they expire.
        self._stored.pop((account, key.text), None)
        while self._stored:
            oldest = next(iter(self._stored))
            if self._stored[oldest].expires_ms > now_ms:
                break
            del self._stored[oldest]
        self._stored[account, key.text] = StoredKey(account, key, rental_id, now_ms + KEY_LIFE_MS)

    def state(self) -> tuple[StoredKey, ...]:
        """Their part of a snapshot."""
        return tuple(self._stored.values())

    def restore(self, state: tuple[StoredKey, ...], now_ms: int) -> None:
        """Restore from `state`. Raises ValueError unless the keys were stored one after the other, up to now."""
        self._stored = OrderedDict(((stored.account, stored.key.text), stored) for stored in state)
        expiries_ms = [stored.expires_ms for stored in state]
        in_order = [KEY_LIFE_MS, *expiries_ms, now_ms + KEY_LIFE_MS]
        if len(self._stored) < len(state) or in_order != sorted(in_order):
            raise ValueError("an Idempotency-Key is there twice, or lasts too long or too short")
