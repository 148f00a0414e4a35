"""The style of a market's pictures: a drawing as PNG, its colours and its axes. Drawn without a display."""

from io import BytesIO
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from msgspec import Struct

BLUE, ORANGE, GREEN, PINK, SKY, RED, YELLOW, GREY = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#d55e00",
    "#b8a900",
    "#6b6b6b",
)
"""The colours of Okabe and Ito, which colour-blind people tell apart; the yellow is darker, to be seen on white."""

PagePart = Literal["guess", "answer", "zones", "offers"]
"""The part of the page that a picture belongs to: the two rasters without labels, or with them; statistics of recorded
and simulated zones; or the scenario's own offers."""

_DPI = 110


class Picture(Struct, frozen=True):
    """A drawing as PNG, with the name of its file, a title, and a sentence that helps to read it."""

    name: str
    title: str
    text: str
    png: bytes
    part: PagePart = "offers"


def style(axes: Axes, title: str, x: str, y: str) -> None:
    """Titles, quiet lines and no frame."""
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    axes.tick_params(labelsize=8)
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def png_of(figure: Figure) -> bytes:
    """The drawing as a PNG that holds nothing of when or by what it was made."""
    FigureCanvasAgg(figure)
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return buffer.getvalue()
