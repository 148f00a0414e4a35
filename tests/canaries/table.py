"""The table of canaries in the README of the contract: `python -m tests.canaries.table` writes it anew."""

from pathlib import Path

from .catalogue import CANARIES, Canary

README = Path(__file__).parents[2] / "contract" / "README.md"
BEGIN, END = "<!-- canaries: begin -->\n", "<!-- canaries: end -->\n"
HEAD = "| canary | planted defect | caught by |\n|---|---|---|\n"


def table() -> str:
    """A row for each canary."""
    return HEAD + "".join(map(_row, CANARIES))


def renewed(text: str) -> str:
    """The README with the table as it is now, between the two marker lines."""
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert end, f"the README lacks {BEGIN.strip()} or {END.strip()}"
    return f"{before}{BEGIN}{table()}{END}{after}"


def _row(bird: Canary) -> str:
    test = bird.caught_by.partition("::")[2]
    also = ", the state machine" if bird.machine else ""
    return f"| `{bird.name}` | {bird.says.removesuffix('.')} | `{test}`{also} |\n"


if __name__ == "__main__":
    README.write_text(renewed(README.read_text(encoding="utf-8")), encoding="utf-8")
