"""A page of its own about a simulated market: the table and the pictures in one file that refers to no other."""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import Path
from string import Template

from .plots import Picture
from .seed_run import Plan
from .targets import SOURCES
from .validation import Row, column_names, columns, summary

PAGE = "market.html"

_PAGE = Template("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 70rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .3rem; }
img { max-width: 100%; height: auto; }
figure { margin: 0; } figcaption, .small { color: #555; font-size: .88rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .86rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .22rem .7rem .22rem 0; border-bottom: 1px solid #e2e2e2; vertical-align: top; }
th { border-bottom: 2px solid #999; }
.held { color: #00664b; } .missed { color: #a34700; font-weight: 600; } .not-shown { color: #666; }
</style>
</head>
<body>
<h1>$title</h1>
<p>$about</p>
$figures
<h2>How close it comes</h2>
<p>$summary</p>
<div class="wide">
<table>
<thead><tr>$head</tr></thead>
<tbody>
$rows
</tbody>
</table>
</div>
<h2>Sources</h2>
<ul class="small">
$sources
</ul>
</body>
</html>
""")


def write_page(
    folder: Path, plan: Plan, seeds: Sequence[int], rows: Sequence[Row], pictures: Sequence[Picture]
) -> Path:
    """Write the page and each picture as a PNG into a folder, which is made if need be; answers the page's path.

    Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for picture in pictures:
        (folder / f"{picture.name}.png").write_bytes(picture.png)
    page = folder / PAGE
    page.write_text(page_text(plan, seeds, rows, pictures), encoding="utf-8")
    return page


def page_text(plan: Plan, seeds: Sequence[int], rows: Sequence[Row], pictures: Sequence[Picture]) -> str:
    """The page as HTML. All text of the scenario is escaped."""
    return _PAGE.substitute(
        title=escape(f"The market of {plan.scenario.name}"),
        about=escape(_about(plan, seeds)),
        figures="\n".join(map(_figure, pictures)),
        summary=escape(summary(rows)),
        head="".join(f"<th>{escape(name)}</th>" for name in (*column_names(rows), "sources")),
        rows="\n".join(_table(rows)),
        sources="\n".join(f"<li>{escape(f'{name}: {text}')}</li>" for name, text in SOURCES.items()),
    )


def _about(plan: Plan, seeds: Sequence[int]) -> str:
    looked = plan.looked
    return (
        f"{plan.days} days under each of the seeds {seeds[0]} to {seeds[-1]}. Availability is looked at every "
        f"{looked.observe_every_ms / 1000:g} s and written every {looked.gap_ms / 1000:g} s. "
        f"{' '.join(plan.scenario.description.split())}"
    )


def _figure(picture: Picture) -> str:
    data = b64encode(picture.png).decode("ascii")
    title = escape(picture.title)
    return (
        f'<h2>{title}</h2>\n<figure><img alt="{title}" src="data:image/png;base64,{data}">'
        f"<figcaption>{escape(picture.text)}</figcaption></figure>"
    )


def _table(rows: Iterable[Row]) -> Iterator[str]:
    rows = tuple(rows)
    for row in rows:
        cells = [*columns(row, rows), ", ".join(row.target.sources)]
        verdict = row.verdict.replace(" ", "-")
        yield f'<tr class="{verdict}">' + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
