"""The control plane's document as a contract: whether an answer is one of those that it describes."""

import re
from functools import cache
from hashlib import blake2b
from typing import Any

from gpu_sim.api.control.event_stream import EventStreams
from gpu_sim.api.control.metrics import MetricsEndpoint
from gpu_sim.api.control.requests import RequestLogs
from gpu_sim.api.control.server.connections import ConnectionCalls
from gpu_sim.api.control_calls.call import Call
from gpu_sim.api.control_calls.document import control_document
from gpu_sim.api.control_calls.endpoint import DocumentEndpoint
from gpu_sim.api.control_calls.table import control_calls
from gpu_sim.api.problems import PROBLEM_MEDIA
from gpu_sim.api.request_log.in_flight import RequestsInFlight
from gpu_sim.api.request_log.redaction import Redactor
from gpu_sim.api.request_log.traffic import Traffic
from gpu_sim.api.transport import Connections
from gpu_sim.worlds.worlds import Worlds
from jsonschema import Draft202012Validator

from ...support.asgi import Answer
from .prefilled import Node, resolved


def _calls() -> tuple[Call, ...]:
    worlds, streams = Worlds(), EventStreams()
    redactor = Redactor(worlds)
    logs, metrics = (
        RequestLogs(redactor, RequestsInFlight(worlds, redactor, Connections())),
        MetricsEndpoint(worlds, Traffic(), streams),
    )
    return control_calls(streams, logs, metrics, ConnectionCalls(Connections()), DocumentEndpoint().get_document)


CALLS = _calls()
_PATHS = [(call, re.compile(re.sub(r"\{\w+\}", "[^/]+", call.path)).fullmatch) for call in CALLS]
ITEMS = 5
DOCUMENT = control_document(CALLS)
"""The document as it is before names of a world are filled into its examples."""
_AS_DOCUMENTED: set[tuple[str, str, int, str, bytes]] = set()
"""Answers that were found to be as documented, by all that is looked at; of their bodies a digest."""


def schema_validator(document: Node, schema: Node) -> Draft202012Validator:
    """A validator of a schema of the document."""
    return Draft202012Validator({**schema, "components": document["components"]})


def check_control_answer(method: str, path: str, answer: Answer) -> None:
    """Assert that the document describes this answer: its status, its media type, its code or all of its fields."""
    call = call_of(method, path)
    if call is None or answer.status == 405:
        return
    media = (answer.header("content-type") or "").partition(";")[0]
    # Tests look at the same state again and again, and validating takes far longer than answering.
    known = call.operation_id, method, answer.status, media, blake2b(answer.body).digest()
    if known not in _AS_DOCUMENTED:
        _check(call, method, media, answer)
        _AS_DOCUMENTED.add(known)


def _check(call: Call, method: str, media: str, answer: Answer) -> None:
    operation = DOCUMENT["paths"][call.path][call.method.lower()]
    described = operation["responses"].get(str(answer.status))
    assert described is not None, f"{call.operation_id}: {answer.status} is not documented: {answer.body[:200]!r}"
    described = resolved(DOCUMENT, described)
    assert media in described.get("content", {"": None}), f"{call.operation_id}: {answer.status} is {media}"
    if answer.status >= 400:
        _closed_validator(call.operation_id, answer.status).validate(answer.json())
        code = answer.json()["code"]
        assert code in described["x-codes"], f"{call.operation_id}: {answer.status} {code} is not documented"
    elif media == "application/json" and method != "HEAD":
        _closed_validator(call.operation_id, answer.status).validate(_sampled(answer.json()))


def call_of(method: str, path: str) -> Call | None:
    """The call of the table that a request is for."""
    method = "GET" if method == "HEAD" else method
    return next((call for call, is_its in _PATHS if call.method == method and is_its(path)), None)


def _sampled(content: Any) -> Any:
    """An answer with the first and the last few items of its lists: a thousand like them say no more."""
    if not isinstance(content, dict):
        return content
    return {
        key: [*value[:ITEMS], *value[ITEMS:][-ITEMS:]] if isinstance(value, list) else value
        for key, value in content.items()
    }


@cache
def _closed_validator(operation_id: str, status: int) -> Draft202012Validator:
    """A validator of the answer to an operation, in which fields that the document does not know are errors."""
    call = next(call for call in CALLS if call.operation_id == operation_id)
    answer = DOCUMENT["paths"][call.path][call.method.lower()]["responses"][str(status)]
    (media,) = (
        media
        for name, media in resolved(DOCUMENT, answer)["content"].items()
        if name in ("application/json", PROBLEM_MEDIA)
    )
    return schema_validator(_closed_document(), _closed(media["schema"]))


@cache
def _closed_document() -> Node:
    closed: Node = _closed(DOCUMENT)
    return closed


def _closed(node: Any) -> Any:
    """The document with every object closed that names its fields."""
    if isinstance(node, list):
        return [_closed(each) for each in node]
    if not isinstance(node, dict):
        return node
    closed = {key: _closed(value) for key, value in node.items()}
    return {"additionalProperties": False, **closed} if isinstance(node.get("properties"), dict) else closed
