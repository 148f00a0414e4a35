"""The result of a run."""

from collections.abc import Callable, Iterator
from typing import Literal

from msgspec import Struct

from .facts import RunFacts
from .price_courses import PriceCourse

Through = Literal["core", "http"]
"""The way of a run's requests: straight to the core, or over the ASGI application."""


class Miss(Struct, frozen=True):
    """An expectation that did not hold: its place in the scenario, the first instant in virtual ms, and by how much."""

    path: str
    at_ms: int
    text: str


class RunResult(Struct, frozen=True, kw_only=True):
    """The outcome of one run: a row of metrics by name, in their order, and the rest to look at.

    Equal inputs give equal metrics and an equal journal, to the byte. `journal` makes its lines when called,
    and `prices` the course of the price of each offer that was rented, for which it lets the market go by again.
    """

    scenario: str
    seed: int
    settings: dict[str, str]
    key: str
    length_ms: int
    metrics: dict[str, int | float | None]
    misses: tuple[Miss, ...]
    facts: RunFacts
    journal: Callable[[], Iterator[bytes]]
    prices: Callable[[], dict[str, PriceCourse]]
