"""Decoration by Faker, which makes answers look real and decides nothing. It is imported when first needed."""

import asyncio
from functools import cache
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from faker import Faker


@cache
def _faker() -> "Faker":
    from faker import Faker  # noqa: PLC0415  # takes longer to import than the server takes to start

    return Faker("en_US", providers=["faker.providers.person"])


async def prepare() -> None:
    """Import Faker in a thread, so that other requests are served meanwhile; afterwards it costs nothing."""
    if not _faker.cache_info().currsize:
        await asyncio.to_thread(_faker)


def ssh_access(rental_id: str) -> dict[str, str | int]:
    """The host, port and user of a rental's SSH access (F9), the same for the same id; nothing listens there."""
    number = int.from_bytes(blake2b(rental_id.encode(), digest_size=8).digest(), "big")
    faker = _faker()
    faker.seed_instance(number)
    name = "".join(letter for letter in faker.last_name().lower() if letter.isalnum())
    host = f"{name}-{number % 1000:03d}.gpu.example"
    return {"host": host, "port": 20_000 + number % 40_000, "user": "root"}
