"""The server under test: its API, each answer of which is checked, on top of its control plane."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from .control_plane import Account, ControlledServer
from .server import ANONYMOUS, Answer, NotApplicable, Pairs

__all__ = ["ANONYMOUS", "Account", "Answer", "Check", "NotApplicable", "Target"]


class Check(Protocol):
    """The check that every answer of the API must pass."""

    def check(self, answer: Answer, *, simulated: bool) -> None:
        """Raises AssertionError if the answer breaks the contract."""


@dataclass(eq=False, repr=False)
class Target(ControlledServer):
    """A server with the token of one of its accounts. `checker` looks at every answer of its API."""

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
        """Send one request to the API and check its answer. The target's own token is sent unless another is given,
        `body` as JSON, `content` as it is."""
        answer = self.exchange(method, path, token=token, query=query, headers=headers, body=body, content=content)
        self.judge(answer)
        return answer

    def judge(self, answer: Answer) -> None:
        """Raises AssertionError if an answer of the API breaks the contract."""
        if self.checker is not None:
            self.checker.check(answer, simulated=self.has_control)

    def offers(self, token: str | None = None, **filters: str) -> list[dict[str, Any]]:
        """List the offers that match, which must succeed."""
        answer = self.send("GET", "/v1/gpu/offers", token=token, query=list(filters.items()))
        assert answer.status == 200, answer
        return list(answer.json["data"])

    def rent(self, body: object, *, key: str | None = None, token: str | None = None) -> Answer:
        """Rent, with or without an idempotency key."""
        headers = [("idempotency-key", key)] if key is not None else []
        return self.send("POST", "/v1/gpu/rent", body=body, headers=headers, token=token)

    def rental(self, rental_id: str, token: str | None = None) -> Answer:
        """GET a rental."""
        return self.send("GET", rental_path(rental_id), token=token)

    def terminate(self, rental_id: str, token: str | None = None) -> Answer:
        """DELETE a rental."""
        return self.send("DELETE", rental_path(rental_id), token=token)


def rental_path(rental_id: str) -> str:
    """The path of a rental. Its id may contain any character."""
    return f"/v1/gpu/rentals/{quote(rental_id, safe='')}"
