"""A page of its own about a simulated market: the table and the pictures in one file that refers to no other."""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import Path
from string import Template

from ...core.kernel.randomness import PPM
from ...output_file import write_file
from ..fit.trace_calibration import Zone
from ..fit.zone_market import RecordedComparison, ZoneMarketRuns
from ..runs.seed_run import Plan
from .figure_style import PagePart, Picture
from .judged_targets import JudgedTarget
from .rasters import recorded_is_first
from .table import column_names, columns, summary
from .targets import SOURCES

PAGE = "market.html"

_NOTHING_RECORDED = RecordedComparison()

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
td:not(:first-child):not(:nth-last-child(2)) { white-space: nowrap; }
th { border-bottom: 2px solid #999; }
details { margin: .6rem 0; } summary { cursor: pointer; font-weight: 600; }
.held { color: #00664b; } .missed { color: #a34700; font-weight: 600; } .not-shown { color: #666; }
</style>
</head>
<body>
<h1>$title</h1>
<p>$about</p>
$comparison
$zones
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
$offers
<h2>Sources</h2>
<ul class="small">
$sources
</ul>
</body>
</html>
""")


def write_page(
    folder: Path,
    plan: Plan,
    seeds: Sequence[int],
    rows: Sequence[JudgedTarget],
    pictures: Sequence[Picture],
    comparison: RecordedComparison = _NOTHING_RECORDED,
) -> Path:
    """Write the page and each picture as a PNG into a folder, which is made if need be; answers the page's path.
    `comparison` has the runs of recorded zones and fleets, or says why there are none.

    Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for picture in pictures:
        write_file(folder / f"{picture.name}.png", picture.png)
    page = folder / PAGE
    write_file(page, page_text(plan, seeds, rows, pictures, comparison).encode())
    return page


def page_text(
    plan: Plan,
    seeds: Sequence[int],
    rows: Sequence[JudgedTarget],
    pictures: Sequence[Picture],
    comparison: RecordedComparison = _NOTHING_RECORDED,
) -> str:
    """The page as HTML. All text of the scenario is escaped."""
    return _PAGE.substitute(
        title=escape(f"The market of {plan.scenario.name}"),
        about=escape(_about(plan, seeds)),
        comparison=_comparison(plan, comparison, pictures),
        zones=_figures(pictures, "zones"),
        summary=escape(summary(rows)),
        head="".join(f"<th>{escape(name)}</th>" for name in (*column_names(rows), "sources")),
        rows="\n".join(_table(rows)),
        offers=_figures(pictures, "offers"),
        sources="\n".join(f"<li>{escape(f'{name}: {text}')}</li>" for name, text in SOURCES.items()),
    )


def _about(plan: Plan, seeds: Sequence[int]) -> str:
    looked = plan.looked
    return (
        f"{plan.days} days under each of the seeds {seeds[0]} to {seeds[-1]}. Availability is looked at every "
        f"{looked.observe_every_ms / 1000:g} s and written every {looked.gap_ms / 1000:g} s. "
        f"{' '.join(plan.scenario.description.split())}"
    )


_GUESS = Template("""\
$guess
<p>$how</p>
<details><summary>Which is which</summary>
<p>$which</p>
$answer
<p>What the model is known to miss of the nine zones that it was fitted to: stress comes and goes at once, so that fewer
days are mixed than in the recording, and fewer times up last beyond two days.</p>
</details>
<details><summary>The two numbers of each zone</summary>
<table>
<thead><tr><th>zone</th><th>up</th><th>seen to go down, per hour up</th><th>really, per hour up</th></tr></thead>
<tbody>
$zones
</tbody>
</table>
</details>""")


def _comparison(plan: Plan, comparison: RecordedComparison, pictures: Sequence[Picture]) -> str:
    """The runs of recorded zones, or the reason why there are none; empty without traces."""
    guess = "" if comparison.zones is None else _guess(plan, comparison.zones, pictures)
    return guess + (comparison.why and f"<p>{escape(comparison.why)}</p>")


def _guess(plan: Plan, runs_of_zones: ZoneMarketRuns, pictures: Sequence[Picture]) -> str:
    """The two rasters without labels, how the simulated one was made, and, hidden, which is which."""
    looked, seed = runs_of_zones.market.plan.looked, runs_of_zones.runs[0].seed
    one, other = "AB" if recorded_is_first(runs_of_zones) else "BA"
    how = (
        f"One of them is what the traces given hold, the other is what the market of {plan.scenario.name} made of the "
        f"same zones under seed {seed}. Of each zone two numbers come from the recording: how much of the time it was "
        "up, and how often it went down in an hour of that; nothing else says when. Zones of a region share its "
        "stress. All else is as the scenario says, but for its other offers, its churn and its timeline. Both were "
        f"looked at every {looked.observe_every_ms / 1000:.4g} s and written every {looked.gap_ms / 1000:g} s, for as "
        "long as the recording lasts. What is measured of the simulated zones, here and in the table, is of all seeds."
    )
    return _GUESS.substitute(
        guess=_figures(pictures, "guess"),
        how=escape(how),
        which=escape(f"{one} was recorded, {other} is simulated."),
        answer=_figures(pictures, "answer"),
        zones="\n".join(map(_zone, runs_of_zones.market.zones)),
    )


def _zone(zone: Zone) -> str:
    """The two numbers of a zone, and what the recorder saw of the second."""
    cells = [str(zone.name), "always", "", ""]
    if zone.recorded is not None and zone.rates is not None:
        share = zone.recorded.availability / PPM
        cells[1:] = f"{share:.1%}", f"{zone.recorded.per_hour:.3f}", f"{zone.rates.lost:.3f}"
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"


def _figures(pictures: Sequence[Picture], part: PagePart) -> str:
    """The pictures that belong there."""
    return "\n".join(_figure(picture) for picture in pictures if picture.part == part)


def _figure(picture: Picture) -> str:
    data = b64encode(picture.png).decode("ascii")
    title = escape(picture.title)
    return (
        f'<h2>{title}</h2>\n<figure><img alt="{title}" src="data:image/png;base64,{data}">'
        f"<figcaption>{escape(picture.text)}</figcaption></figure>"
    )


def _table(rows: Iterable[JudgedTarget]) -> Iterator[str]:
    rows = tuple(rows)
    for row in rows:
        cells = [*columns(row, rows), ", ".join(row.target.sources)]
        verdict = row.verdict.replace(" ", "-")
        yield f'<tr class="{verdict}">' + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
