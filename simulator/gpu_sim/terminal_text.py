"""Text that may come from anywhere, made fit for a terminal."""

import re

_unprintable = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ud800-\\udfff\\ufff9-\\ufffb]"
)
"""Matches what a terminal obeys or a reader cannot see: controls (C0, C1 and DEL), ends of lines, marks that turn the
direction of text around, and halves of surrogate pairs."""


def printable(text: str) -> str:
    """The text with what is not fit for a terminal escaped as JSON has it; line feeds and tabs too."""
    return _unprintable.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
