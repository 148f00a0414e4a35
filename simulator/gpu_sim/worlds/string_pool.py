"""Texts that come again and again with each request, held once."""

STRINGS_MAX = 1_000


class StringPool:
    """The latest texts, of which the equal ones become one. Unlike those that Python interns they go again."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def shared(self, text: str) -> str:
        """An equal text, the same one each time."""
        if len(self._known) >= STRINGS_MAX:
            self._known.clear()
        return self._known.setdefault(text, text)
