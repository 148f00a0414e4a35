"""`python -m tests.commands.gallery` draws the pictures of the gallery of markets into scenarios/pictures.

On the left a row for each offer, blue while it can be had; on the right what some of them cost over their on-demand
price. Both are looked at 360 times, under the scenario's own seed and with no requests but its timeline's. Each picture
carries a digest of what it shows, so that a stale one is found.
"""

import argparse
from collections.abc import Iterator, Sequence
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from gpu_sim.core.kernel.clock import DAY_MS
from gpu_sim.core.scenario.catalog import PROVIDER_CLASSES, OfferSpec
from gpu_sim.core.simulation import Simulation
from gpu_sim.fidelity.report.figure_style import BLUE, GREEN, GREY, ORANGE, PINK, RED
from gpu_sim.scenario_files.load import load_scenario
from gpu_sim.shipped_files import folder
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo

DAYS = {
    "realistic": 7.0,
    "nine-zones": 7.0,
    "bad-week": 7.0,
    "black-friday": 1.5,
    "regional-outage": 1.0,
    "flapping-offer": 1.0,
    "frozen-prices": 7.0,
}
"""The scenarios of the gallery, and how many days of each are drawn."""

PICTURES = folder("scenarios") / "pictures"
LOOKS = 360
COLORS_MAX = 64
DIGEST = "Seen"
"""The name of the text chunk of a picture that holds the digest."""
NAMED_MAX = 12
"""Where there are more offers than this, only their classes are named."""

_COLORS = (BLUE, ORANGE, GREEN, PINK, RED, GREY)
_DOWN = "#e4e4e4"


class MarketLooks(NamedTuple):
    """A market as looks showed it: its offers by class, when each could be had, and their prices over on-demand; these
    are NaN while an offer is away from the market. Rows are offers, columns are looks."""

    specs: Sequence[OfferSpec]
    days: float
    up: npt.NDArray[np.bool_]
    ratios: npt.NDArray[np.float64]

    @property
    def digest(self) -> str:
        """Of all that is drawn."""
        return sha256(repr((self.specs, self.days, self.up.tolist(), self.ratios.tolist())).encode()).hexdigest()


def look_at(name: str) -> MarketLooks:
    """Run a scenario of the gallery and look at its market."""
    simulation = Simulation(load_scenario(name))
    offers = sorted(simulation.market.offers, key=lambda offer: PROVIDER_CLASSES.index(offer.spec.provider_class))
    up, ratios = [], []
    for look in range(LOOKS):
        simulation.advance(int(look * DAYS[name] * DAY_MS) // LOOKS)
        up.append([not (offer.is_down or offer.is_away or offer.outages) for offer in offers])
        ratios.append([np.nan if o.is_away else o.price_micros_per_hour / int(o.spec.on_demand_price) for o in offers])
    specs = [offer.spec for offer in offers]
    return MarketLooks(specs, DAYS[name], np.array(up).T, np.array(ratios).T)


def draw(seen: MarketLooks) -> bytes:
    """The picture as a PNG of few colours, so that it is small."""
    figure = Figure(figsize=(7.2, 2.3), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    _draw_availability(left, seen)
    _draw_prices(right, seen)
    for axes in (left, right):
        axes.set_xlim(0, seen.days)
        axes.set_xlabel("days", fontsize=7)
        axes.tick_params(labelsize=7)
        for spine in axes.spines.values():
            spine.set_visible(False)
    drawn, small = BytesIO(), BytesIO()
    figure.savefig(drawn, format="png")
    with Image.open(drawn) as image:
        few = image.convert("RGB").quantize(COLORS_MAX, dither=Image.Dither.NONE)
    few.save(small, format="png", optimize=True, pnginfo=_carrying(seen.digest))
    return small.getvalue()


def _carrying(digest: str) -> PngInfo:
    info = PngInfo()
    info.add_text(DIGEST, digest)
    return info


def digest_in(png: bytes) -> str:
    """The digest of what a picture shows."""
    with Image.open(BytesIO(png)) as image:
        return str(image.info[DIGEST])


def _draw_availability(axes: Axes, seen: MarketLooks) -> None:
    rows = len(seen.specs)
    axes.set_title("can be had", fontsize=8, loc="left")
    axes.imshow(
        seen.up,
        aspect="auto",
        interpolation="nearest",
        extent=(0, seen.days, rows - 0.5, -0.5),
        cmap=ListedColormap([_DOWN, BLUE]),
        vmin=0,
        vmax=1,
    )
    blocks = list(_blocks(seen.specs))
    axes.set_yticks([(first + last) / 2 for first, last, _ in blocks], [label for _, _, label in blocks])
    axes.tick_params(axis="y", length=0)
    for first, _, _ in blocks[1:]:
        axes.axhline(first - 0.5, color="white", linewidth=1.5)


def _blocks(specs: Sequence[OfferSpec]) -> Iterator[tuple[int, int, str]]:
    """First and last row and name of what is named on the left: each offer, or the classes of many."""
    if len(specs) <= NAMED_MAX:
        several = len({spec.provider_id for spec in specs}) > 1
        for row, spec in enumerate(specs):
            provider = f"{spec.provider_id} " if several else ""
            yield row, row, f"{provider}{spec.region.partition(',')[0]} {spec.gpu_model}"
        return
    classes = [spec.provider_class for spec in specs]
    for name in PROVIDER_CLASSES:
        if name in classes:
            first, count = classes.index(name), classes.count(name)
            yield first, first + count - 1, f"{name}, {count}"


def _draw_prices(axes: Axes, seen: MarketLooks) -> None:
    days = np.arange(LOOKS) * seen.days / LOOKS
    rows = np.unique(np.linspace(0, len(seen.specs) - 1, len(_COLORS)).astype(int))
    axes.set_title(f"price over on-demand, {len(rows)} of {len(seen.specs)} offers", fontsize=8, loc="left")
    for row, color in zip(rows, _COLORS, strict=False):
        axes.step(days, seen.ratios[row], where="post", color=color, linewidth=1.2)
    axes.set_ylim(0, 1.03)
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)


def main() -> None:
    """Draw those named, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.commands.gallery", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="SCENARIO", help="a scenario of the gallery; all unless given")
    parser.add_argument("--out", type=Path, default=PICTURES, metavar="DIR")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in DAYS]
    if unknown:
        parser.error(f"{', '.join(unknown)}: not of the gallery, which is {', '.join(DAYS)}")
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in arguments.names or DAYS:
        path = arguments.out / f"{name}.png"
        path.write_bytes(draw(look_at(name)))
        print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
