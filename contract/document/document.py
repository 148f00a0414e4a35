"""The OpenAPI document as data, and the check of an answer against it."""

import re
from functools import cache, cached_property
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from .. import FOLDER
from ..target.target import Answer
from .error_codes import INJECTED, RENTED, STATUS_OF_CODE
from .fault_markers import FAULT_HEADER, without_fault_statements

MATCHING_MAX = 1_000
"""The number of bodies remembered as matching."""
SIMULATOR_HEADERS = frozenset({"x-request-id", "x-sim-now"})
UNMATCHED = {
    400: "BadRequest",
    401: "Unauthorized",
    404: "NotFound",
    405: "MethodNotAllowed",
    413: "PayloadTooLarge",
}
"""The responses, by status, to requests that reach none of the four operations."""


class Document:
    """The OpenAPI document. Each schema is compiled once."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw
        self._validators: dict[str, Draft202012Validator] = {}
        self._matching: set[tuple[str, bytes]] = set()
        self._paths = [(_pattern(path), item) for path, item in raw["paths"].items()]

    def check(self, answer: Answer, *, simulated: bool) -> None:
        """Raises AssertionError if status, headers or body are not as documented. An answer that a fault made or
        changed is checked against the whole document, any other against the document without injected faults."""
        is_injected = FAULT_HEADER in answer.headers
        assert is_injected or answer.status < 500, f"A13: a 5xx without a fault: {answer}"
        (self if is_injected else self.without_faults).check_described(answer, simulated=simulated)

    @cached_property
    def without_faults(self) -> "Document":
        """The document without the statements about injected faults."""
        return Document(without_fault_statements(self.raw))

    def check_described(self, answer: Answer, *, simulated: bool) -> None:
        """Raises AssertionError if this document does not describe such an answer."""
        response = self._response(answer)
        provenance = response["x-provenance"]
        for name, header in response.get("headers", {}).items():
            self._check_header(answer, name, self.resolve(header), simulated=simulated)
        if answer.method == "HEAD":
            assert answer.content == b"", f"a HEAD answer has a body: {answer}"
            return
        kind = answer.headers.get("content-type", "")
        clause = "A12" if answer.status >= 400 else provenance
        assert kind.startswith("application/json"), f"{clause}: {kind or 'nothing declared'} is no JSON: {answer}"
        schema = response["content"]["application/json"]["schema"]
        self._check_body(schema, answer, provenance)
        if answer.status >= 400:
            code = answer.error["code"]
            assert code == INJECTED or STATUS_OF_CODE[code] == answer.status, f"A13: {code} in {answer}"

    def operation(self, method: str, path: str) -> dict[str, Any] | None:
        """The operation that answers a request, or None. HEAD is answered as GET."""
        for pattern, item in self._paths:
            if pattern.fullmatch(path.partition("?")[0]):
                found: dict[str, Any] | None = item.get("get" if method == "HEAD" else method.lower())
                return found
        return None

    def resolve(self, node: dict[str, Any]) -> dict[str, Any]:
        """The node that a `$ref` leads to, or the node itself."""
        while (reference := node.get("$ref")) is not None and reference.startswith("#/"):
            found: Any = self.raw
            for part in reference[2:].split("/"):
                found = found[part]
            node = found
        return node

    def _response(self, answer: Answer) -> dict[str, Any]:
        operation = self.operation(answer.method, answer.path)
        if operation is None:
            name = UNMATCHED.get(answer.status)
            assert name is not None, f"A13: undocumented status: {answer}"
            return self.resolve({"$ref": f"#/components/responses/{name}"})
        status = answer.status
        if operation["operationId"] == "rent_gpu" and status in RENTED:
            status = 201
        found = operation["responses"].get(str(status))
        if found is None and status >= 400:  # 2XX only repeats the documented part of 201
            found = operation["responses"].get(f"{status // 100}XX")
        assert found is not None, f"undocumented status (A13): {answer}"
        return self.resolve(found)

    def _check_body(self, schema: dict[str, Any], answer: Answer, provenance: str) -> None:
        """Raises AssertionError if a body does not match. Bodies that matched are remembered: most answers come again,
        and validation takes longer than the request."""
        known = repr(schema), answer.content
        if known in self._matching:
            return
        self.check_value(schema, answer.json, f"{provenance}: {answer}")
        if len(self._matching) >= MATCHING_MAX:
            self._matching.clear()
        self._matching.add(known)

    def _check_header(self, answer: Answer, name: str, header: dict[str, Any], *, simulated: bool) -> None:
        values = answer.headers.get_list(name)
        if not values:
            needed = header["required"] and (simulated or name not in SIMULATOR_HEADERS)
            assert not needed, f"{header['x-provenance']}: header {name} is missing: {answer}"
            return
        assert len(values) == 1, f"{header['x-provenance']}: {len(values)} headers {name}: {answer}"
        self.check_value(header["schema"], values[0], f"{header['x-provenance']}: header {name}: {answer}")

    def check_value(self, schema: dict[str, Any], value: object, where: str) -> None:
        """Raises AssertionError if a value does not match a schema. The text names the clause and `where`."""
        key = repr(schema)
        if key not in self._validators:
            self._validators[key] = Draft202012Validator({**schema, "components": self.raw["components"]})
        error = best_match(self._validators[key].iter_errors(value))
        if error is not None:
            clause = error.schema.get("x-provenance", "") if isinstance(error.schema, dict) else ""
            raise AssertionError(f"{clause} {error.json_path}: {error.message} ({where})".lstrip())


@cache
def load_document() -> Document:
    """The document `openapi.yaml`."""
    return Document(yaml.safe_load((FOLDER / "openapi.yaml").read_text(encoding="utf-8")))


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{[a-z_]+\\}", "[^/]+", re.escape(path)))
