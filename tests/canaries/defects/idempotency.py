"""Defects in rents that are sent again: A17."""

from typing import Any

from gpu_sim.core.kernel.errors import Refusal
from gpu_sim.core.rentals import idempotency
from gpu_sim.core.rentals.idempotency import Key
from gpu_sim.worlds.world import World

from ..registry import Soil, canary


@canary(
    "test_idempotency.py::test_a17_another_body_under_the_same_key_is_refused",
    shows=r"must be 422: POST /v1/gpu/rent -> 201",
)
def a_reused_key_takes_any_body(soil: Soil) -> None:
    """A17: the first answer comes again whatever the body."""
    sound = idempotency.Keys.find

    def find(self: idempotency.Keys, account: str, key: Key, now_ms: int) -> str | None:
        stored = self._stored.get((account, key.text))
        known = key if stored is None else Key(key.text, stored.key.fingerprint)
        return sound(self, account, known, now_ms)

    soil.plant(idempotency.Keys, "find", find)


@canary("test_idempotency.py::test_a17_keys_are_of_one_account", shows=r"'idempotent-replayed' not in Headers")
def keys_are_shared_between_accounts(soil: Soil) -> None:
    """A17: a key that somebody else has used gives his rental."""
    sound = idempotency.Keys.find

    def find(self: idempotency.Keys, account: str, key: Key, now_ms: int) -> str | None:
        owner = next((name for name, text in self._stored if text == key.text), account)
        return sound(self, owner, key, now_ms)

    soil.plant(idempotency.Keys, "find", find)


@canary(
    "test_idempotency.py::test_a17_keys_live_for_24_hours_of_virtual_time",
    shows=r"== .true.\) == replayed",
)
def keys_live_for_ever(soil: Soil) -> None:
    """A17: a day later the first answer still comes again."""
    sound = idempotency.Keys.find

    def find(self: idempotency.Keys, account: str, key: Key, now_ms: int) -> str | None:
        return sound(self, account, key, 0)

    soil.plant(idempotency.Keys, "find", find)


@canary("test_idempotency.py::test_a17_a_refusal_is_not_stored", shows=r"assert 402 in frozenset\(")
def refusals_are_stored(soil: Soil) -> None:
    """A17: a 402 comes again under its key when the credit is there."""
    sound = World.check
    stored: dict[tuple[str, str, str], Refusal] = {}

    def check(self: World, command: Any, key: Key | None = None) -> Any:
        if key is None:
            return sound(self, command, key)
        place = (self.name, command.account, key.text)
        if place in stored:
            raise stored[place]
        try:
            return sound(self, command, key)
        except Refusal as refusal:
            stored[place] = refusal
            raise

    soil.plant(World, "check", check)
