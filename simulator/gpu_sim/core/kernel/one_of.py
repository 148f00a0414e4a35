"""Values of which exactly one is given: the rule, and structs that obey it."""

from typing import ClassVar

from msgspec import Struct


def not_exactly_one(**values: object) -> str | None:
    """The complaint about named values of which none or several are given (are not None); None where one is."""
    if sum(value is not None for value in values.values()) == 1:
        return None
    *others, last = values
    return f"give exactly one of {', '.join(others)} and {last}"


class OneOf(Struct, frozen=True):
    """Has exactly one of the fields named in KINDS, whatever its other fields are."""

    KINDS: ClassVar[tuple[str, ...]]

    def __post_init__(self) -> None:
        complaint = not_exactly_one(**{kind: getattr(self, kind) for kind in self.KINDS})
        if complaint is not None:
            raise ValueError(complaint)

    @property
    def kind(self) -> str:
        """The name of the field that is given."""
        return next(kind for kind in self.KINDS if getattr(self, kind) is not None)
