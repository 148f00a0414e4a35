"""Texts that come again and again with each request, held once."""

WORDS_MAX = 1_000


class Words:
    """The latest texts, of which the equal ones become one. Unlike those that Python interns they go again."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def once(self, text: str) -> str:
        """An equal text, the same one each time."""
        if len(self._known) >= WORDS_MAX:
            self._known.clear()
        return self._known.setdefault(text, text)
