"""The frame of a page, and its tables."""

from collections.abc import Iterable, Sequence
from html import escape
from string import Template

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { color-scheme: light dark; --ink: #1b1b1b; --paper: #fff; --quiet: #666; --line: #d8d8d8; --bar: #0072b2; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e8e8; --paper: #16181b; --quiet: #a0a0a0; --line: #3a3d42; --bar: #56b4e9; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0 auto;
  max-width: 1100px; padding: 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .4rem; }
p { margin: .3rem 0; } .quiet { color: var(--quiet); }
.wide { overflow-x: auto; } svg { width: 100%; min-width: 560px; display: block; }
svg text { font-size: 12px; fill: var(--ink); } svg .tick { font-size: 11px; fill: var(--quiet); }
.axis { stroke: var(--quiet); fill: none; } .grid { stroke: var(--line); fill: none; }
.waits { fill: #b8b8b8; } .starts { fill: #e69f00; } .works { fill: var(--bar); } .lost { fill: #d55e00; }
.notice { fill: #8a8a00; } .act { fill: #cc79a7; } .fault { fill: #009e73; }
.legend span { display: inline-block; margin-right: 1rem; }
.legend i { display: inline-block; width: .8em; height: .8em; margin-right: .3em; }
/* Words stay whole: on a narrow screen a table is moved sideways, and has no columns of single letters. */
table { border-collapse: collapse; font-size: 13px; overflow-wrap: normal; }
td, th { padding: .15rem .6rem; text-align: left; border-bottom: 1px solid var(--line); vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.meaning { min-width: 16rem; }
.missed { color: #d55e00; font-weight: 600; }
</style>
</head>
<body>
<h1>$title</h1>
$body
</body>
</html>
""")


def page_text(title: str, body: Iterable[str]) -> str:
    """A page; the title is escaped, the parts of the body are HTML."""
    return _PAGE.substitute(title=escape(title), body="\n".join(body))


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Iterable[int] = (), meaning: int | None = None
) -> str:
    """A table of texts, which are escaped; the columns of these numbers hold numbers, that of `meaning` sentences."""
    right = frozenset(numbers)

    def cell(place: int, text: str) -> str:
        kind = ' class="number"' if place in right else ' class="meaning"' if place == meaning else ""
        return f"<td{kind}>{escape(text)}</td>"

    lines = ("".join(cell(place, text) for place, text in enumerate(row)) for row in rows)
    names = "".join(f"<th>{escape(name)}</th>" for name in head)
    return f'<div class="wide"><table><tr>{names}</tr>{"".join(f"<tr>{line}</tr>" for line in lines)}</table></div>'


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of text, which is escaped."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def heading(text: str) -> str:
    """A heading, which is escaped."""
    return f"<h2>{escape(text)}</h2>"


def figure_of(value: float | None) -> str:
    """A number in six figures, a whole one in all of its own; nothing for None."""
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else f"{value:.6g}"
