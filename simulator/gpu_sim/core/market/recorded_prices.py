"""Prices as they were recorded: each holds until the next."""

from collections.abc import Sequence

from .playback import Playback
from .prices import PriceState


class RecordedPrice:
    """One offer's price as its series has it, whatever the `pressure`. Its state is the number of `steps` taken."""

    __slots__ = ("_playback", "pressure", "price_micros", "steps")

    def __init__(self, playback: Playback) -> None:
        self._playback = playback
        self.pressure = 0.0
        self.steps = 0
        self.price_micros = playback.value(0)

    def first_delay_ms(self) -> int | None:
        """The time until the first step; None if there is none."""
        return self._playback.due_ms(0)

    def step(self, now_ms: int) -> int | None:
        """Take the step that is due now, and return the time until the next, or None where none is left."""
        self.steps += 1
        self.price_micros = self._playback.value(self.steps)
        due_ms = self._playback.due_ms(self.steps)
        return None if due_ms is None else due_ms - now_ms

    def start_anew(self, now_ms: int, drawn: int) -> None:
        """Another host takes the offer's place: the series has its price."""

    def state(self) -> PriceState:
        """Its part of a snapshot."""
        return PriceState(self.price_micros, 0, 0, self.steps)

    def restore(self, state: PriceState, now_ms: int, awaited_ms: Sequence[int]) -> None:
        """Restore from `state`; `awaited_ms` are the pending steps. Raises ValueError if no run leads there."""
        due_ms = self._playback.due_ms(state.steps)
        if not self._playback.is_at(state.steps, now_ms) or list(awaited_ms) != ([] if due_ms is None else [due_ms]):
            raise ValueError("a price is not where its series is")
        self.steps = state.steps
        self.price_micros = self._playback.value(state.steps)
