"""The README of the contract lists the canaries as they are."""

from .table import BEGIN, END, README, renewed, table


def test_the_readme_lists_every_canary_as_it_is_now() -> None:
    """`python -m tests.canaries.table` mends it."""
    text = README.read_text(encoding="utf-8")
    assert renewed(text) == text


def test_what_stands_around_the_table_is_kept() -> None:
    stale = f"above\n{BEGIN}| old |\n{END}below\n"
    assert renewed(stale) == f"above\n{BEGIN}{table()}{END}below\n"
