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
        """How long until the first step, or None for ever."""
        return self._playback.due_ms(0)

    def step(self, now_ms: int) -> int | None:
        """Take the step that is due now, and say how long until the next, or None where none is left."""
        self.steps += 1
        self.price_micros = self._playback.value(self.steps)
        due_ms = self._playback.due_ms(self.steps)
        return None if due_ms is None else due_ms - now_ms

    def start_anew(self, now_ms: int, drawn: int) -> None:
        """Another host takes the offer's place: the series has its price."""

    def state(self) -> PriceState:
        """What a snapshot holds of it."""
        return PriceState(self.price_micros, 0, 0, self.steps)

    def restore(self, state: PriceState, now_ms: int, awaited_ms: Sequence[int]) -> None:
        """Be as the state says; `awaited_ms` is when steps are pending. Raises ValueError where it never is so."""
        due_ms = self._playback.due_ms(state.steps)
        if not self._playback.is_at(state.steps, now_ms) or list(awaited_ms) != ([] if due_ms is None else [due_ms]):
            raise ValueError("a price is not where its series is")
        self.steps = state.steps
        self.price_micros = self._playback.value(state.steps)
