"""A canary: a simulator with one planted defect, and the clause that has to fail because of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import Any

_ABSENT = object()


class Soil:
    """Where defects are planted: the modules of this process. `reached` counts the calls that came to a planted piece;
    `clear` puts everything back."""

    def __init__(self) -> None:
        self.reached = 0
        self._before: list[tuple[Any, str, object]] = []

    def plant(self, owner: Any, name: str, defect: Callable[..., Any]) -> None:
        """Put the defect where the sound piece was: a function of a module, or a method of a class."""
        assert hasattr(owner, name), name
        self._before.append((owner, name, vars(owner).get(name, _ABSENT)))

        @wraps(defect)
        def counted(*arguments: Any, **named: Any) -> Any:
            self.reached += 1
            return defect(*arguments, **named)

        setattr(owner, name, counted)

    def clear(self) -> None:
        """Put the sound pieces back."""
        while self._before:
            owner, name, sound = self._before.pop()
            if sound is _ABSENT:
                delattr(owner, name)  # it was inherited
            else:
                setattr(owner, name, sound)


Defect = Callable[[Soil], None]


@dataclass(frozen=True, slots=True)
class Canary:
    """A defect and what catches it.

    `caught_by` is a test of `contract/clauses/` as `file.py::name`; `shows` is a pattern that its failure must match,
    so that it has failed because of this defect; `machine` is the same for the state machine, where that is to find it
    too. `crashes` says that the defect is a failure of the server, and to be told as one.
    """

    name: str
    says: str
    defect: Defect
    caught_by: str
    shows: str
    machine: str | None
    crashes: bool


class Registry:
    """The canaries, in the order in which they are written."""

    def __init__(self) -> None:
        self._by_name: dict[str, Canary] = {}

    def __iter__(self) -> Iterator[Canary]:
        return iter(self._by_name.values())

    def __getitem__(self, name: str) -> Canary:
        return self._by_name[name]

    def __call__(
        self, caught_by: str, *, shows: str, machine: str | None = None, crashes: bool = False
    ) -> Callable[[Defect], Defect]:
        """Register the function below; the first line of its docstring says what is wrong."""

        def register(defect: Defect) -> Defect:
            name, said = defect.__name__, (defect.__doc__ or "").splitlines()
            assert name not in self._by_name, name
            assert said, f"{name} does not say what is wrong"
            self._by_name[name] = Canary(name, said[0], defect, caught_by, shows, machine, crashes)
            return defect

        return register


canary = Registry()
"""The canaries that the contract suite must catch."""
