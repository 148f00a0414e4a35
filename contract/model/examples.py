"""Generated examples, each with its own request trace."""

from collections.abc import Callable
from typing import Any

from hypothesis import settings

from ..target.request_trace import RequestTrace


class Examples:
    """A decorator above `given`: tries as many examples as the profile says, and traces the latest of them only."""

    def __init__(self, profile: settings, trace: RequestTrace) -> None:
        self._profile = profile
        self._trace = trace

    def at_most(self, number: int) -> "Examples":
        """The same decorator for at most `number` examples."""
        return Examples(settings(self._profile, max_examples=min(number, self._profile.max_examples)), self._trace)

    def __call__(self, check: Callable[..., None]) -> Callable[..., None]:
        generated: Any = check
        inner: Callable[..., None] = generated.hypothesis.inner_test

        def begun(*drawn: Any, **named: Any) -> None:
            self._trace.begin()
            inner(*drawn, **named)

        generated.hypothesis.inner_test = begun
        wrapped: Callable[..., None] = self._profile(generated)
        return wrapped
