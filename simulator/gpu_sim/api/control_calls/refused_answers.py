"""The answers to refused calls as components of a document, which calls that refuse for the same reasons share."""

from collections.abc import Iterable
from http import HTTPStatus
from itertools import count, groupby

from msgspec.structs import asdict

from ...core.kernel.errors import Refusal
from ...field_docs import class_doc
from ...type_schemas import Schema
from ..problems import KINDS, PROBLEM_MEDIA, InvalidToken, VerificationFailed, problem_details
from .call import Call

_REFS = "#/components/responses/"


class RefusedAnswers:
    """`components` are the answers by name: that of their status, with a number where there are several."""

    def __init__(self, problem: Schema, verification_problem: Schema, headers: Schema) -> None:
        self.components: dict[str, Schema] = {}
        self._problem = problem
        self._verification_problem = verification_problem
        self._headers = headers

    def of(self, call: Call) -> dict[str, Schema]:
        """References to the answers to a call that is refused, by status."""
        by_status = sorted(call.refusals, key=lambda refusal: (KINDS[refusal].status, refusal.code))
        return {
            str(status): self._reference(status, self._answer(status, list(refusals)))
            for status, refusals in groupby(by_status, key=lambda refusal: KINDS[refusal].status)
        }

    def _answer(self, status: int, refusals: list[type[Refusal]]) -> Schema:
        problem = self._problem
        if any(issubclass(refusal, VerificationFailed) for refusal in refusals):
            problem = {"anyOf": [self._verification_problem, problem]}
        return _answer(status, refusals, problem, self._headers)

    def _reference(self, status: int, answer: Schema) -> Schema:
        phrase = "".join(word.capitalize() for word in HTTPStatus(status).phrase.split())
        names = (phrase if number == 1 else f"{phrase}{number}" for number in count(1))
        name = next(each for each in names if self.components.get(each, answer) == answer)
        self.components[name] = answer
        return {"$ref": f"{_REFS}{name}"}


def _answer(status: int, refusals: Iterable[type[Refusal]], problem: Schema, headers: Schema) -> Schema:
    lines = {refusal.code: class_doc(refusal) for refusal in refusals}
    if InvalidToken.code in lines:
        scheme = {"description": "The scheme.", "required": True, "schema": {"type": "string", "const": "Bearer"}}
        headers = {**headers, "www-authenticate": scheme}
    examples = {code: {"value": asdict(problem_details(code, status, line))} for code, line in lines.items()}
    return {
        "description": "\n".join(f"- `{code}`: {line}" for code, line in lines.items()),
        "x-codes": list(lines),
        "headers": headers,
        "content": {PROBLEM_MEDIA: {"schema": problem, "examples": examples}},
    }
