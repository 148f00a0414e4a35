"""The control plane as an OpenAPI 3.1 document, made from the table of its calls and from the types that they name."""

import re
from collections.abc import Iterable
from http import HTTPStatus
from inspect import cleandoc

from msgspec import Struct, inspect

from ... import __version__
from ...field_docs import class_doc
from ...type_schemas import Schema, TypeSchemas
from ..control.answers.events import EVENT_STRUCTS, EventView, shown_fields
from ..control.answers.requests import VerificationProblem
from ..problems import ProblemDetails
from ..queries.since import SINCE_SCHEMA, Since
from .call import Call
from .refused_answers import RefusedAnswers

_REFS = "#/components/schemas/"

_DESCRIPTION = """\
How a test or an operator drives the simulator: its worlds and their clocks, money, market and faults, and all that
happened. The service that is simulated has none of this.

On this machine no token is needed; from elsewhere the server wants its admin token in `x-sim-admin`. A call acts on the
world that `?world=` names, or else on that of the bearer token, or else on the only one.

Durations are written as `15m`, instants as RFC 3339, money as `"0.071750"`. A refusal is a problem (RFC 9457) with a
stable `code`. Examples work as they are in the world that this document was asked of; where one names what is not there
yet, such as a rental before any rent, it is what the next call that makes one will make.
"""

_SUBJECTS = {
    "server": "Whether it is alive, its figures, and this document.",
    "worlds": "Isolated simulations on one server.",
    "clock": "Virtual time.",
    "accounts": "Customers and their money.",
    "rentals": "All rentals, and what an operator can do to one.",
    "market": "The offers, and acts on them.",
    "faults": "Rules that inject misbehaviour.",
    "records": "What happened: events, the journal, the request log.",
}

_HEADERS: dict[str, Schema] = {
    "RequestId": {"description": "Id of this request.", "required": True, "schema": {"type": "string"}},
    "SimNow": {
        "description": "The virtual time of the call's world.",
        "required": True,
        "schema": {"type": "string", "format": "date-time"},
    },
}
_OF_ALL_ANSWERS: Schema = {
    "x-request-id": {"$ref": "#/components/headers/RequestId"},
    "x-sim-now": {"$ref": "#/components/headers/SimNow"},
}
_ALTERNATIVES: list[dict[str, list[str]]] = [{}, {"bearer": []}, {"admin": []}, {"admin": [], "bearer": []}]
_SCHEMES: dict[str, Schema] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "The token of an account: the call acts on its world.",
    },
    "admin": {
        "type": "apiKey",
        "in": "header",
        "name": "x-sim-admin",
        "description": "The server's admin token, which calls from another machine need.",
    },
}

_raises = re.compile(r"(?:^|(?<=[.!]) +|(?<=[.!])\n|\n\n)Raises [^.]*(?:\.(?=\S)[^.]*)*\.").sub
_first_sentence = re.compile(r"(.+?[.!])(?:\s+|$)(.*)", re.DOTALL).fullmatch


def control_document(calls: Iterable[Call]) -> Schema:
    """The document of these calls. Examples still have names in braces, which `ExampleNames.filled_in` replaces."""
    calls = tuple(calls)
    schemas = TypeSchemas(_REFS, {Since: SINCE_SCHEMA})
    refused = RefusedAnswers(schemas.of(ProblemDetails), schemas.of(VerificationProblem), _OF_ALL_ANSWERS)
    paths: dict[str, Schema] = {}
    for call in calls:
        paths.setdefault(call.path, {})[call.method.lower()] = _operation(call, schemas, refused)
    _describe_events(schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "GPU rental API: the simulator's control plane",
            "version": __version__,
            "summary": "Worlds, clocks, money, market, faults and records of a simulator.",
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "{server}", "description": "The server that handed this document out."}],
        "security": _ALTERNATIVES,
        "tags": [{"name": name, "description": text} for name, text in _SUBJECTS.items()],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.definitions.items())),
            "responses": refused.components,
            "headers": _HEADERS,
            "securitySchemes": _SCHEMES,
        },
    }


