"""The descriptions of classes and of their fields: docstrings, and the texts that stand below fields in the source."""

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from functools import cache

from msgspec import Struct


def class_doc(class_: type) -> str:
    """The docstring of a class on one line; empty where it has none."""
    return " ".join((class_.__doc__ or "").split())


@cache
def field_docs(struct: type[Struct]) -> Mapping[str, str]:
    """The text below each field of a struct, inherited ones included, on one line. A field without one is left out."""
    found: dict[str, str] = {}
    for owner in reversed(struct.__mro__):
        found |= _of_module(owner.__module__).get(owner.__qualname__, {})
    return {name: found[name] for name in struct.__struct_fields__ if name in found}


@cache
def _of_module(name: str) -> Mapping[str, Mapping[str, str]]:
    """The texts below the fields of each class at the top of a module; none where it has no source."""
    try:
        source = inspect.getsource(sys.modules[name])
    except (OSError, TypeError):  # a module made in memory or written in C, such as that of `object`
        return {}
    classes = (node for node in ast.parse(source).body if isinstance(node, ast.ClassDef))
    return {node.name: dict(_documented(node)) for node in classes}


def _documented(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, below in zip(node.body, node.body[1:], strict=False):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, " ".join(text.split())
