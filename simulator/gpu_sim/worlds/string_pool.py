"""A bounded pool of request strings, so that equal ones share memory."""

STRINGS_MAX = 1_000


class StringPool:
    """Keeps one of the equal strings among the latest; bounded, as clients may send anything."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def shared(self, text: str) -> str:
        """The pool's string that equals this one."""
        if len(self._known) >= STRINGS_MAX:
            self._known.clear()
        return self._known.setdefault(text, text)
