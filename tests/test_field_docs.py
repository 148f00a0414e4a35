"""Descriptions of classes and of their fields, which are read from the source."""

from gpu_sim.field_docs import class_doc, field_docs
from msgspec import Struct, defstruct


class _Base(Struct):
    """A base,
    in two lines."""

    first: int
    """The first field,
    in two lines."""
    plain: int


class _Derived(_Base):
    second: int | None = None
    """The second."""

    LIMIT = 3
    """No field."""


def test_the_text_below_a_field_describes_it_inherited_or_not() -> None:
    assert field_docs(_Derived) == {"first": "The first field, in two lines.", "second": "The second."}


def test_a_struct_that_has_no_source_has_no_descriptions() -> None:
    assert field_docs(defstruct("Made", [("x", int)], module="builtins")) == {}


def test_a_class_is_described_by_its_own_docstring_alone() -> None:
    assert class_doc(_Base) == "A base, in two lines."
    assert class_doc(_Derived) == ""