def _operation(call: Call, schemas: TypeSchemas, refused: RefusedAnswers) -> Schema:
    text = _raises("", cleandoc(call.description)).strip()
    sentence = _first_sentence(text)
    assert sentence is not None, f"{call.operation_id} needs a docstring"
    operation: Schema = {
        "operationId": call.operation_id,
        "tags": [call.subject],
        "summary": " ".join(sentence[1].split()),
        "parameters": [*_path_parameters(call), *_query_parameters(call, schemas)],
        "responses": {str(call.status): _success(call, schemas), **refused.of(call)},
    }
    if sentence[2]:
        operation["description"] = sentence[2]
    # HTTP gives the body of a DELETE no meaning: ours take an empty object, which nobody has to send.
    if call.has_body and call.method != "DELETE":
        operation["requestBody"] = _body(call, schemas)
    return operation


def _path_parameters(call: Call) -> list[Schema]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": "An example of what is not there yet is the name that the next one gets.",
            "schema": {"type": "string", "minLength": 1},
            "example": call.about,
        }
        for name in re.findall(r"\{(\w+)\}", call.path)
    ]


def _query_parameters(call: Call, schemas: TypeSchemas) -> list[Schema]:
    info = _struct_info(call.query)
    properties = schemas.properties(info)
    parameters = []
    for field in info.fields:
        schema = _without_null(properties[field.encode_name])
        description = schema.pop("description", "")
        parameters.append(
            {
                "name": field.encode_name,
                "in": "query",
                "required": field.required,
                "description": description,
                "schema": schema,
            }
        )
    return parameters


def _without_null(schema: Schema) -> Schema:
    """The schema of a value in a query, where null cannot be written: the parameter is left out instead."""
    left = {key: value for key, value in schema.items() if not (key == "default" and value is None)}
    alternatives = [each for each in left.get("anyOf", ()) if each != {"type": "null"}]
    if len(alternatives) == 1:
        del left["anyOf"]
        return {**alternatives[0], **left}
    return {**left, "anyOf": alternatives} if alternatives else left


def _body(call: Call, schemas: TypeSchemas) -> Schema:
    if call.body is None:
        schema: Schema = {"type": "object", "description": "What the GET of this path answered."}
        return {"required": True, "content": {"application/json": {"schema": schema, "example": call.example}}}
    required = any(field.required for field in _struct_info(call.body).fields)
    media: Schema = {"schema": schemas.of(call.body)}
    if call.example is not None:
        media["example"] = call.example
    return {"required": required, "content": {"application/json": media}}


def _success(call: Call, schemas: TypeSchemas) -> Schema:
    answer: Schema = {"description": HTTPStatus(call.status).phrase, "headers": _OF_ALL_ANSWERS}
    if call.media:
        answer["content"] = {media: {"schema": _answer_schema(call, media, schemas)} for media in call.media}
    return answer


def _answer_schema(call: Call, media: str, schemas: TypeSchemas) -> Schema:
    if media != "application/json":
        return {"type": "string"}
    if call.reply is None:
        return {"type": "object"}
    item = schemas.of(call.reply)
    if call.or_reply is not None:
        return {"anyOf": [item, schemas.of(call.or_reply)]}
    if call.end is None:
        return item
    end = _struct_info(call.end)
    name = f"{call.reply.__name__}List"
    schemas.definitions[name] = {
        "type": "object",
        "description": f"A list of {call.reply.__name__}.",
        "properties": {"data": {"type": "array", "items": item}, **schemas.properties(end)},
        "required": ["data", *(field.encode_name for field in end.fields)],
    }
    return {"$ref": f"{_REFS}{name}"}


def _describe_events(schemas: TypeSchemas) -> None:
    """Describe an event as one of those that there are, told apart by `type`."""
    schemas.of(EventView)
    common = schemas.definitions["EventView"]
    references: dict[str, str] = {}
    for type_ in EVENT_STRUCTS:
        info = _struct_info(type_)
        properties = {**common["properties"], "type": {"const": info.tag}}
        for name, shown in shown_fields(type_):
            properties[name] = schemas.of_info(shown) if isinstance(shown, inspect.Type) else schemas.of(shown)
        schemas.definitions[type_.__name__] = {
            "type": "object",
            "description": class_doc(type_),
            "properties": properties,
            "required": list(properties),
        }
        references[str(info.tag)] = f"{_REFS}{type_.__name__}"
    schemas.definitions["EventView"] = {
        "description": common["description"],
        "oneOf": [{"$ref": reference} for reference in references.values()],
        "discriminator": {"propertyName": "type", "mapping": references},
    }


def _struct_info(type_: type[Struct]) -> inspect.StructType:
    info = inspect.type_info(type_)
    assert isinstance(info, inspect.StructType)
    return info
