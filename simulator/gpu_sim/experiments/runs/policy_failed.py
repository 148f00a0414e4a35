"""Reasons to end a run early: a policy that fails, for it raises, asks for what it could not know, or never lets time
pass, and a scenario that cannot be run at all."""

from collections.abc import Iterable


class PolicyFailed(Exception):
    """The run ends at `at_ms`, in virtual ms since the start, for the policy of this renter did what none may do.

    The text names policy and renter, the virtual time, the latest events, and the line that repeats the run.
    """

    def __init__(self, policy: str, renter: str, at_ms: int, problem: str, events: Iterable[str], repeat: str) -> None:
        self.policy = policy
        self.renter = renter
        self.at_ms = at_ms
        self._made_of = policy, renter, at_ms, problem, (*events,), repeat
        latest = "".join(f"\n  {event}" for event in self._made_of[4])
        told = f"\nThe latest events of the run:{latest}" if latest else ""
        super().__init__(
            f'the policy "{policy}" of {renter} {problem}, {at_ms} ms after the start{told}\nRepeat it: {repeat}'
        )

    def __reduce__(self) -> tuple[type["PolicyFailed"], tuple[object, ...]]:
        # An exception is made anew of its text otherwise, where a worker process hands it over.
        return type(self), self._made_of


class RunImpossible(Exception):
    """The scenario cannot be run: `path` is the field that is in the way. Raised by `run` before anything is run."""

    def __init__(self, path: str, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: {problem}")

    def __reduce__(self) -> tuple[type["RunImpossible"], tuple[str, str]]:
        return type(self), (self.path, self.problem)
