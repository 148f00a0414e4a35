"""The server under test: its API, each answer of which is checked, and what else it lets the suite do."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from .control_plane import Account, ControlledServer
from .server import ANONYMOUS, Answer, NotApplicable, Pairs

__all__ = ["ANONYMOUS", "Account", "Answer", "Check", "NotApplicable", "Target"]


class Check(Protocol):
    """Whoever looks at every answer of the API."""

    def check(self, answer: Answer, *, simulated: bool) -> None:
        """Raise AssertionError where the answer breaks the contract."""


@dataclass(eq=False, repr=False)
class Target(ControlledServer):
    """A server, the token of one account of it, and what else it lets us do."""

    checker: Check | None = None

    def send(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        query: Pairs = (),
        headers: Iterable[tuple[str, str]] = (),
        body: object = None,
        content: bytes | None = None,
    ) -> Answer:
        """One request to the API, with the target's own token unless given; `body` goes out as JSON, `content` as
        is."""
        answer = self.exchange(method, path, token=token, query=query, headers=headers, body=body, content=content)
        self.judge(answer)
        return answer

    def judge(self, answer: Answer) -> None:
        """Raise AssertionError where an answer of the API breaks the contract."""
        if self.checker is not None:
            self.checker.check(answer, simulated=self.has_control)

    def offers(self, token: str | None = None, **filters: str) -> list[dict[str, Any]]:
        """The offers that match, which must be listed without an error."""
        answer = self.send("GET", "/v1/gpu/offers", token=token, query=list(filters.items()))
        assert answer.status == 200, answer
        return list(answer.json["data"])

    def rent(self, body: object, *, key: str | None = None, token: str | None = None) -> Answer:
        """One rent, with or without an idempotency key."""
        headers = [("idempotency-key", key)] if key is not None else []
        return self.send("POST", "/v1/gpu/rent", body=body, headers=headers, token=token)

    def rental(self, rental_id: str, token: str | None = None) -> Answer:
        """The rental as it stands now."""
        return self.send("GET", rental_path(rental_id), token=token)

    def terminate(self, rental_id: str, token: str | None = None) -> Answer:
        """The end of the rental."""
        return self.send("DELETE", rental_path(rental_id), token=token)


def rental_path(rental_id: str) -> str:
    """The path of a rental, whatever its id is made of."""
    return f"/v1/gpu/rentals/{quote(rental_id, safe='')}"
